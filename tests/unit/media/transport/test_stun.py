"""STUN: the published vectors, aioice as a second opinion, and bytes nobody meant."""

import struct
import zlib

import pytest
from aioice import stun as aioice_stun
from hypothesis import example, given
from hypothesis import strategies as st

from media.transport.stun import (
    MAX_BYTES,
    Flaw,
    MessageType,
    StunMessage,
    binding_error,
    binding_request,
    binding_success,
    looks_like_binding,
    parse,
    peek_username,
)

VECTOR_PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
VECTOR_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
VECTOR_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
ID = bytes(range(12))


def request(**changes) -> bytes:
    options = {"priority": 7, "tie_breaker": 9} | changes
    return binding_request(ID, "ours:theirs", b"password", **options)


def with_attributes(attributes: bytes, kind: int = 1) -> bytes:
    """A message of these attributes with a right FINGERPRINT."""
    message = struct.pack("!HHI12s", kind, len(attributes) + 8, 0x2112A442, ID) + attributes
    return message + struct.pack("!HHI", 0x8028, 4, zlib.crc32(message) ^ 0x5354554E)


def read(data: bytes) -> StunMessage:
    message = parse(data)
    assert isinstance(message, StunMessage), message
    return message


def test_request_of_rfc_5769_is_read_and_verified() -> None:
    message = read(VECTOR_REQUEST)
    assert message.username == b"evtj:h6vY"
    assert message.priority == 0x6E0001FF
    assert message.controlled == 0x932FF9B151263B36
    assert not message.use_candidate
    assert message.verify(VECTOR_PASSWORD)
    assert not message.verify(VECTOR_PASSWORD[:-1])


def test_response_of_rfc_5769_is_read_and_verified() -> None:
    message = read(VECTOR_RESPONSE)
    assert message.mapped == ("192.0.2.1", 32853)
    assert message.verify(VECTOR_PASSWORD)


def test_our_request_satisfies_aioice() -> None:
    theirs = aioice_stun.parse_message(request(use_candidate=True))
    assert theirs.check_message_integrity(b"password")
    assert theirs.attributes["USERNAME"] == "ours:theirs"
    assert theirs.attributes["ICE-CONTROLLING"] == 9
    assert "USE-CANDIDATE" in theirs.attributes


@pytest.mark.parametrize("address", [("192.0.2.7", 4711), ("2001:db8::7", 4711, 0, 0), ("fe80::1%eth0", 9, 0, 3)])
def test_our_success_tells_the_address_it_went_to(address) -> None:
    data = binding_success(read(request()), address, b"password")
    expected = (address[0].partition("%")[0], address[1])
    assert read(data).mapped == expected
    theirs = aioice_stun.parse_message(data)
    assert theirs.attributes["XOR-MAPPED-ADDRESS"] == expected
    assert theirs.check_message_integrity(b"password")


def test_aioice_request_is_read_and_verified() -> None:
    theirs = aioice_stun.Message(aioice_stun.Method.BINDING, aioice_stun.Class.REQUEST)
    theirs.attributes |= {"USERNAME": "a:b", "PRIORITY": 5, "ICE-CONTROLLING": 77, "USE-CANDIDATE": None}
    theirs.add_message_integrity(b"password")
    message = read(bytes(theirs))
    assert (message.username, message.priority, message.controlling) == (b"a:b", 5, 77)
    assert message.use_candidate
    assert message.verify(b"password")


def test_errors_carry_code_and_the_unknown_attributes() -> None:
    asked = read(with_attributes(struct.pack("!HHI", 0x7F01, 4, 0) + struct.pack("!HH", 0x7F02, 0)))
    assert asked.unknown_required == (0x7F01, 0x7F02)
    answer = binding_error(asked, 420, "Unknown Attribute", b"password")
    assert read(answer).error_code == 420
    assert struct.pack("!HHHH", 0x000A, 4, 0x7F01, 0x7F02) in answer
    assert read(binding_error(asked, 487, "Role Conflict", b"p")).error_code == 487


def test_message_without_integrity_never_verifies() -> None:
    assert not read(with_attributes(struct.pack("!HH4s", 0x0006, 4, b"a:bc"))).verify(b"")


@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (b"", Flaw.HEADER),
        (b"\0", Flaw.HEADER),
        (VECTOR_REQUEST[:20], Flaw.HEADER),
        (VECTOR_REQUEST[:-1], Flaw.HEADER),
        (VECTOR_REQUEST + b"\0\0\0\0", Flaw.HEADER),
        (b"\x00\x03" + VECTOR_REQUEST[2:], Flaw.HEADER),  # Allocate: no TURN here
        (VECTOR_REQUEST[:-1] + b"\0", Flaw.FINGERPRINT),
        (VECTOR_REQUEST[:30] + b"X" + VECTOR_REQUEST[31:], Flaw.FINGERPRINT),
        (with_attributes(struct.pack("!HHH2x", 0x0024, 2, 1)), Flaw.ATTRIBUTE),  # a short PRIORITY
        (with_attributes(struct.pack("!HHI", 0x8029, 4, 1)), Flaw.ATTRIBUTE),  # a short ICE-CONTROLLED
        (with_attributes(struct.pack("!HHI", 0x802A, 4, 1)), Flaw.ATTRIBUTE),  # a short ICE-CONTROLLING
        (with_attributes(struct.pack("!HHI", 0x0008, 4, 1)), Flaw.ATTRIBUTE),  # a short MESSAGE-INTEGRITY
        (with_attributes(struct.pack("!HHI", 0x0006, 400, 1)), Flaw.ATTRIBUTE),  # cut off
        (with_attributes(struct.pack("!HH", 0x8022, 0) * 40), Flaw.ATTRIBUTE),  # too many
        (with_attributes(struct.pack("!HHBBHI", 0x0020, 8, 0, 9, 1, 1)), Flaw.ATTRIBUTE),  # no such family
        (with_attributes(bytes(MAX_BYTES)), Flaw.HEADER),
    ],
)
def test_flaws_are_named(data: bytes, flaw: Flaw) -> None:
    assert parse(data) is flaw


def test_message_without_fingerprint_is_not_read() -> None:
    body = struct.pack("!HH4s", 0x0006, 4, b"a:bc")
    assert parse(struct.pack("!HHI12s", 1, len(body), 0x2112A442, ID) + body) is Flaw.FINGERPRINT


def test_nothing_may_follow_fingerprint() -> None:
    trailer = struct.pack("!HH", 0x0025, 0)
    head = struct.pack("!HHI12s", 1, 8 + len(trailer), 0x2112A442, ID)
    fingerprint = struct.pack("!HHI", 0x8028, 4, zlib.crc32(head) ^ 0x5354554E)
    assert parse(head + fingerprint + trailer) is Flaw.FINGERPRINT


def test_nothing_but_fingerprint_may_follow_integrity() -> None:
    """RFC 8489 §14.5: what follows MESSAGE-INTEGRITY isn't covered, so nobody may add USE-CANDIDATE there."""
    signed = request()[20:-8]
    assert parse(with_attributes(signed + struct.pack("!HH", 0x0025, 0))) is Flaw.ATTRIBUTE


def test_wrong_integrity_with_right_fingerprint_is_caught_by_verify() -> None:
    data = bytearray(request())
    data[-20] ^= 1
    message = read(with_attributes(bytes(data[20:-8])))
    assert not message.verify(b"password")


@given(st.binary(max_size=1500))
@example(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12))
def test_any_bytes_are_read_or_have_a_flaw(data: bytes) -> None:
    assert isinstance(parse(data), StunMessage | Flaw)
    assert looks_like_binding(data, len(data)) or parse(data) is Flaw.HEADER


_ATTRIBUTES = st.lists(
    st.tuples(
        st.sampled_from([0x0001, 0x0003, 0x0006, 0x0008, 0x0009, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802A])
        | st.integers(0, 0xFFFF),
        st.integers(0, 40) | st.integers(0, 0xFFFF),
        st.binary(max_size=40),
    ),
    max_size=8,
)


@given(_ATTRIBUTES, st.sampled_from(list(MessageType)), st.booleans())
def test_any_attributes_are_read_or_have_a_flaw(attributes, kind: MessageType, true_lengths: bool) -> None:
    """The grammar of 26 % of whose messages made another parser raise struct.error."""
    body = b""
    for number, size, value in attributes:
        body += struct.pack("!HH", number, len(value) if true_lengths else size) + value + bytes(-len(value) & 3)
    message = parse(with_attributes(body, kind))
    assert isinstance(message, StunMessage | Flaw)
    if isinstance(message, StunMessage):
        message.verify(b"password")
        binding_success(message, ("192.0.2.1", 1), b"p")
        binding_error(message, 420, "Unknown Attribute", b"p")


def test_username_is_seen_without_reading_the_rest() -> None:
    assert peek_username(bytearray(VECTOR_REQUEST), len(VECTOR_REQUEST)) == b"evtj:h6vY"
    assert peek_username(bytearray(VECTOR_RESPONSE), len(VECTOR_RESPONSE)) == b""


@given(st.binary(max_size=600), st.booleans())
def test_username_of_any_bytes_lies_within_them(data: bytes, looks_right: bool) -> None:
    buffer = bytearray(VECTOR_REQUEST[:20] + data if looks_right else data)
    assert peek_username(buffer, len(buffer)) in bytes(buffer)


@given(st.integers(0, len(VECTOR_REQUEST) - 1), st.integers(1, 255))
def test_one_changed_byte_never_verifies(position: int, flip: int) -> None:
    data = bytearray(VECTOR_REQUEST)
    data[position] ^= flip
    message = parse(bytes(data))
    assert isinstance(message, Flaw) or not message.verify(VECTOR_PASSWORD)
