"""SRTP in place: agrees with pylibsrtp's copying session, refuses everything else with a reason."""

import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from media.transport.link import BUFFER_BYTES
from media.transport.srtp import MAX_SSRCS, PacketBuffer, SrtpKeys, SrtpSession

PROFILES = {
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM: 28,
    Policy.SRTP_PROFILE_AEAD_AES_256_GCM: 44,
    Policy.SRTP_PROFILE_AES128_CM_SHA1_80: 30,
}


def pair(profile: int = Policy.SRTP_PROFILE_AEAD_AES_128_GCM) -> tuple[SrtpSession, SrtpSession]:
    """Two ends with each other's keys."""
    one, two = bytes(range(PROFILES[profile])), bytes(range(1, PROFILES[profile] + 1))
    keys = SrtpKeys(profile, one, two), SrtpKeys(profile, two, one)
    return tuple(SrtpSession(each, Counter()) for each in keys)  # type: ignore[return-value]


def rtp(sequence: int, ssrc: int = 7, size: int = 100) -> PacketBuffer:
    packet = PacketBuffer(BUFFER_BYTES)
    struct.pack_into("!BBHII", packet, 0, 0x80, 96, sequence, sequence, ssrc)
    packet[12:size] = b"x" * (size - 12)
    return packet


def rtcp(ssrc: int = 7) -> PacketBuffer:
    packet = PacketBuffer(BUFFER_BYTES)
    struct.pack_into("!BBHI", packet, 0, 0x80, 201, 1, ssrc)
    return packet


@pytest.mark.parametrize("profile", PROFILES)
def test_what_one_end_protects_the_other_restores(profile: int) -> None:
    sender, receiver = pair(profile)
    packet = rtp(1)
    plain = bytes(packet[:100])
    size = sender.protect_rtp(packet, 100)
    assert size in (110, 116)
    assert packet[:100] != plain
    assert receiver.unprotect_rtp(packet, size) == 100
    assert packet[:100] == plain
    packet = rtcp()
    size = sender.protect_rtcp(packet, 8)
    assert receiver.unprotect_rtcp(packet, size) == 8
    assert packet[:8] == rtcp()[:8]
    assert not sender.counters
    assert not receiver.counters


@pytest.mark.parametrize("profile", PROFILES)
def test_ciphertext_is_what_pylibsrtp_makes(profile: int) -> None:
    sender, _ = pair(profile)
    theirs = Session(Policy(bytes(range(1, PROFILES[profile] + 1)), Policy.SSRC_ANY_OUTBOUND, 0, profile))
    packet = rtp(1)
    expected = theirs.protect(bytes(packet[:100]))
    assert packet[: sender.protect_rtp(packet, 100)] == expected


def test_replayed_packet_is_dropped_and_counted() -> None:
    sender, receiver = pair()
    packet = rtp(1)
    size = sender.protect_rtp(packet, 100)
    again = PacketBuffer(BUFFER_BYTES)
    again[:] = packet
    assert receiver.unprotect_rtp(packet, size)
    assert not receiver.unprotect_rtp(again, size)
    assert receiver.counters == {"srtp_replay": 1}


def test_packet_of_other_keys_is_dropped_and_counted() -> None:
    sender, receiver = pair()
    packet = rtp(1)
    size = sender.protect_rtp(packet, 100)
    packet[50] ^= 1
    assert not receiver.unprotect_rtp(packet, size)
    packet = rtcp()
    size = sender.protect_rtcp(packet, 8)
    packet[9] ^= 1
    assert not receiver.unprotect_rtcp(packet, size)
    assert receiver.counters == {"srtp_auth": 2}


def test_late_packets_within_the_window_are_taken() -> None:
    sender, receiver = pair()
    packets = [rtp(sequence) for sequence in range(250)]
    sizes = [sender.protect_rtp(packet, 100) for packet in packets]
    for packet, size in reversed(list(zip(packets, sizes, strict=True))):
        assert receiver.unprotect_rtp(packet, size)


def test_sources_of_one_peer_are_bounded() -> None:
    sender, receiver = pair()
    for ssrc in range(300):
        packet = rtp(1, ssrc)
        receiver.unprotect_rtp(packet, sender.protect_rtp(packet, 100))
        packet = rtcp(1000 + ssrc)
        receiver.unprotect_rtcp(packet, sender.protect_rtcp(packet, 8))
    assert receiver.counters == {"srtp_ssrc_limit": 600 - MAX_SSRCS}
    packet = rtp(2, 0)
    assert receiver.unprotect_rtp(packet, sender.protect_rtp(packet, 100)), "a source it knows goes on"


def test_forged_sources_take_no_place() -> None:
    sender, receiver = pair()
    for ssrc in range(100):
        assert not receiver.unprotect_rtp(rtp(1, 5000 + ssrc), 100)
    packet = rtp(1)
    assert receiver.unprotect_rtp(packet, sender.protect_rtp(packet, 100))


def test_packet_too_long_for_its_buffer_is_not_sent() -> None:
    sender, _ = pair()
    assert not sender.protect_rtp(bytearray(rtp(1)[:110]), 100)
    assert not sender.protect_rtcp(bytearray(rtcp()[:20]), 8)
    assert not sender.protect_rtp(rtp(1), 11)
    assert sender.counters == {"send_size": 3}


def test_broken_header_is_not_sent() -> None:
    """An extension that claims more words than the packet has."""
    sender, _ = pair()
    packet = rtp(1)
    packet[0] = 0x90
    struct.pack_into("!HH", packet, 12, 0xBEDE, 500)
    assert not sender.protect_rtp(packet, 100)
    assert sender.counters == {"send_protect": 1}


@given(st.binary(max_size=200), st.integers(0, 1500), st.sampled_from(list(PROFILES)))
def test_any_bytes_are_refused_without_harm(data: bytes, length: int, profile: int) -> None:
    sender, receiver = pair(profile)
    buffer = PacketBuffer(BUFFER_BYTES)
    for take in (receiver.unprotect_rtp, receiver.unprotect_rtcp):
        buffer[: len(data)] = data
        assert take(buffer, length) == 0
    assert receiver.counters.total() == 2
    for give in (sender.protect_rtp, sender.protect_rtcp):
        buffer[: len(data)] = data
        assert 0 <= give(buffer, length) <= length + 20
