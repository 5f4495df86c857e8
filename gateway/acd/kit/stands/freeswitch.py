"""The stand of call mode with a FreeSWITCH: its event socket is simulated, over a real socket."""

from typing import Final

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.connection import Address
from gateway.acd.cti.esl.dialect import EslDialect
from gateway.acd.cti.esl.simulator import FreeswitchSimulator, Member
from gateway.acd.cti.ledger import Ledger
from gateway.acd.cti.reader import CtiReader, Pace
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.calls import ANNA, BEN, QUEUE, CallStand
from gateway.acd.sip.feed import CtiFeed
from gateway.base.clock import Clock
from gateway.base.ids import AgentId, ContactId, new_offer_id

NAMES: Final = {ANNA: "1001@default", BEN: "1002@default"}
THEIR_QUEUE: Final = f"{QUEUE}@default"
PACE: Final = Pace(ping_s=1.0, resync_s=60.0, retry_first_s=0.02, retry_last_s=0.1, refused_s=0.5)
_YEAR_S: Final = 365 * 86_400.0


class Overheard(FreeswitchSimulator):
    """Keeps what it said last, so that it can be said again."""

    last = b""

    def send(self, data: bytes) -> None:
        self.last = data
        super().send(data)


class FreeswitchSwitch:
    """A `Switch`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = 0.0
        self.simulator = Overheard(time=lambda: clock.now().timestamp() + self._ahead_s)
        self._members: dict[ContactId, Member] = {}
        self._rang = b""
        self._unheard = False

    async def start(self) -> None:
        await self.simulator.start(self.simulator.port)

    async def stop(self) -> None:
        await self.simulator.aclose()

    async def restart(self) -> None:
        self._members.clear()
        await self.simulator.restart()

    async def aclose(self) -> None:
        await self.simulator.aclose()

    def feed(self) -> CtiFeed:
        names = AgentNames({name: agent for agent, name in NAMES.items()})
        dialect = EslDialect(
            address=Address(host="127.0.0.1", port=self.simulator.port, connect_s=2.0, answer_s=1.0),
            password=self.simulator.password,
            ledger=Ledger("kit", names, new_offer_id, {THEIR_QUEUE: QUEUE}),
            clock=self._clock,
            header=self.simulator.header,
            queues=(THEIR_QUEUE,),
            withdraw_to="withdrawn XML default",
        )
        return CtiReader("kit", dialect, self._clock, PACE, random=lambda: 0.0, on_alarm=lambda _code, _detail: None)

    # ------------------------------------------------------------ callers

    def arrived(self, contact: ContactId, correlation: str) -> None:
        member = self._members[contact] = self.simulator.call(correlation)
        self.simulator.join(member, THEIR_QUEUE)

    def ring(self, contact: ContactId, agent: AgentId) -> None:
        if self._unheard:
            self.simulator.muted.add("agent-offering")
        self.simulator.ring(self._members[contact], NAMES[agent])
        self._rang = self.simulator.last
        self.simulator.muted.discard("agent-offering")
        self._unheard = False

    def answer(self, contact: ContactId, agent: AgentId) -> None:
        self.simulator.answer(self._members[contact], NAMES[agent])

    def not_taken(self, contact: ContactId, agent: AgentId, why: Act) -> None:
        cause = {Act.REJECT: "CALL_REJECTED", Act.CRASH: "DESTINATION_OUT_OF_ORDER"}.get(why, "NO_ANSWER")
        self.simulator.no_answer(self._members[contact], cause)
        self.simulator.set_agent(NAMES[agent], status="On Break")

    def let_go(self, contact: ContactId) -> None:
        member = self._members.pop(contact)
        self.simulator.leave(member, "TIMEOUT")
        self.simulator.hang_up(member)

    def over(self, contact: ContactId, by: str, *, talked: bool) -> None:
        member = self._members.pop(contact, None)
        if member is None:
            return
        if talked:
            self.simulator.complete(member, by)
        else:
            self.simulator.abandon(member)

    def hold(self, contact: ContactId, on: bool) -> None:
        self.simulator.hold(self._members[contact], on=on)

    def move(self, contact: ContactId, agent: AgentId) -> None:
        member = self._members[contact]
        self.simulator.complete(member, "transfer")
        self.simulator.bridged(member, NAMES[agent].partition("@")[0])

    # ------------------------------------------------------------ agents

    def agent(self, agent: AgentId, act: Act) -> None:
        name, simulator = NAMES[agent], self.simulator
        match act:
            case Act.READY:
                if name not in simulator.agents:
                    simulator.agent(name)
                simulator.set_agent(name, status="On Break")
                simulator.set_agent(name, status="Available", state="Waiting")
            case Act.NOT_READY:
                simulator.set_agent(name, status="On Break")
            case Act.CRASH:
                simulator.set_agent(name, status="Logged Out")
            case _:
                pass

    # ------------------------------------------------------------ oddities

    def odd(self, act: Act, contact: ContactId | None, agent: AgentId | None) -> None:
        simulator = self.simulator
        member = self._members.get(contact) if contact is not None else None
        match act:
            case Act.REPEAT:
                simulator.send(self._rang)
            case Act.SAY_OLD if member is not None and agent is not None:
                uuids = {"CC_Member_UUID": member.uuid, "CC_Member_Session_UUID": member.session}
                fail = {"CC_Action": "bridge-agent-fail", "CC_Queue": THEIR_QUEUE, "CC_Hangup_Cause": "NO_ANSWER"}
                simulator.event("CUSTOM", subclass="callcenter::info", CC_Agent=NAMES[agent], **fail, **uuids)
            case Act.LOSE:
                self._unheard = True
            case Act.SAY_UNKNOWN if member is not None:
                simulator.event("CUSTOM", subclass="callcenter::info", CC_Action="peeled", Unique_ID=member.session)
            case Act.SAY_STRANGER:
                simulator.join(simulator.call(""), THEIR_QUEUE)
                simulator.join(simulator.call("STRANGER"), THEIR_QUEUE)
            case Act.SAY_NONSENSE:
                body = b"Event-Name\n\xff%zz: \x00\n\n"
                head = b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(body)
                simulator.send(head + body + b"Content-Type: text/peel\n\n")
            case Act.CLOCK_WRONG:
                self._ahead_s = _YEAR_S
            case _:
                pass


def esl_stand(clock: Clock) -> CallStand:
    return CallStand("esl", clock, FreeswitchSwitch(clock))
