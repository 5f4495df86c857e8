"""SRTP in place: libsrtp called on the packet's own buffer, through pylibsrtp's binding. No copy, no object per packet.

`pylibsrtp.Session` copies every packet twice and raises on every bad one; this calls the same library on the buffer the
datagram was read into. Which addresses may send here was decided before; keys come from the DTLS handshake (RFC 5764).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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

_TAG_BYTES: Final = {
    Policy.SRTP_PROFILE_AES128_CM_SHA1_80: 10,
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM: 16,
    Policy.SRTP_PROFILE_AEAD_AES_256_GCM: 16,
}
_INDEX_BYTES: Final = 4
TRAILER_BYTES: Final = 16 + _INDEX_BYTES
"""What protecting may add: the longest tag and the SRTCP index."""

_REASONS: Final = {7: "srtp_auth", 8: "srtp_auth", 9: "srtp_replay", 10: "srtp_replay_old", 18: "srtp_auth"}
"""`srtp_err_status_t` values that say something about the packet; all others count as `srtp_malformed`."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys and salts of both directions and the profile agreed in DTLS (`pylibsrtp.Policy.SRTP_PROFILE_…`)."""

    profile: int
    receive: bytes
    send: bytes


class PacketBuffer(bytearray):
    """A packet's bytes, and what is taken of them once instead of for every packet: their address and two views.

    A bytearray in every other way, except that it can't be resized. Slots of a socket know whose they are: what lies in
    one is sent together with the others of its wake-up (`media.transport.batch`).
    """

    __slots__ = ("address", "owner", "pointer", "slot", "view", "words")

    def __init__(self, size_bytes: int, owner: object = None, slot: int = 0) -> None:
        super().__init__(size_bytes)
        self.pointer: Any = ffi.cast("void *", ffi.from_buffer(self))  # the view keeps the bytes where they are
        self.address = int(ffi.cast("uintptr_t", self.pointer))
        self.view = memoryview(self)
        self.words = self.view.cast("I")
        self.owner = owner
        self.slot = slot


Opener = Callable[[PacketBuffer, int], int]
Sealer = Callable[[bytearray, int], int]
"""Decrypts, encrypts `buffer[:length]` in place. Returns the new length, 0 when the packet is refused (counted)."""


@dataclass(frozen=True, slots=True)
class Cipher:
    """RTP of one direction, to call libsrtp oneself: `size[0] = length; status = function(context, pointer, size)`.

    `trailer_bytes` is what it adds or takes off. `session` keeps the context alive.
    """

    function: Any
    context: Any
    size: Any
    trailer_bytes: int
    session: Session


class SrtpSession:
    """Both directions of one link. Nothing here raises."""

    __slots__ = (
        "_keep",
        "counters",
        "opening",
        "protect_rtcp",
        "protect_rtp",
        "sealing",
        "unprotect_rtcp",
        "unprotect_rtp",
    )

    def __init__(self, keys: SrtpKeys, counters: Counter[str]) -> None:
        receive = Session(_policy(keys.receive, Policy.SSRC_ANY_INBOUND, keys.profile))
        send = Session(_policy(keys.send, Policy.SSRC_ANY_OUTBOUND, keys.profile))
        self.counters = counters
        tag = _TAG_BYTES[keys.profile]
        ssrcs: set[int] = set()
        size: Any = ffi.new("int *")
        self.opening: Final = Cipher(lib.srtp_unprotect, receive._srtp[0], size, tag, receive)
        self.sealing: Final = Cipher(lib.srtp_protect, send._srtp[0], size, tag, send)
        # Closures over one factory each: no attribute is looked up for a packet, and RTP and RTCP share the code.
        self.unprotect_rtp: Final = _opener(lib.srtp_unprotect, receive, counters, ssrcs, MIN_RTP_BYTES, 2, tag)
        self.unprotect_rtcp: Final = _opener(
            lib.srtp_unprotect_rtcp, receive, counters, ssrcs, MIN_RTCP_BYTES, 1, tag + _INDEX_BYTES
        )
        self.protect_rtp: Final = _sealer(lib.srtp_protect, send, counters, 12, tag)
        self.protect_rtcp: Final = _sealer(lib.srtp_protect_rtcp, send, counters, 8, tag + _INDEX_BYTES)

    def count_refused(self, status: int) -> None:
        """Count a packet that `opening` refused with that `srtp_err_status_t`."""
        self.counters[_REASONS.get(status, "srtp_malformed")] += 1


def _opener(
    function: Any, session: Session, counters: Counter[str], ssrcs: set[int], least: int, ssrc_word: int, trailer: int
) -> Opener:
    """What decrypts: `ssrcs` are those heard so far, of RTP and RTCP together; the SSRC is the word `ssrc_word`."""
    context: Any = session._srtp[0]
    size: Any = ffi.new("int *")

    def unprotect(buffer: PacketBuffer, length: int) -> int:
        if length < least:
            counters["srtp_malformed"] += 1
            return 0
        ssrc = buffer.words[ssrc_word]
        known = ssrc in ssrcs
        if not known and len(ssrcs) >= MAX_SSRCS:
            counters["srtp_ssrc_limit"] += 1
            return 0
        size[0] = length
        if status := function(context, buffer.pointer, size):
            counters[_REASONS.get(status, "srtp_malformed")] += 1
            return 0
        if not known:
            ssrcs.add(ssrc)
        return length - trailer  # without MKI the tag is all there is; reading `size` costs more

    return unprotect


def _sealer(function: Any, session: Session, counters: Counter[str], least: int, trailer: int) -> Sealer:
    """What encrypts."""
    context: Any = session._srtp[0]
    size: Any = ffi.new("int *")

    def protect(buffer: bytearray, length: int) -> int:
        if not least <= length <= len(buffer) - TRAILER_BYTES:
            counters["send_size"] += 1
            return 0
        size[0] = length
        if function(context, buffer.pointer if type(buffer) is PacketBuffer else ffi.from_buffer(buffer), size):
            counters["send_protect"] += 1
            return 0
        return length + trailer

    return protect


def _policy(key: bytes, ssrc_type: int, profile: int) -> Policy:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile)
    policy.window_size = REPLAY_WINDOW_PACKETS
    policy.allow_repeat_tx = False  # a retransmission is the ciphertext of the ring, sent again
    return policy
