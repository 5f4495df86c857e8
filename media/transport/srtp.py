"""SRTP in place: libsrtp called on the packet's own buffer, through pylibsrtp's binding. No copy, no object per packet.

`pylibsrtp.Session` copies every packet twice and raises on every bad one; this calls the same library on the buffer the
datagram was read into. Which addresses may send here was decided before; keys come from the DTLS handshake (RFC 5764).
"""

from collections import Counter
from dataclasses import dataclass
from struct import unpack_from
from typing import Any, Final

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

REPLAY_WINDOW_PACKETS: Final = 256
"""A retransmission without RTX comes one round trip late with its old number: 256 packets are 1 s at 2.5 Mbit/s."""

MAX_SSRCS: Final = 96
"""Streams one peer may have authenticated: three sections with RTX need six. Each costs libsrtp memory, so there is an
end. It lies above the number at which a leg closes its peer for ever new ones, because only packets that were
authenticated may count against a peer."""

MIN_RTP_BYTES: Final = 12 + 10
MIN_RTCP_BYTES: Final = 8 + 4 + 10
"""Shortest header plus the shortest tag of the profiles we offer; below, libsrtp isn't asked."""

TRAILER_BYTES: Final = 16 + 4
"""What protecting may add: the longest tag and the SRTCP index."""

_REASONS: Final = {7: "srtp_auth", 8: "srtp_auth", 9: "srtp_replay", 10: "srtp_replay_old", 18: "srtp_auth"}
"""`srtp_err_status_t` values that say something about the packet; all others count as `srtp_malformed`."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys and salts of both directions and the profile agreed in DTLS (`pylibsrtp.Policy.SRTP_PROFILE_…`)."""

    profile: int
    receive: bytes
    send: bytes


class HomeBuffer:
    """A packet buffer with its address taken once: the socket reads every datagram into the same one."""

    __slots__ = ("data", "pointer", "view")

    def __init__(self, size_bytes: int) -> None:
        self.data = bytearray(size_bytes)
        self.pointer: Any = ffi.from_buffer(self.data)
        self.view = memoryview(self.data)


class SrtpSession:
    """Both directions of one link. Every method returns a length, 0 when the packet is refused, and never raises."""

    __slots__ = ("_home", "_keep", "_length", "_pointer", "_receive", "_send", "_ssrcs", "counters")

    def __init__(self, keys: SrtpKeys, home: HomeBuffer, counters: Counter[str]) -> None:
        receive = Session(_policy(keys.receive, Policy.SSRC_ANY_INBOUND, keys.profile))
        send = Session(_policy(keys.send, Policy.SSRC_ANY_OUTBOUND, keys.profile))
        self._keep = (receive, send)  # they free the contexts when collected
        self._receive: Any = receive._srtp[0]
        self._send: Any = send._srtp[0]
        self._home = home.data
        self._pointer: Any = home.pointer
        self._length: Any = ffi.new("int *")
        self._ssrcs: set[int] = set()
        self.counters = counters

    def unprotect_rtp(self, buffer: bytearray, length: int) -> int:
        """Decrypt the RTP packet in `buffer[:length]` in place; returns its new length, or 0 and counts the reason."""
        if length < MIN_RTP_BYTES:
            self.counters["srtp_malformed"] += 1
            return 0
        ssrc = unpack_from("!I", buffer, 8)[0]
        known = ssrc in self._ssrcs
        if not known and len(self._ssrcs) >= MAX_SSRCS:
            self.counters["srtp_ssrc_limit"] += 1
            return 0
        size = self._length
        size[0] = length
        pointer = self._pointer if buffer is self._home else ffi.from_buffer(buffer)
        status = lib.srtp_unprotect(self._receive, pointer, size)
        if status:
            self.counters[_REASONS.get(status, "srtp_malformed")] += 1
            return 0
        if not known:
            self._ssrcs.add(ssrc)
        return int(size[0])

    def unprotect_rtcp(self, buffer: bytearray, length: int) -> int:
        """Decrypt the RTCP packet in `buffer[:length]` in place; its new length, or 0 and counts the reason."""
        if length < MIN_RTCP_BYTES:
            self.counters["srtp_malformed"] += 1
            return 0
        ssrc = unpack_from("!I", buffer, 4)[0]
        known = ssrc in self._ssrcs
        if not known and len(self._ssrcs) >= MAX_SSRCS:
            self.counters["srtp_ssrc_limit"] += 1
            return 0
        size = self._length
        size[0] = length
        pointer = self._pointer if buffer is self._home else ffi.from_buffer(buffer)
        status = lib.srtp_unprotect_rtcp(self._receive, pointer, size)
        if status:
            self.counters[_REASONS.get(status, "srtp_malformed")] += 1
            return 0
        if not known:
            self._ssrcs.add(ssrc)
        return int(size[0])

    def protect_rtp(self, buffer: bytearray, length: int) -> int:
        """Encrypt the RTP packet in `buffer[:length]` in place; returns the ciphertext's length, or 0."""
        if length + TRAILER_BYTES > len(buffer) or length < 12:
            self.counters["send_size"] += 1
            return 0
        size = self._length
        size[0] = length
        pointer = self._pointer if buffer is self._home else ffi.from_buffer(buffer)
        if lib.srtp_protect(self._send, pointer, size):
            self.counters["send_protect"] += 1
            return 0
        return int(size[0])

    def protect_rtcp(self, buffer: bytearray, length: int) -> int:
        """Encrypt the RTCP packet in `buffer[:length]` in place; returns the ciphertext's length, or 0."""
        if length + TRAILER_BYTES > len(buffer) or length < 8:
            self.counters["send_size"] += 1
            return 0
        size = self._length
        size[0] = length
        pointer = self._pointer if buffer is self._home else ffi.from_buffer(buffer)
        if lib.srtp_protect_rtcp(self._send, pointer, size):
            self.counters["send_protect"] += 1
            return 0
        return int(size[0])


def _policy(key: bytes, ssrc_type: int, profile: int) -> Policy:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile)
    policy.window_size = REPLAY_WINDOW_PACKETS
    policy.allow_repeat_tx = False  # a retransmission is the ciphertext of the ring, sent again
    return policy
