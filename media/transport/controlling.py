"""The other end of ICE-lite: a controlling agent (RFC 8445 §7.2, §8.1.1) with one local base, for robots and tests.

Pure: it says which checks to send when, and judges what comes back; it owns no socket. Regular nomination: the first
candidate that answers is nominated with a second check. Afterwards the checks of consent (RFC 7675) go on for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from media.transport import stun
from media.transport.ice import IceCredentials
from media.transport.stun import Address, MessageType, StunMessage
from media.transport.timers import TransportTimers

_PRIORITY: Final = (110 << 24) | (65535 << 8) | 255  # peer-reflexive, as a check announces it (RFC 8445 §7.1.1)
_MAX_OUTSTANDING: Final = 64
_MAX_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a STUN message led to: an answer to send back, or a path that works."""

    response: bytes = b""
    valid: bool = False
    selected: bool = False  # the address is nominated from now on
    round_trip_s: float | None = None
    dropped: str = ""


class ControllingAgent:
    """Checks remote candidates, nominates one, keeps its consent fresh."""

    def __init__(
        self,
        credentials: IceCredentials,
        candidates: Sequence[Address],
        *,
        tie_breaker: int,
        new_transaction_id: Callable[[], bytes],
        timers: TransportTimers,
        now_s: float,
    ) -> None:
        self._credentials = credentials
        self._username = f"{credentials.remote_ufrag}:{credentials.local_ufrag}"
        self._candidates = list(candidates)
        self._tie_breaker = tie_breaker
        self._new_transaction_id = new_transaction_id
        self._timers = timers
        self._outstanding: dict[bytes, tuple[Address, float, bool]] = {}
        self._nominating: Address | None = None
        self.selected: Address | None = None
        self.last_consent_s: float | None = None
        """When a check of the selected path was last answered."""
        self.next_due_s = now_s
        self._retry_s = timers.check_retry_s

    def due(self, now_s: float) -> list[tuple[bytes, Address]]:
        """The checks to send now; empty before `next_due_s`."""
        if now_s < self.next_due_s:
            return []
        target = self.selected or self._nominating
        if self.selected is not None and self._retry_s >= self._timers.check_s:
            self.next_due_s = now_s + self._timers.check_s
        else:
            self.next_due_s = now_s + self._retry_s
            longest_s = self._timers.check_s if self.selected is not None else _MAX_RETRY_S
            self._retry_s = min(self._retry_s * 2, longest_s)
        if target is not None:
            return [self._check(target, now_s, use_candidate=True)]
        return [self._check(each, now_s, use_candidate=False) for each in self._candidates]

    def network_changed(self, now_s: float) -> None:
        """Our own address is another one now: nominate again from it at once, as often as at the start."""
        self._outstanding.clear()
        self._retry_s = self._timers.check_retry_s
        self.next_due_s = now_s

    def on_message(self, message: StunMessage, address: Address, now_s: float) -> Outcome:
        """Judge one Binding message that came from `address`. Never raises."""
        if message.type is MessageType.REQUEST:
            password = self._credentials.local_password
            if message.username != self._credentials.expected_username or not message.verify(password):
                return Outcome(dropped=stun.Flaw.INTEGRITY.value)
            return Outcome(response=stun.binding_success(message, address, password))
        sent = self._outstanding.get(message.transaction_id)
        if sent is None or not _same(sent[0], address) or not message.verify(self._credentials.remote_password):
            return Outcome(dropped="stun_response")
        del self._outstanding[message.transaction_id]
        if message.type is not MessageType.SUCCESS:
            return Outcome(dropped="stun_error")
        target, sent_s, nominated = sent
        if self.selected is None and not nominated:
            if self._nominating is None:
                self._nominating = target
                self._retry_s = self._timers.check_retry_s
                self.next_due_s = now_s
            return Outcome(valid=True, round_trip_s=now_s - sent_s)
        if nominated and self.selected is None:
            self.selected = target
        if self.selected == target:
            self.last_consent_s = now_s
            self._retry_s = self._timers.check_s
            self.next_due_s = now_s + self._timers.check_s
        return Outcome(valid=True, selected=self.selected == target, round_trip_s=now_s - sent_s)

    def _check(self, target: Address, now_s: float, *, use_candidate: bool) -> tuple[bytes, Address]:
        if len(self._outstanding) >= _MAX_OUTSTANDING:  # the oldest unanswered one makes room
            del self._outstanding[next(iter(self._outstanding))]
        transaction_id = self._new_transaction_id()
        self._outstanding[transaction_id] = (target, now_s, use_candidate)
        request = stun.binding_request(
            transaction_id,
            self._username,
            self._credentials.remote_password,
            priority=_PRIORITY,
            tie_breaker=self._tie_breaker,
            use_candidate=use_candidate,
        )
        return request, target


def _same(asked: Address, answered: Address) -> bool:
    """Whether an answer came from where the check went (RFC 8445 §7.2.5.2.1); flow and scope don't matter."""
    return asked[:2] == answered[:2]
