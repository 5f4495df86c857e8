"""STUN as ICE uses it (RFC 8489, RFC 8445 §7): Binding only, short-term credentials, FINGERPRINT required.

Text in, values out; no sockets, no state. The parser is our own and not aioice's: it reads untrusted datagrams before
anything else has looked at them, so it says *why* it drops one instead of raising, and its work is bounded by one pass.
"""

import hashlib
import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

MAGIC_COOKIE: Final = 0x2112A442
HEADER_BYTES: Final = 20
MAX_BYTES: Final = 548  # RFC 8489 §6.1: a request stays below the smallest path MTU; browsers send about 110 bytes
MAX_ATTRIBUTES: Final = 24

_COOKIE: Final = MAGIC_COOKIE.to_bytes(4, "big")
_FINGERPRINT_XOR: Final = 0x5354554E
_INTEGRITY_BYTES: Final = 20

_USERNAME: Final = 0x0006
_MESSAGE_INTEGRITY: Final = 0x0008
_ERROR_CODE: Final = 0x0009
_UNKNOWN_ATTRIBUTES: Final = 0x000A
_XOR_MAPPED_ADDRESS: Final = 0x0020
_PRIORITY: Final = 0x0024
_USE_CANDIDATE: Final = 0x0025
_FINGERPRINT: Final = 0x8028
_ICE_CONTROLLED: Final = 0x8029
_ICE_CONTROLLING: Final = 0x802A

_LENGTHS: Final = {
    _USERNAME: range(513),
    _MESSAGE_INTEGRITY: range(_INTEGRITY_BYTES, _INTEGRITY_BYTES + 1),
    _ERROR_CODE: range(4, 513),
    _XOR_MAPPED_ADDRESS: range(8, 21),
    _PRIORITY: range(4, 5),
    _USE_CANDIDATE: range(1),
    _FINGERPRINT: range(4, 5),
    _ICE_CONTROLLED: range(8, 9),
    _ICE_CONTROLLING: range(8, 9),
}
"""The attributes we read and the value lengths they may have."""

Address = tuple[str, int] | tuple[str, int, int, int]
"""A socket address as `recvfrom` gives it: IPv4 `(host, port)`, IPv6 `(host, port, flow, scope)`."""


class MessageType(IntEnum):
    """The four Binding messages (RFC 8489 §5: method 1, the class in bits 4 and 8)."""

    REQUEST = 0x0001
    INDICATION = 0x0011
    SUCCESS = 0x0101
    ERROR = 0x0111


class Flaw(StrEnum):
    """Why a datagram is not a STUN message we look at. The value is the name of its counter."""

    HEADER = "stun_header"  # type, cookie, length or size
    ATTRIBUTE = "stun_attribute"  # cut off, wrong length, too many, in the wrong place
    FINGERPRINT = "stun_fingerprint"  # missing or wrong
    INTEGRITY = "stun_integrity"  # missing: where it must be present but is wrong, the caller counts


@dataclass(frozen=True, slots=True)
class StunMessage:
    """One well-formed Binding message. Nothing in it is authenticated until `verify` says so."""

    type: MessageType
    transaction_id: bytes
    username: bytes = b""
    use_candidate: bool = False
    priority: int | None = None
    controlling: int | None = None  # the tie-breaker of ICE-CONTROLLING
    controlled: int | None = None
    mapped: tuple[str, int] | None = None
    error_code: int | None = None
    unknown_required: tuple[int, ...] = ()  # comprehension-required attributes we don't know (RFC 8489 §6.3.1)
    integrity: bytes = b""
    covered: bytes = b""  # what MESSAGE-INTEGRITY covers, the length field set accordingly

    def verify(self, password: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY was made with `password` (RFC 8489 §9.1.3). Constant time."""
        if not self.integrity:
            return False
        return hmac.compare_digest(self.integrity, hmac.digest(password, self.covered, hashlib.sha1))


def looks_like_binding(buffer: bytes | bytearray | memoryview, length: int) -> bool:
    """The cheap look, no allocation but one slice: type, cookie, length field, size (RFC 8489 §5)."""
    return (
        HEADER_BYTES < length <= MAX_BYTES
        and buffer[0] <= 1
        and buffer[1] in (0x01, 0x11)
        and buffer[4:8] == _COOKIE
        and (buffer[2] << 8 | buffer[3]) == length - HEADER_BYTES
        and not length & 3
    )


def peek_username(buffer: bytearray, length: int) -> bytes:
    """The USERNAME a datagram claims, empty when there is none: enough to see whether anybody would verify it.

    Costs a tenth of `parse`: browsers write USERNAME first. Nothing is checked but the bounds.
    """
    position = HEADER_BYTES
    for _ in range(MAX_ATTRIBUTES):
        if position + 4 > length:
            break
        kind, size = struct.unpack_from("!HH", buffer, position)
        if kind == _USERNAME:
            return bytes(buffer[position + 4 : min(position + 4 + size, length)])
        position += 4 + size + (-size & 3)
    return b""


def parse(data: bytes) -> StunMessage | Flaw:
    """Read one Binding message, or say what is wrong with it. Never raises, whatever `data` holds.

    FINGERPRINT must be last and right; only it may follow MESSAGE-INTEGRITY (attributes after it would not be
    authenticated). The first of a repeated attribute counts (RFC 8489 §14).
    """
    length = len(data)
    if not looks_like_binding(data, length):
        return Flaw.HEADER
    found: dict[int, bytes] = {}
    unknown: list[int] = []
    covered = b""
    position = HEADER_BYTES
    for _ in range(MAX_ATTRIBUTES):
        if position + 4 > length:
            return Flaw.FINGERPRINT
        kind, size = struct.unpack_from("!HH", data, position)
        end = position + 4 + size
        if end > length:
            return Flaw.ATTRIBUTE
        if covered and kind != _FINGERPRINT:
            return Flaw.ATTRIBUTE
        allowed = _LENGTHS.get(kind)
        if allowed is None:
            if kind < 0x8000:
                unknown.append(kind)
        elif size not in allowed:
            return Flaw.ATTRIBUTE
        else:
            found.setdefault(kind, data[position + 4 : end])
            if kind == _MESSAGE_INTEGRITY:
                covered = _with_length(data[:position], position + 4 + _INTEGRITY_BYTES - HEADER_BYTES)
            elif kind == _FINGERPRINT:
                if end != length or zlib.crc32(data[:position]) ^ _FINGERPRINT_XOR != _uint(found[kind]):
                    return Flaw.FINGERPRINT
                return _message(data, found, tuple(unknown), covered)
        position = end + (-size & 3)
    return Flaw.ATTRIBUTE


def _message(data: bytes, found: dict[int, bytes], unknown: tuple[int, ...], covered: bytes) -> StunMessage | Flaw:
    transaction_id = data[8:20]
    mapped = None
    if (value := found.get(_XOR_MAPPED_ADDRESS)) is not None:
        mapped = _unpack_xor_address(value, transaction_id)
        if mapped is None:
            return Flaw.ATTRIBUTE
    error = found.get(_ERROR_CODE)
    return StunMessage(
        type=MessageType(data[0] << 8 | data[1]),
        transaction_id=transaction_id,
        username=found.get(_USERNAME, b""),
        use_candidate=_USE_CANDIDATE in found,
        priority=_optional_uint(found.get(_PRIORITY)),
        controlling=_optional_uint(found.get(_ICE_CONTROLLING)),
        controlled=_optional_uint(found.get(_ICE_CONTROLLED)),
        mapped=mapped,
        error_code=None if error is None else (error[2] & 7) * 100 + error[3],
        unknown_required=unknown,
        integrity=found.get(_MESSAGE_INTEGRITY, b""),
        covered=covered,
    )


def binding_request(
    transaction_id: bytes,
    username: str,
    password: bytes,
    *,
    priority: int,
    tie_breaker: int,
    controlling: bool = True,
    use_candidate: bool = False,
) -> bytes:
    """A connectivity or consent check (RFC 8445 §7.2.2). `password` is the peer's."""
    name = username.encode()
    attributes = struct.pack("!HH", _USERNAME, len(name)) + name + bytes(-len(name) & 3)
    attributes += struct.pack("!HHI", _PRIORITY, 4, priority)
    attributes += struct.pack("!HHQ", _ICE_CONTROLLING if controlling else _ICE_CONTROLLED, 8, tie_breaker)
    if use_candidate:
        attributes += struct.pack("!HH", _USE_CANDIDATE, 0)
    return _signed(MessageType.REQUEST, transaction_id, attributes, password)


def binding_success(request: StunMessage, address: Address, password: bytes) -> bytes:
    """The answer to a verified check that came from `address` (RFC 8445 §7.3). `password` is ours."""
    value = _pack_xor_address(address, request.transaction_id)
    attributes = struct.pack("!HH", _XOR_MAPPED_ADDRESS, len(value)) + value
    return _signed(MessageType.SUCCESS, request.transaction_id, attributes, password)


def binding_error(request: StunMessage, code: int, reason: str, password: bytes) -> bytes:
    """An error answer to a *verified* check: 487 role conflict, 420 unknown attribute. A stranger gets no answer."""
    text = reason.encode()
    attributes = struct.pack("!HHHBB", _ERROR_CODE, 4 + len(text), 0, code // 100, code % 100)
    attributes += text + bytes(-len(text) & 3)
    if code == 420:
        kinds = request.unknown_required
        packed = struct.pack(f"!{len(kinds)}H", *kinds)
        attributes += struct.pack("!HH", _UNKNOWN_ATTRIBUTES, len(packed)) + packed + bytes(-len(packed) & 3)
    return _signed(MessageType.ERROR, request.transaction_id, attributes, password)


def _signed(kind: MessageType, transaction_id: bytes, attributes: bytes, password: bytes) -> bytes:
    """Header, attributes, MESSAGE-INTEGRITY (RFC 8489 §14.5) and FINGERPRINT (§14.7)."""
    length = len(attributes) + 4 + _INTEGRITY_BYTES
    message = struct.pack("!HHI12s", kind, length, MAGIC_COOKIE, transaction_id) + attributes
    digest = hmac.digest(password, message, hashlib.sha1)
    message = _with_length(message, length + 8) + struct.pack("!HH", _MESSAGE_INTEGRITY, _INTEGRITY_BYTES) + digest
    return message + struct.pack("!HHI", _FINGERPRINT, 4, zlib.crc32(message) ^ _FINGERPRINT_XOR)


def _with_length(message: bytes, length: int) -> bytes:
    return message[:2] + length.to_bytes(2, "big") + message[4:]


def _uint(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _optional_uint(value: bytes | None) -> int | None:
    return None if value is None else _uint(value)


def _xor(value: bytes, pad: bytes) -> bytes:
    return (_uint(value) ^ _uint(pad[: len(value)])).to_bytes(len(value), "big")


def _pack_xor_address(address: Address, transaction_id: bytes) -> bytes:
    """XOR-MAPPED-ADDRESS (RFC 8489 §14.2): family, port and address, XORed with cookie and transaction id."""
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    family = 1 if len(packed) == 4 else 2
    return bytes((0, family)) + _xor(address[1].to_bytes(2, "big"), _COOKIE) + _xor(packed, _COOKIE + transaction_id)


def _unpack_xor_address(value: bytes, transaction_id: bytes) -> tuple[str, int] | None:
    if (value[1], len(value)) not in ((1, 8), (2, 20)):
        return None
    host = ipaddress.ip_address(_xor(value[4:], _COOKIE + transaction_id))
    return str(host), _uint(_xor(value[2:4], _COOKIE))
