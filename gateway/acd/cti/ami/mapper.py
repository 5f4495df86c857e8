"""Asterisk's events in our words. Pure; what it knows of app_queue is here and nowhere else.

A call is found by the channel variable with the correlation id (`channelvars` in manager.conf shows it on every event
of the channel, `VarSet` tells it once), else by Uniqueid and Linkedid learnt with it. app_queue's own words and what
they mean: `apps/app_queue.c`; fields of the others: docs.asterisk.org, "AMI Events".
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.acd.correlation import read_correlation
from gateway.acd.cti import signs
from gateway.acd.cti.ami.members import Members
from gateway.acd.cti.ami.queue_log import REPEATABLE, QueueLogLine, sign_of
from gateway.acd.cti.ami.wire import AmiMessage
from gateway.acd.cti.call import Call, CallState, Shown
from gateway.acd.cti.ledger import Ledger, moment
from gateway.acd.cti.wrapping import WrapUps
from gateway.acd.events import (
    AcdAgentState,
    AgentName,
    ExitReason,
    Party,
    RejectReason,
    TargetKind,
    TransferMode,
    TransferTarget,
)

EXITS: Final = {  # QUEUESTATUS
    "TIMEOUT": ExitReason.TIMEOUT,
    "FULL": ExitReason.FULL,
    "JOINEMPTY": ExitReason.EMPTY,
    "LEAVEEMPTY": ExitReason.EMPTY,
    "JOINUNAVAIL": ExitReason.EMPTY,
    "LEAVEUNAVAIL": ExitReason.EMPTY,
    "WITHDRAW": ExitReason.WITHDRAWN,
}
_RING_ENDS: Final = {  # DialStatus
    "BUSY": RejectReason.BUSY,
    "CONGESTION": RejectReason.UNREACHABLE,
    "CHANUNAVAIL": RejectReason.UNREACHABLE,
    "CANCEL": RejectReason.WITHDRAWN,
}
_MOVE_ENDS: Final = {"BUSY": "busy", "NOANSWER": "no_answer", "CONGESTION": "unreachable", "CHANUNAVAIL": "unreachable"}
_ENDERS: Final = {"caller": Party.CUSTOMER, "agent": Party.AGENT}
_NORMAL_CAUSES: Final = frozenset({"", "0", "16", "32"})  # ITU-T Q.850, 32 is Asterisk's own

_SAID_OF_EVERY_CALL: Final = """
newchannel newstate newexten newcallerid newconnectedline newaccountcode dialbegin dialstate bridgecreate bridgedestroy
bridgeenter bridgeleave bridgemerge bridgevideosourceupdate musiconholdstart musiconholdstop rtcpsent rtcpreceived cdr
cel dtmfbegin dtmfend softhanguprequest localbridge localoptimizationbegin localoptimizationend channeltalkingstart
channeltalkingstop mixmonitorstart mixmonitorstop mixmonitormute monitorstart monitorstop rename flash wink
agiexecstart agiexecend asyncagistart asyncagiexec asyncagiend peerstatus contactstatus devicestatechange
extensionstatus presencestatechange registry successfulauth challengesent queueparams hanguphandlerpush
hanguphandlerpop hanguphandlerrun coreshowchannel queueentry
"""
_BACKGROUND: Final = frozenset(_SAID_OF_EVERY_CALL.split())


class AmiMapper:
    """Takes messages as they come, writes into the ledger."""

    def __init__(self, ledger: Ledger, variable: str, wrap_up_reasons: Iterable[str]) -> None:
        """`variable`: the channel variable with the correlation id, without leading underscores."""
        self.ledger = ledger
        self.members = Members(frozenset(reason.lower() for reason in wrap_up_reasons))
        self._variable = variable
        self._wrap_ups = WrapUps()
        self._lines: dict[str, dict[str, Call]] = {}  # ours in each queue
        self._dial_ends: dict[str, str] = {}  # correlation and interface → DialStatus, until app_queue says its word
        self._received_at = datetime.fromtimestamp(0, UTC)
        self._now_s = 0.0

    # ---------------------------------------------------------------- events

    def take(self, message: AmiMessage, received_at: datetime, now_s: float) -> None:
        """One event. Whatever it says, nothing is raised."""
        self._received_at, self._now_s = received_at, now_s
        name = message.event.lower()
        if name.startswith("queuemember"):
            self._member(name, message)
            return
        call = self._call_of(message)
        if name in ("queuecallerjoin", "queuecallerleave"):
            self._line_moved(name, message, call)
        if call is None:
            return
        uniqueid = message.get("Uniqueid")
        if name == "queuecallerjoin" and call.state is CallState.SEEN:
            call.leg, call.channel = uniqueid, message.get("Channel")  # it may have come through a Local channel
        own = uniqueid == call.leg
        match name:
            case "queuecallerjoin" if own:
                self._joined(call, message)
            case "queuecallerleave" if own:
                self._lines.get(message.get("Queue"), {}).pop(call.correlation, None)
                self._say(call, signs.Left(), message)
            case "queuecallerabandon" if own:
                self._say(call, signs.GaveUp(_seconds(message.get("HoldTime"))), message)
            case "agentcalled" if own:
                agent = self._agent(message)
                self._dial_ends.pop(f"{call.correlation} {agent.ref}", None)
                self._say(call, signs.Rang(agent, message.get("Queue")), message)
            case "agentringnoanswer" if own:
                agent = self._agent(message)
                status = self._dial_ends.pop(f"{call.correlation} {agent.ref}", "")
                self._say(call, signs.RingEnded(agent, _RING_ENDS.get(status)), message)
            case "agentdump" if own:
                self._say(call, signs.RingEnded(self._agent(message), RejectReason.DECLINED), message)
            case "agentconnect" if own:
                self._say(call, signs.Answered(self._agent(message), message.get("Queue")), message)
            case "agentcomplete" if own:
                self._completed(call, message)
            case "varset" if own and message.get("Variable") == "QUEUESTATUS":
                if (why := EXITS.get(message.get("Value"))) is not None:
                    self._say(call, signs.Left(why), message)
            case "hold":
                self._say(call, signs.PutOnHold(Party.GATEWAY if own else Party.AGENT), message)
            case "unhold":
                self._say(call, signs.TakenBack(Party.GATEWAY if own else Party.AGENT), message)
            case "dialend":
                self._dial_ended(call, message)
            case "blindtransfer":
                self._blind(call, message)
            case "attendedtransfer":
                self._attended(call, message)
            case "hanguprequest":
                call.ending = call.ending or (Party.CUSTOMER if own else Party.AGENT)
            case "hangup" if own:
                self._hung_up(call, message)
            case "varset" | "hangup":
                pass
            case _:
                if name not in _BACKGROUND:
                    self._say(call, signs.Strange(message.event[:64]), message)

    def _say(self, call: Call, sign: signs.Sign, message: AmiMessage) -> None:
        self.ledger.say(call, sign, moment(message.get("Timestamp"), self._received_at), message.as_raw())

    # ---------------------------------------------------------------- which call

    def _call_of(self, message: AmiMessage) -> Call | None:
        uniqueid, linkedid = message.get("Uniqueid"), message.get("Linkedid")
        correlation = next((value for name, value in message.variables() if name == self._variable), "")
        if not correlation and message.get("Variable").lstrip("_") == self._variable:
            correlation = message.get("Value")
        if not correlation:
            prefixes = ("Transferee", "Transferer", "OrigTransferer", "SecondTransferer", "Dest")
            others = (message.get(prefix + key) for prefix in prefixes for key in ("Uniqueid", "Linkedid"))
            return self.ledger.calls.find(uniqueid, linkedid, *others)
        read = read_correlation(correlation)
        return self._learn(read, uniqueid, linkedid, message) if read else None

    def _learn(self, correlation: str, uniqueid: str, linkedid: str, message: AmiMessage) -> Call | None:
        calls = self.ledger.calls
        call = calls.get(correlation)
        if call is not None and call.leg and calls.find(uniqueid, linkedid) is not call:
            if call.state is not CallState.ENDED:
                return None  # a second call under the same id, while the first goes on: not believed
            calls.forget(correlation)
        call = calls.learn(correlation, uniqueid, linkedid, now_s=self._now_s)
        if call is not None and not call.leg and uniqueid in (linkedid, ""):
            call.leg, call.channel = uniqueid, message.get("Channel")
        return call

    def _agent(self, message: AmiMessage) -> AgentName:
        ref = message.get("Interface") or self.members.interface_of(message.get("MemberName"))
        return self.ledger.names.of(ref[:128])

    # ---------------------------------------------------------------- in line

    def _joined(self, call: Call, message: AmiMessage) -> None:
        queue = message.get("Queue")[:128]
        if call.state in (CallState.CONNECTED, CallState.HELD) and queue != call.queue:
            self._lines.get(call.queue, {}).pop(call.correlation, None)
        self._say(call, signs.Joined(queue, _number(message.get("Position"))), message)
        if call.state in (CallState.QUEUED, CallState.RINGING):
            self._lines.setdefault(queue, {})[call.correlation] = call

    def _line_moved(self, name: str, message: AmiMessage, mover: Call | None) -> None:
        """Somebody joined or left a queue at some place: those behind move. app_queue tells only who moved."""
        line = self._lines.get(message.get("Queue"))
        place = _number(message.get("Position"))
        if not line or place is None:
            return
        step = 1 if name == "queuecallerjoin" else -1
        for call in list(line.values()):
            if call.state not in (CallState.QUEUED, CallState.RINGING) or call.queue != message.get("Queue"):
                del line[call.correlation]
            elif call is not mover and call.place is not None and call.place >= place + (step < 0):
                self._say(call, signs.Joined(call.queue, max(1, call.place + step)), message)

    # ---------------------------------------------------------------- talking

    def _completed(self, call: Call, message: AmiMessage) -> None:
        how, agent = message.get("Reason").lower(), self._agent(message)
        if how == "transfer":
            self._say(call, signs.TalkEnded(Party.AGENT, "transfer", agent), message)
        else:
            self._say(call, signs.TalkEnded(_ENDERS.get(how, Party.UNKNOWN), agent=agent), message)
        if self._wrap_ups.begin(agent.ref, self.members.wrap_up_s(agent.ref), self._now_s):
            self._report(agent.ref, message)

    def _dial_ended(self, call: Call, message: AmiMessage) -> None:
        status = message.get("DialStatus").upper()
        ref = interface_of_channel(message.get("DestChannel"))
        if call.state is CallState.RINGING and ref and status in _RING_ENDS:
            if len(self._dial_ends) >= 10_000:
                self._dial_ends.clear()  # what is lost is why a phone did not answer
            self._dial_ends[f"{call.correlation} {ref}"] = status
        elif call.state is CallState.MOVING and status == "ANSWER" and ref:
            self._say(call, signs.Moved(self.ledger.names.of(ref)), message)
        elif call.state is CallState.MOVING and status in _MOVE_ENDS:
            self._say(call, signs.MoveFailed(_MOVE_ENDS[status]), message)

    def _blind(self, call: Call, message: AmiMessage) -> None:
        if message.get("Result") not in ("", "Success"):
            return
        extension = message.get("Extension")[:128]
        target = TransferTarget(kind=TargetKind.NUMBER, value=extension) if extension else None
        self._say(call, signs.Moving(TransferMode.BLIND, target), message)

    def _attended(self, call: Call, message: AmiMessage) -> None:
        if message.get("Result") not in ("", "Success"):
            return
        ref = interface_of_channel(message.get("TransferTargetChannel"))
        self._say(call, signs.Moving(TransferMode.CONSULT), message)
        self._say(call, signs.Moved(self.ledger.names.of(ref) if ref else None), message)

    def _hung_up(self, call: Call, message: AmiMessage) -> None:
        cause = message.get("Cause")
        reason = "normal" if cause in _NORMAL_CAUSES else f"cause_{cause[:8]}"
        self._say(call, signs.HungUp(call.ending or Party.UNKNOWN, reason), message)

    # ---------------------------------------------------------------- agents

    def _member(self, name: str, message: AmiMessage) -> None:
        ref = (message.get("Interface") or message.get("Location"))[:128]
        if not ref or name in ("queuemembercount",):
            return
        if name == "queuememberremoved":
            self.members.remove(ref, message.get("Queue"))
        else:
            self.members.take(message, ref)
        self._report(ref, message)

    def _report(self, ref: str, message: AmiMessage | None) -> None:
        state, reason = self.members.state_of(ref)
        if ref in self._wrap_ups:
            if state is AcdAgentState.READY:
                state = AcdAgentState.WRAP_UP
            elif state is not AcdAgentState.BUSY:
                self._wrap_ups.end(ref)
        at = self._received_at if message is None else moment(message.get("Timestamp"), self._received_at)
        raw = {} if message is None else message.as_raw()
        self.ledger.report_agent(ref, state, reason, at=at, received_at=self._received_at, now_s=self._now_s, raw=raw)

    def next_deadline(self) -> float | None:
        """When `on_timer` is to be called, monotonic seconds."""
        return self._wrap_ups.next_deadline()

    def on_timer(self, received_at: datetime, now_s: float) -> None:
        """After-call work that Asterisk keeps by itself ends unsaid."""
        self._received_at, self._now_s = received_at, now_s
        for ref in self._wrap_ups.due(now_s):
            self._report(ref, None)

    # ---------------------------------------------------------------- snapshot

    def begin_snapshot(self) -> None:
        """The state is asked for now."""
        self.ledger.begin_snapshot()
        self.members.begin_snapshot()

    def snapshot(
        self,
        status: Iterable[AmiMessage],
        channels: Iterable[AmiMessage] | None,
        received_at: datetime,
        now_s: float,
    ) -> int:
        """What QueueStatus and CoreShowChannels (None: refused) answered, complete. How many calls had to be
        corrected."""
        self._received_at, self._now_s = received_at, now_s
        memberships: set[tuple[str, str]] = set()
        shown: dict[str, Shown] = {}
        alive, bridges = self._channels(channels or ())
        for item in status:
            match item.event:
                case "QueueMember":
                    ref = (item.get("Location") or item.get("Interface"))[:128]
                    memberships.add((ref, item.get("Queue")))
                    if ref and self.members.show(item, ref):
                        self._report(ref, item)
                case "QueueEntry":
                    call = self.ledger.calls.find(item.get("Uniqueid"))
                    if call is not None and call.leg == item.get("Uniqueid"):
                        queue = item.get("Queue")[:128]
                        shown[call.correlation] = Shown(queue, _number(item.get("Position")))
                        self._lines.setdefault(queue, {})[call.correlation] = call
                case _:
                    pass
        for ref in self.members.keep_only(memberships):
            self._report(ref, None)
        for correlation, agent in bridges.items():
            if correlation not in shown:
                shown[correlation] = Shown("", agent=agent)
        return self.ledger.settle(shown, None if channels is None else alive, received_at)

    def replay(self, lines: Iterable[QueueLogLine], since: int, received_at: datetime, now_s: float) -> None:
        """What queue_log says happened since the ledger's round `since`. Of a call that was heard of in it, a line may
        repeat what was told: then only those are taken that can't do harm."""
        self._received_at, self._now_s = received_at, now_s
        for line in lines:
            call = self.ledger.calls.find(line.uniqueid)
            if call is None or call.leg != line.uniqueid:
                continue
            in_line = call.state in (CallState.SEEN, CallState.QUEUED, CallState.RINGING)
            if call.heard >= since and (line.event not in REPEATABLE or (line.event == "CONNECT" and not in_line)):
                continue
            agent = self.ledger.names.of(self.members.interface_of(line.agent)[:128])
            sign = sign_of(line, agent)
            if sign is not None:
                self.ledger.say(call, sign, moment(line.epoch, received_at), line.as_raw())

    def _channels(self, channels: Iterable[AmiMessage]) -> tuple[set[str], Mapping[str, AgentName]]:
        """Our calls that are up, and who shares a bridge with them. Ids are learnt on the way."""
        alive: set[str] = set()
        ours: dict[str, Call] = {}  # bridge → call
        others: dict[str, str] = {}  # bridge → interface
        for item in channels:
            if item.event != "CoreShowChannel":
                continue
            call, bridge = self._call_of(item), item.get("BridgeId")
            if call is not None and call.leg == item.get("Uniqueid"):
                alive.add(call.correlation)
                if bridge:
                    ours[bridge] = call
            elif bridge:
                others[bridge] = interface_of_channel(item.get("Channel"))
        return alive, {
            call.correlation: self.ledger.names.of(others[bridge]) for bridge, call in ours.items() if bridge in others
        }


def interface_of_channel(channel: str) -> str:
    """`PJSIP/1001-0000002a` → `PJSIP/1001`, as queues.conf names it. Empty for what is no channel's name."""
    name = channel.partition(";")[0]
    head, dash, _ = name.rpartition("-")
    return head[:128] if dash and "/" in head else ""


def _number(text: str) -> int | None:
    return int(text[:6]) if text.isascii() and text.isdigit() else None


def _seconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else float(number)
