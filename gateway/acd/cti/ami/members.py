"""Queue members of Asterisk: many memberships and a phone make one agent's state. Pure.

Each queue has its own row of an agent (paused or not, and why); the phone's device state is the same in all of them.
An agent is ready when some queue may ring them.
"""

from dataclasses import dataclass, field
from typing import Final

from gateway.acd.cti.agents import MAX_AGENTS
from gateway.acd.cti.ami.wire import AmiMessage
from gateway.acd.events import AcdAgentState

MAX_QUEUES: Final = 500
"""Memberships kept of one agent."""

# Device states (include/asterisk/devicestate.h): 0 unknown, 1 not in use, 2 in use, 3 busy, 4 invalid, 5 unavailable,
# 6 ringing, 7 ringing while in use, 8 on hold. Asterisk rings an unknown one too.
_AWAY: Final = frozenset({"4", "5"})
_RINGING: Final = frozenset({"6"})
_BUSY: Final = frozenset({"2", "3", "7", "8"})


@dataclass(frozen=True, slots=True)
class _Membership:
    paused: bool
    reason: str


@dataclass(slots=True)
class _Member:
    status: str = "0"
    in_call: bool = False
    wrap_up_s: float = 0.0
    queues: dict[str, _Membership] = field(default_factory=dict)


class Members:
    """Every member of every queue, by the interface that Asterisk rings."""

    def __init__(self, wrap_up_reasons: frozenset[str]) -> None:
        """`wrap_up_reasons`: reasons of a pause, in small letters, that mean after-call work."""
        self._wrap_up_reasons = wrap_up_reasons
        self._members: dict[str, _Member] = {}
        self._interfaces: dict[str, str] = {}  # by the name that queue_log writes
        self._heard: set[str] = set()  # since the snapshot that is being read was asked for

    def __contains__(self, ref: str) -> bool:
        return ref in self._members

    def interface_of(self, member_name: str) -> str:
        """queue_log names agents by MemberName; where that is not known it may be the interface itself."""
        return self._interfaces.get(member_name, member_name)

    def wrap_up_s(self, ref: str) -> float:
        """Pause after each call that Asterisk keeps for this member by itself."""
        member = self._members.get(ref)
        return member.wrap_up_s if member else 0.0

    def begin_snapshot(self) -> None:
        """What is told from now on is newer than the snapshot."""
        self._heard.clear()

    def show(self, message: AmiMessage, ref: str) -> bool:
        """An item of QueueStatus. False: newer things were told of them."""
        if ref in self._heard:
            return False
        self._take(message, ref)
        return True

    def take(self, message: AmiMessage, ref: str) -> None:
        """A QueueMember… event."""
        self._take(message, ref)
        if ref in self._members:
            self._heard.add(ref)

    def _take(self, message: AmiMessage, ref: str) -> None:
        member = self._members.get(ref)
        if member is None:
            if len(self._members) >= MAX_AGENTS:
                return
            member = self._members[ref] = _Member()
        name = message.get("MemberName") or message.get("Name")
        if name and (name in self._interfaces or len(self._interfaces) < MAX_AGENTS):
            self._interfaces[name] = ref
        queue = message.get("Queue")
        if queue and (queue in member.queues or len(member.queues) < MAX_QUEUES):
            reason = message.get("PausedReason") or message.get("Reason")
            member.queues[queue] = _Membership(message.get("Paused") == "1", reason)
        member.status = message.get("Status") or member.status
        member.in_call = (message.get("InCall") or str(int(member.in_call))) == "1"
        wrap_up = message.get("Wrapuptime")
        if wrap_up.isascii() and wrap_up.isdigit():
            member.wrap_up_s = float(wrap_up[:6])

    def remove(self, ref: str, queue: str) -> None:
        """They left that queue."""
        member = self._members.get(ref)
        if member is not None:
            member.queues.pop(queue, None)
            self._heard.add(ref)

    def keep_only(self, shown: set[tuple[str, str]]) -> list[str]:
        """A snapshot named these memberships (interface, queue), and there are no others. Whose changed by that."""
        changed = []
        for ref, member in self._members.items():
            if ref in self._heard:
                continue
            gone = [queue for queue in member.queues if (ref, queue) not in shown]
            for queue in gone:
                del member.queues[queue]
            if gone:
                changed.append(ref)
        return changed

    def state_of(self, ref: str) -> tuple[AcdAgentState, str | None]:
        """The agent's state, and the reason where there is one."""
        member = self._members.get(ref)
        if member is None or not member.queues:
            return AcdAgentState.LOGGED_OFF, None
        if member.status in _AWAY:
            return AcdAgentState.LOGGED_OFF, "unavailable"
        if member.status in _RINGING:
            return AcdAgentState.RINGING, None
        if member.status in _BUSY or member.in_call:
            return AcdAgentState.BUSY, None
        if any(not each.paused for each in member.queues.values()):
            return AcdAgentState.READY, None
        reasons = [each.reason for each in member.queues.values() if each.reason]
        for reason in reasons:
            if reason.lower() in self._wrap_up_reasons:
                return AcdAgentState.WRAP_UP, reason[:64]
        return AcdAgentState.NOT_READY, reasons[0][:64] if reasons else None
