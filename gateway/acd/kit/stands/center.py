"""The stand of task mode: an ACD with an API, simulated in this process. It speaks the gateway's own webhooks
(`presets/visavis.yaml`); commands come as the adapter sends them, events go back signed."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from gateway.acd.events import TargetKind, TransferTarget
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.switchboard import Switchboard
from gateway.acd.port import AcdPort, Phase
from gateway.acd.tasks.adapter import TaskAcd
from gateway.acd.tasks.document import load_mapping
from gateway.acd.tasks.ports import Answer, Call, CallFailed
from gateway.acd.tasks.verifying import KEY_HEADER, SignatureVerifier
from gateway.base.clock import Clock
from gateway.base.errors import BadInput, InvariantBroken
from gateway.base.ids import AgentId, ContactId
from gateway.base.signing import sign
from gateway.config.acd_tasks import TaskAcdSettings

QUEUE: Final = "kit"
ANNA, BEN = AgentId("ag_kitanna0"), AgentId("ag_kitben00")
URL: Final = "http://kit.example/events"
SECRET: Final = "of a simulator in one process"  # noqa: S105 - signs nothing that leaves the process
SLOW_S: Final = 0.3
YEAR: Final = timedelta(days=365)

_NAMES: Final = {"wrap_up_started": "WrapUpStarted", "wrap_up_done": "WrapUpDone", "no_answer": "NoAnswer"}
_EVENT_OF: Final = {Act.REJECT: "rejected", Act.RING_OUT: "no_answer", Act.CRASH: "rejected"}

Body = dict[str, Any]


class CenterStand:
    """A `Stand`, and the `Caller` of the adapter."""

    adapter = "tasks"
    queue = QUEUE
    agents = (ANNA, BEN)
    target = TransferTarget(kind=TargetKind.AGENT, value=BEN)
    can = frozenset(Act) - {Act.RESTART_GATEWAY, Act.NEVER_CONNECT}
    wait_s = 5.0
    quiet_s = 0.2  # longer than a gap is waited for

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._acd: TaskAcd | None = None
        self._board = Switchboard(self._ring)
        self._wants: set[AgentId] = set()  # who wants contacts as soon as they are free
        self._parked: set[ContactId] = set()  # keep their place and are not offered
        self._phases: dict[ContactId, Phase] = {}
        self._reservations: dict[ContactId, str] = {}
        self._numbers = itertools.count(1)
        self._seq: Counter[ContactId] = Counter()
        self._said: dict[ContactId, Counter[str]] = defaultdict(Counter)
        self._unsent: list[Body] = []  # while the line is cut
        self._last: Body = {}
        self._late: Body | None = None  # arrives after the next one
        self._acts: set[Act] = set()  # how it behaves from now on
        self._soon: set[asyncio.Handle] = set()

    # ------------------------------------------------------------ life

    async def start(self, meet: Callable[[AcdPort], None]) -> None:
        self._acd = TaskAcd(
            settings=TaskAcdSettings.model_validate(
                {
                    "name": "kit",
                    "kind": "tasks",
                    "url": URL,
                    "timeout": 1,
                    "retry_first": 0.05,
                    "retry_last": 0.1,
                    "breaker_failures": 2,
                    "breaker_pause": 0.1,
                    "gap_wait": 0.1,
                }
            ),
            mapping=load_mapping("visavis", {}),
            caller=self,
            verifier=SignatureVerifier({"1": SECRET}, 300),
            store=None,
            clock=self._clock,
            node="kit",
        )
        meet(self._acd)
        await self._acd.start()

    async def aclose(self) -> None:
        for handle in self._soon:
            handle.cancel()
        acd, self._acd = self._acd, None  # which closes its caller, and that is this stand
        if acd is not None:
            await acd.aclose()

    def said(self, contact: ContactId) -> Mapping[str, int] | None:
        return self._said[contact]

    # ------------------------------------------------------------ commands

    async def call(self, call: Call) -> Answer:
        if Act.CUT in self._acts:
            raise CallFailed("cut")
        if Act.SLOW in self._acts:
            await asyncio.sleep(SLOW_S)
        asked: Body = json.loads(call.body)
        command = asked["command"]
        if command == "agent_state":
            self._agent_asked(AgentId(asked["agent"]["ref"]), asked["agent"]["state"])
            return _answer({})
        contact = ContactId(asked["contact_id"])
        if command == "create":
            return self._create(contact, asked)
        if command == "look":
            return _answer({"phase": self._phases.get(contact, Phase.GONE).value})
        if contact not in self._phases:
            return _answer({}, 404)
        return self._obey(contact, command, asked)

    def _create(self, contact: ContactId, asked: Body) -> Answer:
        if {Act.FULL, Act.REFUSE} & self._acts:
            return _answer({}, 422)
        if contact not in self._phases:
            self._phases[contact] = Phase.QUEUED
            self._say(contact, "offered")
            if Act.HANG_UP_AT_ONCE in self._acts:
                self._drop(contact)
                self._say(contact, "queue_exit", reason="refused")
                return _answer({"ref": contact})
            self._say(contact, "queued", place=len(self._board.waiting) + 1)
            if asked["task"].get("offerable", True):
                self._board.arrive(contact)
            else:
                self._parked.add(contact)
        return _answer({"ref": contact})

    def _obey(self, contact: ContactId, command: str, asked: Body) -> Answer:
        match command:
            case "accept":
                self._board.answer(contact)
                self._phases[contact] = Phase.CONNECTED
            case "decline" if asked["reason"] == "withdrawn":  # not the agent's doing: they stay ready
                agent = self._board.ringing.get(contact)
                self._parked.add(contact)
                self._board.leave(contact)
                self._back(contact)
                if agent is not None:
                    self._ready(agent)
            case "decline":
                self._board.refuse(contact)
                self._back(contact)
            case "offerable" if asked["offerable"]:
                self._parked.discard(contact)
                self._board.arrive(contact)
            case "offerable":
                self._parked.add(contact)
                self._leave(contact)
            case "requeue" | "media_failed":
                self._leave(contact)
                self._back(contact)
                self._board.arrive(contact, at_head=True)
            case "held":
                self._phases[contact] = Phase.HELD
            case "resumed":
                self._phases[contact] = Phase.CONNECTED
            case "transfer" if Act.FAIL_TRANSFERS in self._acts:
                return _answer({}, 409)
            case "transfer":
                self._board.move(contact, BEN)
                self._say(contact, "transferred", agent=BEN)
            case "handed_over":
                before = self._board.move(contact, AgentId(asked["agent"]))
                if before in self._wants and before is not None:
                    self._board.ready(before)
            case "ended":
                self._leave(contact)
                self._phases[contact] = Phase.WRAP_UP
            case "cancel" | "wrapped_up":
                self._drop(contact)
                self._places()
            case _:
                pass  # media_confirmed, update
        return _answer({})

    def _agent_asked(self, agent: AgentId, state: str) -> None:
        if state == "ready":
            self._ready(agent)
        else:
            self._not_ready(agent)

    # ------------------------------------------------------------ the queue

    def _ready(self, agent: AgentId) -> None:
        self._wants.add(agent)
        self._board.ready(agent)

    def _not_ready(self, agent: AgentId) -> None:
        self._wants.discard(agent)
        self._board.not_ready(agent)

    def _leave(self, contact: ContactId) -> None:
        agent = self._board.leave(contact)
        if agent in self._wants and agent is not None:
            self._board.ready(agent)

    def _drop(self, contact: ContactId) -> None:
        self._phases.pop(contact, None)
        self._parked.discard(contact)
        self._leave(contact)

    def _back(self, contact: ContactId) -> None:
        if contact not in self._board.ringing:
            self._phases[contact] = Phase.QUEUED

    def _places(self) -> None:
        for place, contact in enumerate(self._board.waiting, 1):
            self._say(contact, "queued", place=place)

    def _ring(self, contact: ContactId, agent: AgentId) -> None:
        self._wants.discard(agent)
        self._phases[contact] = Phase.RINGING
        reservation = self._reservations[contact] = f"rv{next(self._numbers)}"
        self._say(contact, "reserved", reservation=reservation, agent=agent)
        self._places()

    # ------------------------------------------------------------ events

    def _say(self, contact: ContactId, event: str, **fields: Any) -> None:
        self._seq[contact] += 1
        self._said[contact][_NAMES.get(event, "".join(word.title() for word in event.split("_")))] += 1
        self._send({"contact_id": contact, "ref": contact, "seq": self._seq[contact], "event": event, **fields})

    def _send(self, body: Body) -> None:
        ahead = YEAR if Act.CLOCK_WRONG in self._acts else timedelta(0)
        body = {"event_id": f"e{next(self._numbers)}", "occurred_at": (self._clock.now() + ahead).isoformat(), **body}
        if Act.SAY_MORE in self._acts:
            body |= {"peel": {"colour": ["yellow", None]}, "agent_mood": 7}
        self._last = body
        if body["event"] == "reserved" and Act.LOSE in self._acts:
            self._acts.discard(Act.LOSE)
        elif body["event"] == "reserved" and Act.SWAP in self._acts:
            self._acts.discard(Act.SWAP)
            self._late = body
        elif Act.CUT in self._acts:
            self._unsent.append(body)
        else:
            self._deliver_soon(body)
            if self._late is not None and self._late["contact_id"] == body.get("contact_id"):
                late, self._late = self._late, None
                self._deliver_soon(late)

    def _deliver_soon(self, body: Body | bytes) -> None:
        """Not from within a command: its answer comes first."""

        def deliver() -> None:
            self._soon.discard(handle)
            self._deliver(body if isinstance(body, bytes) else json.dumps(body).encode())

        handle = asyncio.get_running_loop().call_soon(deliver)
        self._soon.add(handle)

    def _deliver(self, raw: bytes) -> None:
        if self._acd is None:
            return
        headers = {KEY_HEADER: "1", **sign(SECRET, int(self._clock.now().timestamp()), raw)}
        with contextlib.suppress(BadInput):  # as a server answers 400, and the ACD goes on
            self._acd.receive(URL, headers, raw)

    # ------------------------------------------------------------ acts

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        if contact is not None and act not in (Act.WRAP_UP, Act.WRAP_UP_DONE, Act.SAY_OLD):
            await self._has_come(contact)
        match act:
            case Act.MEND:
                self._acts.discard(Act.CUT)
                unsent, self._unsent = self._unsent, []
                for body in unsent:
                    self._deliver_soon(body)
            case Act.RESTART_ACD:
                self._board.clear()
                self._phases.clear()
                self._parked.clear()
            case Act.REPEAT:
                self._deliver_soon(self._last)
            case Act.SAY_STRANGER:
                self._send({"contact_id": "ct_stranger", "seq": 1, "event": "queued", "place": 1})
            case Act.SAY_NONSENSE:
                self._deliver_soon(b'{"event": \xff')
                self._deliver_soon(b"[]")
            case Act.READY | Act.NOT_READY | Act.CRASH if contact is None and agent is not None:
                self._of_agent(act, agent)
            case _ if contact is not None:
                self._of_contact(act, contact, agent)
            case _:
                self._acts.add(act)

    async def _has_come(self, contact: ContactId) -> None:
        async with asyncio.timeout(self.wait_s):
            while contact not in self._phases:  # noqa: ASYNC110 - commands are on their way
                await asyncio.sleep(0.005)

    def _of_agent(self, act: Act, agent: AgentId) -> None:
        state = {Act.READY: "ready", Act.NOT_READY: "not_ready"}.get(act, "logged_off")
        self._send({"event": "agent_state", "agent": agent, "state": state})
        if act is Act.READY:
            self._ready(agent)
        else:
            self._not_ready(agent)

    def _of_contact(self, act: Act, contact: ContactId, agent: AgentId | None) -> None:
        match act:
            case Act.ANSWER:
                taker = self._board.answer(contact)
                self._phases[contact] = Phase.CONNECTED
                self._say(contact, "accepted", reservation=self._reservations.get(contact, ""), agent=taker or "")
            case Act.REJECT | Act.RING_OUT:
                self._not_taken(act, contact)
            case Act.CRASH if contact in self._board.ringing:
                self._not_taken(act, contact)
            case Act.CRASH | Act.HANG_UP:
                self._leave(contact)
                self._phases[contact] = Phase.WRAP_UP
                self._say(contact, "ended", by="agent", reason="normal")
            case Act.HOLD | Act.RESUME:
                self._phases[contact] = Phase.HELD if act is Act.HOLD else Phase.CONNECTED
                self._say(contact, "held" if act is Act.HOLD else "resumed", by="agent")
            case Act.MOVE if agent is not None:
                self._board.move(contact, agent)
                self._say(contact, "transferred", agent=agent)
            case Act.WRAP_UP:
                self._say(contact, "wrap_up_started")
            case Act.WRAP_UP_DONE:
                self._drop(contact)
                self._say(contact, "wrap_up_done", disposition="resolved")
            case Act.LET_GO:
                self._drop(contact)
                self._say(contact, "queue_exit", reason="timeout")
            case Act.SAY_OLD:
                self._say(contact, "no_answer", reservation="rv0", agent=agent or "")
            case Act.SAY_UNKNOWN:
                self._say(contact, "banana_peeled")
            case _:
                raise InvariantBroken("kit_cannot", f"This stand can't do {act}.")

    def _not_taken(self, act: Act, contact: ContactId) -> None:
        reservation = self._reservations[contact]
        agent = self._board.refuse(contact)
        self._back(contact)
        reason = "unreachable" if act is Act.CRASH else "declined"
        self._say(contact, _EVENT_OF[act], reservation=reservation, agent=agent or "", reason=reason)


def _answer(body: Body, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(body).encode())
