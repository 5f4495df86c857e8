"""The ICE-lite agent of one link (RFC 8445 §2.5, §7.3, §8.2): who may send to us, and where we send.

Pure: it is given messages and the time, and answers with bytes and decisions; it owns no socket. It never makes the
server send anywhere that has not sent a valid check first, and candidates of descriptions don't reach it at all.

What ICE-lite can't do: a check proves who sent it, not that the sender can receive at that address. Whoever has a call
of their own and can forge source addresses could point the media of that call at somebody; consent bounds it in time.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.transport import stun
from media.transport.stun import Address, MessageType, StunMessage

MAX_ADDRESSES: Final = 8
"""Validated addresses kept per link: Wi-Fi, mobile, VPN in both families. The one longest unchecked makes room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceCredentials:
    """Fragments and passwords of both sides (RFC 8445 §5.3), passwords as the bytes that key the HMAC."""

    local_ufrag: str
    local_password: bytes
    remote_ufrag: str
    remote_password: bytes

    @property
    def expected_username(self) -> bytes:
        """USERNAME of a check that the peer sends us: `ours:theirs` (RFC 8445 §7.2.2)."""
        return f"{self.local_ufrag}:{self.remote_ufrag}".encode()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check led to: an answer for where it came from, or `dropped`, a counter: then nothing changed."""

    response: bytes = b""
    dropped: str = ""
    valid: bool = False  # the address may send to us from now on
    moved: bool = False  # we send somewhere else from now on
    evicted: Address | None = None  # no longer valid, to make room


class LiteAgent:
    """Verifies checks, keeps the validated addresses with the time of their last check, follows nomination."""

    def __init__(self, credentials: IceCredentials) -> None:
        self._credentials = credentials
        self._username = credentials.expected_username
        self._last_check_s: dict[Address, float] = {}
        self.selected: Address | None = None
        """Where we send: the nominated address, before that the first validated one."""
        self._nominated = False

    @property
    def addresses(self) -> Iterable[Address]:
        return self._last_check_s.keys()

    @property
    def last_consent_s(self) -> float | None:
        """When the selected address last proved that it wants our packets, on the clock of `now_s`; None before."""
        return None if self.selected is None else self._last_check_s.get(self.selected)

    def check(self, message: StunMessage, address: Address, now_s: float) -> Verdict:
        """Judge one Binding message from `address`. Never raises; an unverified one changes nothing."""
        if message.type is not MessageType.REQUEST:
            return Verdict(dropped="stun_not_a_check")  # RFC 8445 §11 keep-alive indications, answers to nothing
        if not hmac.compare_digest(message.username, self._username):
            return Verdict(dropped="stun_username")
        password = self._credentials.local_password
        if not message.verify(password):
            return Verdict(dropped=stun.Flaw.INTEGRITY.value)
        if message.unknown_required:
            return Verdict(response=stun.binding_error(message, 420, "Unknown Attribute", password))
        if message.controlled is not None:  # we are always the controlled side: RFC 8445 §7.3.1.1
            return Verdict(response=stun.binding_error(message, 487, "Role Conflict", password))
        evicted = None if address in self._last_check_s else self._make_room()
        self._last_check_s[address] = now_s
        moved = self._follow(message, address)
        return Verdict(
            response=stun.binding_success(message, address, password), valid=True, moved=moved, evicted=evicted
        )

    def expire(self, now_s: float, consent_s: float) -> list[Address]:
        """Forget addresses other than the selected one without a check for `consent_s` (RFC 7675 §5.1)."""
        old = [a for a, at_s in self._last_check_s.items() if now_s - at_s >= consent_s and a != self.selected]
        for address in old:
            del self._last_check_s[address]
        return old

    def _make_room(self) -> Address | None:
        if len(self._last_check_s) < MAX_ADDRESSES:
            return None
        spare = [address for address in self._last_check_s if address != self.selected]
        oldest = min(spare, key=self._last_check_s.__getitem__)
        del self._last_check_s[oldest]
        return oldest

    def _follow(self, message: StunMessage, address: Address) -> bool:
        """Send to the address nominated last (RFC 8445 §8.1.1: a browser nominates again when its network changes)."""
        before = self.selected
        if message.use_candidate:
            self._nominated = True
            self.selected = address
        elif not self._nominated and before is None:
            self.selected = address
        return self.selected != before
