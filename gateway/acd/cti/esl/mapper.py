"""FreeSWITCH's events in our words. Pure; what it knows of mod_callcenter is here and nowhere else.

A call is found by the header it came with (variable `sip_h_X-Video-Contact-Id`), else by the uuids learnt with it:
CC-Member-Session-UUID is the customer's channel, CC-Member-UUID its place in the queue, CC-Agent-UUID the agent's
channel. mod_callcenter tells the end of a talk, not who ended it nor what follows: that the channels tell, so it waits
a moment for them. Its words: `mod_callcenter.c`; the others': developer.signalwire.com/freeswitch, "Event List".
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.acd.correlation import read_correlation
from gateway.acd.cti import signs
from gateway.acd.cti.agents import MAX_AGENTS
from gateway.acd.cti.call import Call, CallState, Shown
from gateway.acd.cti.esl.wire import EslEvent
from gateway.acd.cti.ledger import Ledger, moment
from gateway.acd.cti.wrapping import WrapUps
from gateway.acd.events import AcdAgentState, AgentName, ExitReason, Party, RejectReason, TransferMode

GRACE_S: Final = 2.0
"""After a talk: the customer's channel is hung up within this, or somebody else has it."""

MAX_ENDING: Final = 10_000

_CANCELLED: Final = {
    "TIMEOUT": ExitReason.TIMEOUT,
    "NO_AGENT_TIMEOUT": ExitReason.EMPTY,
    "EXIT_WITH_KEY": ExitReason.KEY,
}
_RING_ENDS: Final = {  # hang-up causes of the agent's channel; any other is no answer
    "CALL_REJECTED": RejectReason.DECLINED,
    "USER_BUSY": RejectReason.BUSY,
    "ORIGINATOR_CANCEL": RejectReason.WITHDRAWN,
    "LOSE_RACE": RejectReason.WITHDRAWN,
    "USER_NOT_REGISTERED": RejectReason.UNREACHABLE,
    "SUBSCRIBER_ABSENT": RejectReason.UNREACHABLE,
    "UNALLOCATED_NUMBER": RejectReason.UNREACHABLE,
    "NO_ROUTE_DESTINATION": RejectReason.UNREACHABLE,
    "DESTINATION_OUT_OF_ORDER": RejectReason.UNREACHABLE,
    "NETWORK_OUT_OF_ORDER": RejectReason.UNREACHABLE,
    "NORMAL_CIRCUIT_CONGESTION": RejectReason.UNREACHABLE,
    "NORMAL_TEMPORARY_FAILURE": RejectReason.UNREACHABLE,
    "RECOVERY_ON_TIMER_EXPIRE": RejectReason.UNREACHABLE,
}
_STATES: Final = {
    "waiting": AcdAgentState.READY,
    "receiving": AcdAgentState.RINGING,
    "reserved": AcdAgentState.RINGING,
    "in a queue call": AcdAgentState.BUSY,
}
_NOBODY: Final = AgentName(ref="")
_BY_CUSTOMER: Final = frozenset({"recv_bye", "recv_cancel", "recv_refuse"})
_NORMAL: Final = frozenset({"", "NORMAL_CLEARING", "SUCCESS", "NONE", "ORIGINATOR_CANCEL"})


class _Agent:
    """mod_callcenter keeps two words of an agent: what they want (status) and what they do (state)."""

    __slots__ = ("state", "status", "wrap_up_s")

    def __init__(self) -> None:
        self.status = ""
        self.state = ""
        self.wrap_up_s = 0.0

    def ours(self) -> tuple[AcdAgentState, str | None]:
        status, state = self.status.lower(), self.state.lower()
        if state == "in a queue call":
            return AcdAgentState.BUSY, None
        if status == "logged out":
            return AcdAgentState.LOGGED_OFF, None
        if status == "on break":
            return AcdAgentState.NOT_READY, None
        if state == "idle":
            return AcdAgentState.NOT_READY, "idle"
        return _STATES.get(state, AcdAgentState.READY), None


class EslMapper:
    """Takes events as they come, writes into the ledger."""

    def __init__(self, ledger: Ledger, header: str) -> None:
        """`header`: the SIP header with the correlation id, as `X-Video-Contact-Id`."""
        self.ledger = ledger
        self._variable = f"variable_sip_h_{header}".lower()
        self._agents: OrderedDict[str, _Agent] = OrderedDict()
        self._heard: set[str] = set()  # agents, since the snapshot that is being read was asked for
        self._ending: OrderedDict[str, tuple[float, AgentName, EslEvent]] = OrderedDict()
        self._broken_out: OrderedDict[str, float | None] = OrderedDict()  # and how long they had waited
        self._wrap_ups = WrapUps()
        self._received_at = datetime.fromtimestamp(0, UTC)
        self._now_s = 0.0

    # ---------------------------------------------------------------- events

    def take(self, event: EslEvent, received_at: datetime, now_s: float) -> None:
        """One event. Whatever it says, nothing is raised."""
        self._received_at, self._now_s = received_at, now_s
        name = event.get("event-name")
        if name == "CUSTOM":
            if event.get("event-subclass") == "callcenter::info":
                self._callcenter(event)
            return
        call = self._call_of(event)
        if call is None:
            return
        own = event.get("unique-id") == call.leg
        match name:
            case "CHANNEL_HOLD":
                self._say(call, signs.PutOnHold(Party.GATEWAY if own else Party.AGENT), event)
            case "CHANNEL_UNHOLD":
                self._say(call, signs.TakenBack(Party.GATEWAY if own else Party.AGENT), event)
            case "CHANNEL_BRIDGE":
                self._bridged(call, event)
            case "CHANNEL_HANGUP_COMPLETE" if own:
                self._hung_up(call, event)
            case _:
                pass  # of the channels only these were asked for

    def _callcenter(self, event: EslEvent) -> None:
        action = event.get("cc-action")
        if action in ("agent-status-change", "agent-state-change"):
            self._agent_changed(event)
            return
        call = self._call_of(event)
        if call is None:
            return
        agent = self.ledger.names.of(event.get("cc-agent")[:128])
        queue = event.get("cc-queue")[:128]
        match action:
            case "member-queue-start" | "member-queue-resume":
                call.channel = event.get("cc-member-uuid")
                self._moved_on(call, event)
                self._say(call, signs.Joined(queue), event)
            case "agent-offering":
                self._say(call, signs.Rang(agent, queue), event)
            case "bridge-agent-start":
                self._say(call, signs.Answered(agent, queue), event)
            case "bridge-agent-fail":
                self._say(call, signs.RingEnded(agent, _RING_ENDS.get(event.get("cc-hangup-cause"))), event)
            case "bridge-agent-end":
                self._talk_ended(call, agent, event)
            case "member-queue-end":
                self._queue_ended(call, agent, event)
            case "members-count" | "agent-add" | "agent-contact":
                pass
            case _:
                self._say(call, signs.Strange(f"callcenter {action}"[:64]), event)

    def _say(self, call: Call, sign: signs.Sign, event: EslEvent) -> None:
        self.ledger.say(call, sign, _occurred(event, self._received_at), _raw(event))

    # ---------------------------------------------------------------- which call

    def _call_of(self, event: EslEvent) -> Call | None:
        member = event.get("cc-member-session-uuid")
        if member:
            known = self.ledger.calls.find(member, event.get("cc-member-uuid"))
        else:
            known = self.ledger.calls.find(event.get("unique-id"), event.get("other-leg-unique-id"))
        read = read_correlation(event.get(self._variable))
        if known is None and read is not None and member:  # other channels may have inherited the header
            known = self.learn(read, member, event.get("cc-member-uuid"))
        if known is not None and event.get("cc-agent-uuid"):
            self.ledger.calls.learn(known.correlation, event.get("cc-agent-uuid"), now_s=self._now_s)
        return known

    def learn(self, correlation: str, leg: str, member: str) -> Call | None:
        """That channel is the customer's of that call. None: another channel is, and still lives."""
        calls = self.ledger.calls
        call = calls.get(read_correlation(correlation) or "")
        if call is not None and call.leg and call.leg != leg:
            if call.state is not CallState.ENDED:
                return None
            calls.forget(call.correlation)
        call = calls.learn(correlation, leg, member, now_s=self._now_s)
        if call is not None:
            call.leg = leg
        return call

    # ---------------------------------------------------------------- the end of a talk

    def _talk_ended(self, call: Call, agent: AgentName, event: EslEvent) -> None:
        if call.state is CallState.ENDED:
            return  # the customer's channel was hung up, and said so
        if len(self._ending) >= MAX_ENDING:
            self._over(next(iter(self._ending)))
        self._ending[call.correlation] = (self._now_s + GRACE_S, agent, event)
        call.touched = True

    def _over(self, correlation: str) -> None:
        """Nobody else has the customer: the agent hung up."""
        _, agent, event = self._ending.pop(correlation)
        call = self.ledger.calls.get(correlation)
        if call is not None:
            self._say(call, signs.TalkEnded(Party.AGENT, agent=agent), event)
            self._wrap_up(agent, event)

    def _moved_on(self, call: Call, event: EslEvent) -> None:
        """The customer's channel goes on after a talk: the agent transferred it."""
        ending = self._ending.pop(call.correlation, None)
        if ending is not None:
            self._say(call, signs.Moving(TransferMode.BLIND), event)
            self._wrap_up(ending[1], event)

    def _bridged(self, call: Call, event: EslEvent) -> None:
        if call.correlation not in self._ending and call.state is not CallState.MOVING:
            return
        self._moved_on(call, event)
        name = event.get("other-leg-destination-number") or event.get("caller-destination-number")
        self._say(call, signs.Moved(self.ledger.names.of(name[:128]) if name else None), event)

    def _hung_up(self, call: Call, event: EslEvent) -> None:
        by = Party.CUSTOMER if event.get("variable_sip_hangup_disposition") in _BY_CUSTOMER else Party.AGENT
        cause = event.get("hangup-cause")
        reason = "normal" if cause in _NORMAL else cause.lower()[:64]
        talked = call.agent if call.state in (CallState.CONNECTED, CallState.HELD, CallState.MOVING) else None
        self._ending.pop(call.correlation, None)
        if talked is None and by is Party.AGENT:
            by = Party.ACD
        if call.left and call.exit is None and call.correlation in self._broken_out:
            self._say(call, signs.GaveUp(self._broken_out.pop(call.correlation)), event)
            return
        waiting = call.state in (CallState.QUEUED, CallState.RINGING) and not call.left
        if waiting and len(self._ending) < MAX_ENDING:
            call.ending = by  # member-queue-end, which says why, is on its way
            self._ending[call.correlation] = (self._now_s + GRACE_S, _NOBODY, event)
            return
        self._say(call, signs.HungUp(by, reason), event)
        if talked is not None:
            self._wrap_up(talked, event)

    def _queue_ended(self, call: Call, agent: AgentName, event: EslEvent) -> None:
        if event.get("cc-cause") == "Terminated":
            if call.correlation not in self._ending and call.state is not CallState.MOVING:
                self._talk_ended(call, agent, event)  # bridge-agent-end was lost
            return
        gone = self._ending.pop(call.correlation, None) is not None  # the channel was hung up before
        why = _CANCELLED.get(event.get("cc-cancel-reason"))
        if call.withdrawn:
            why = ExitReason.WITHDRAWN
        if why is not None:
            self._say(call, signs.Left(why), event)
            if gone:
                self._say(call, signs.HungUp(call.ending or Party.ACD), event)
        elif gone:
            self._say(call, signs.GaveUp(_waited(event)), event)
        else:  # the customer hung up, and the channel will say so; or somebody took the channel elsewhere
            self._say(call, signs.Left(), event)
            self._note_break_out(call, event)

    def _note_break_out(self, call: Call, event: EslEvent) -> None:
        self._broken_out[call.correlation] = _waited(event)
        if len(self._broken_out) > MAX_ENDING:
            self._broken_out.popitem(last=False)

    # ---------------------------------------------------------------- agents

    def _wrap_up(self, agent: AgentName, event: EslEvent) -> None:
        known = self._agents.get(agent.ref)
        if known is not None and self._wrap_ups.begin(agent.ref, known.wrap_up_s, self._now_s):
            self._report(agent.ref, event)

    def _agent_changed(self, event: EslEvent) -> None:
        agent = self._agent(event.get("cc-agent")[:128])
        if agent is not None:
            agent.status = event.get("cc-agent-status") or agent.status
            agent.state = event.get("cc-agent-state") or agent.state
            self._heard.add(event.get("cc-agent")[:128])
            self._report(event.get("cc-agent")[:128], event)

    def _agent(self, ref: str) -> _Agent | None:
        if not ref:
            return None
        agent = self._agents.get(ref)
        if agent is None:
            if len(self._agents) >= MAX_AGENTS:
                return None
            agent = self._agents[ref] = _Agent()
        return agent

    def _report(self, ref: str, event: EslEvent | None) -> None:
        agent = self._agents.get(ref)
        state, reason = (AcdAgentState.LOGGED_OFF, None) if agent is None else agent.ours()
        if ref in self._wrap_ups:
            if state is AcdAgentState.READY:
                state = AcdAgentState.WRAP_UP
            elif state is not AcdAgentState.BUSY:
                self._wrap_ups.end(ref)
        self.ledger.report_agent(
            ref,
            state,
            reason,
            at=self._received_at if event is None else _occurred(event, self._received_at),
            received_at=self._received_at,
            now_s=self._now_s,
            raw={} if event is None else _raw(event),
        )

    # ---------------------------------------------------------------- time and snapshot

    def next_deadline(self) -> float | None:
        """When `on_timer` is to be called, monotonic seconds."""
        ending = next(iter(self._ending.values()))[0] if self._ending else None
        return min((each for each in (ending, self._wrap_ups.next_deadline()) if each is not None), default=None)

    def on_timer(self, received_at: datetime, now_s: float) -> None:
        """Talks that nobody went on with, and after-call work that mod_callcenter keeps by itself."""
        self._received_at, self._now_s = received_at, now_s
        for correlation, (due_s, agent, event) in list(self._ending.items()):
            if due_s > now_s:
                break
            if agent is not _NOBODY:
                self._over(correlation)
                continue
            del self._ending[correlation]
            call = self.ledger.calls.get(correlation)
            if call is not None:
                self._say(call, signs.HungUp(call.ending or Party.UNKNOWN), event)
        for ref in self._wrap_ups.due(now_s):
            self._report(ref, None)

    def begin_snapshot(self) -> None:
        """The state is asked for now: what is told from now on is newer."""
        self.ledger.begin_snapshot()
        self._heard.clear()

    def snapshot(
        self,
        members: Iterable[Mapping[str, str]],
        agents: Iterable[Mapping[str, str]],
        alive: Iterable[str],
        received_at: datetime,
        now_s: float,
    ) -> int:
        """Rows of `queue list members` and of `agent list`, and the channels (uuids) that still exist. How many calls
        had to be corrected."""
        self._received_at, self._now_s = received_at, now_s
        listed = set()
        for row in agents:
            ref = row.get("name", "")[:128]
            agent = self._agent(ref)
            if agent is None:
                continue
            listed.add(ref)
            wrap_up = row.get("wrap_up_time", "")
            agent.wrap_up_s = float(wrap_up[:6]) if wrap_up.isascii() and wrap_up.isdigit() else 0.0
            if ref in self._heard:
                continue
            agent.status, agent.state = row.get("status", ""), row.get("state", "")
            self._report(ref, None)
        for ref in [ref for ref in self._agents if ref not in listed | self._heard]:
            del self._agents[ref]
            self._report(ref, None)
        up = set(alive)
        living = {call.correlation for call in self.ledger.calls if call.leg in up}
        return self.ledger.settle(self._shown(members), living, received_at)

    def _shown(self, members: Iterable[Mapping[str, str]]) -> dict[str, Shown]:
        shown: dict[str, Shown] = {}
        lines: dict[str, list[tuple[float, str, bool]]] = {}
        for row in members:
            call = self.ledger.calls.find(row.get("session_uuid", ""), row.get("uuid", ""))
            state, queue = row.get("state", ""), row.get("queue", "")[:128]
            if state in ("Waiting", "Trying"):
                correlation = call.correlation if call is not None else ""
                lines.setdefault(queue, []).append((_score(row), correlation, state == "Trying"))
            elif state == "Answered" and call is not None:
                shown[call.correlation] = Shown(queue, agent=self.ledger.names.of(row.get("serving_agent", "")[:128]))
        for queue, line in lines.items():
            known = all(score >= 0 for score, _, _ in line)
            line.sort(key=lambda entry: -entry[0])
            for place, (_, correlation, ringing) in enumerate(line, 1):
                if correlation:
                    shown[correlation] = Shown(queue, place if known else None, ringing=ringing)
        return shown


def _score(row: Mapping[str, str]) -> float:
    """Who has the highest is next; -1 where this FreeSWITCH does not show it."""
    text = row.get("score", "")
    return float(text[:12]) if text.isascii() and text.isdigit() else -1.0


def _occurred(event: EslEvent, otherwise: datetime) -> datetime:
    """`Event-Date-Timestamp` is in microseconds."""
    text = event.get("event-date-timestamp")
    return moment(f"{text[:-6]}.{text[-6:]}" if len(text) > 6 and text.isdigit() else "", otherwise)


def _waited(event: EslEvent) -> float | None:
    """Two stamps of the same clock: however wrong it is, their difference is right."""
    joined, left = event.get("cc-member-joined-time"), event.get("cc-member-leaving-time")
    if not (joined.isascii() and joined.isdigit() and left.isascii() and left.isdigit()):
        return None
    return float(min(86_400, max(0, int(left[:12]) - int(joined[:12]))))


def _raw(event: EslEvent) -> dict[str, str]:
    """What mod_callcenter said first, then the rest as far as there is room."""
    own = {key: value for key, value in event.fields.items() if key.startswith(("cc-", "event-name", "hangup"))}
    return own | event.fields
