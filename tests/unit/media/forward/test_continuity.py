"""The receiver sees one stream: one SSRC, numbers that go on, whatever the sources are and do."""

from hypothesis import given, settings
from hypothesis import strategies as st

from media.forward.leg import ForwardLeg
from media.forward.outgoing import OutgoingTrack
from media.port import Kind
from tests.unit.media.forward.rig import (
    OPUS,
    VP8,
    VP8_DELTA,
    VP8_KEY,
    FakeLink,
    Rig,
    parsed,
    rtp,
    section,
    sent_tracks,
    video,
)

WINDOW = 64
"""Reordering and gaps the hypothesis sources make stay below this."""


def unwrapped(values: list[int], bits: int) -> list[int]:
    """Values modulo 2^bits as the nearest continuation of the one before."""
    found: list[int] = []
    for value in values:
        if not found:
            found.append(value)
            continue
        step = (value - found[-1]) & ((1 << bits) - 1)
        found.append(found[-1] + (step - (1 << bits) if step >= 1 << (bits - 1) else step))
    return found


class Source:
    """A sender of sound and picture with its own numbers, near their wraps."""

    def __init__(self, rig: Rig, leg: ForwardLeg, sequence: int, timestamp: int) -> None:
        self.rig, self.leg = rig, leg
        self.sequence = {1: sequence, 2: sequence // 2}
        self.timestamp = timestamp
        self.held: list[bytes] = []

    def act(self, action: str) -> None:
        self.timestamp += 960
        self.rig.loop.advance(0.02)
        packets = [
            rtp(1, self.sequence[1], self.timestamp),
            video(self.sequence[2], self.timestamp * 2, VP8_KEY if action == "key" else VP8_DELTA),
        ]
        self.sequence = {ssrc: number + 1 for ssrc, number in self.sequence.items()}
        if action == "hold back":
            self.held = (self.held + packets)[-8:]
        elif action == "twice":
            packets *= 2
        elif action == "late":
            packets += self.held
            self.held = []
        if action not in ("lose", "hold back"):
            for packet in packets:
                self.rig.receive(self.leg, packet)


ACTIONS = st.sampled_from(
    ["send", "send", "key", "lose", "hold back", "late", "twice", "switch", "clip", "nothing", "wait"]
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(ACTIONS, min_size=5, max_size=120),
    st.integers(0, 0xFFFF),
    st.integers(0xFFFF0000, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
)
def test_numbers_go_on_across_random_switches(actions: list[str], first: int, timestamp: int, second: int) -> None:
    rig = Rig()
    receiver, link = rig.leg("lg_r")
    sources = [
        Source(rig, rig.leg("lg_a")[0], first, timestamp),
        Source(rig, rig.leg("lg_b")[0], second, timestamp // 3),
    ]
    current = 0
    ticks = 0
    receiver.take_from(sources[0].leg, rig.loop.wall())
    for action in actions:
        if action == "switch":
            current = 1 - current
            receiver.take_from(sources[current].leg, rig.loop.wall())
        elif action == "nothing":
            receiver.take_nothing()
        elif action == "wait":
            rig.loop.advance(3.0)
        elif action == "clip":
            receiver.take_nothing()
            for _ in range(3):
                rig.loop.advance(0.02)
                ticks += 960
                for kind, codec in ((Kind.AUDIO, OPUS), (Kind.VIDEO, VP8)):
                    receiver.outgoing[kind].send_clip(
                        rig.scratch, b"prompt", codec, ticks, marker=False, at_s=rig.loop.wall()
                    )
        else:
            sources[current].act(action)

    for kind, ssrc in ((Kind.AUDIO, 0xA0000000), (Kind.VIDEO, 0xA0000001)):
        packets = sent_tracks(link).pop(ssrc, [])
        assert {packet[4] for packet in packets} <= {ssrc}
        sequences = unwrapped([packet[2] for packet in packets], 16)
        assert len(set(sequences)) == len(sequences), "no sequence number twice"
        highest = sequences[0] if sequences else 0
        for sequence in sequences:
            assert sequence > highest - WINDOW * 4, "no step back beyond reordering"
            assert sequence < highest + WINDOW * 4, "no leap"
            highest = max(highest, sequence)
        in_order = [packet[3] for _, packet in sorted(zip(sequences, packets, strict=True))]
        times = unwrapped(in_order, 32)
        assert times == sorted(times), f"{kind}: time goes on with the sequence"


def audio_bridge() -> tuple[Rig, ForwardLeg, ForwardLeg, FakeLink]:
    rig = Rig()
    a, _ = rig.leg("lg_a")
    b, link = rig.leg("lg_b")
    b.take_from(a, rig.loop.wall())
    return rig, a, b, link


def test_a_gap_of_the_source_stays_a_gap() -> None:
    rig, a, _, link = audio_bridge()
    for sequence in (10, 11, 15, 16):
        rig.receive(a, rtp(1, sequence))
    numbers = [parsed(packet)[2] for packet in link.sent]
    assert [number - numbers[0] for number in numbers] == [0, 1, 5, 6]


def test_a_late_packet_keeps_its_place_and_a_second_copy_is_dropped() -> None:
    rig, a, _, link = audio_bridge()
    for sequence in (10, 12, 11, 11, 12):
        rig.receive(a, rtp(1, sequence))
    numbers = [parsed(packet)[2] for packet in link.sent]
    assert [number - numbers[0] for number in numbers] == [0, 2, 1]
    assert rig.drops["duplicate_or_late"] == 2


def test_a_late_packet_right_before_a_switch_does_not_turn_the_numbers_back() -> None:
    rig, a, b, link = audio_bridge()
    other, _ = rig.leg("lg_c")
    for sequence in (10, 12, 11):
        rig.receive(a, rtp(1, sequence, sequence * 960))
    b.take_from(other, rig.loop.wall())
    rig.receive(other, rtp(1, 500, 7))
    numbers = [parsed(packet)[2] for packet in link.sent]
    assert [number - numbers[0] for number in numbers] == [0, 2, 1, 3]
    assert (parsed(link.sent[3])[3] - parsed(link.sent[1])[3]) & 0xFFFFFFFF == 1


def test_a_packet_older_than_the_first_one_is_dropped() -> None:
    rig, a, _, link = audio_bridge()
    rig.receive(a, rtp(1, 10))
    rig.receive(a, rtp(1, 9))
    assert len(link.sent) == 1


def test_a_switch_moves_the_timestamp_by_the_time_that_passed() -> None:
    rig, a, b, link = audio_bridge()
    other, _ = rig.leg("lg_c")
    rig.receive(a, rtp(1, 1, 5000))
    rig.loop.advance(0.5)
    b.take_from(other, rig.loop.wall())
    rig.receive(other, rtp(1, 900, 77))
    first, second = (parsed(packet) for packet in link.sent)
    assert (second[3] - first[3]) & 0xFFFFFFFF == 24000
    assert second[2] == (first[2] + 1) & 0xFFFF


def test_the_first_sound_after_a_switch_begins_a_talkspurt() -> None:
    """RFC 3551 §4.1: the marker lets the receiver adapt its play-out there."""
    rig, a, _, link = audio_bridge()
    rig.receive(a, rtp(1, 1))
    rig.receive(a, rtp(1, 2))
    assert [parsed(packet)[0] for packet in link.sent] == [1, 0]


def test_a_clock_that_is_set_back_does_not_turn_the_timeline_back() -> None:
    rig, a, b, link = audio_bridge()
    rig.receive(a, rtp(1, 1, 5000))
    rig.loop.now_s -= 3600
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(1, 2, 5960))
    first, second = (parsed(packet)[3] for packet in link.sent)
    assert (second - first) & 0xFFFFFFFF == 1


def test_a_jump_of_the_source_is_believed_when_two_packets_agree_and_is_hidden() -> None:
    """RFC 3550 appendix A.1."""
    rig, a, _, link = audio_bridge()
    for sequence in (10, 11, 40000, 40001, 40002):
        rig.receive(a, rtp(1, sequence))
    numbers = [parsed(packet)[2] for packet in link.sent]
    assert [number - numbers[0] for number in numbers] == [0, 1, 2, 3]


def test_a_single_wild_sequence_number_changes_nothing() -> None:
    rig, a, _, link = audio_bridge()
    for sequence in (10, 40000, 11, 50000, 12):
        rig.receive(a, rtp(1, sequence))
    numbers = [parsed(packet)[2] for packet in link.sent]
    assert [number - numbers[0] for number in numbers] == [0, 1, 2]


def test_a_sender_that_changes_its_ssrc_stays_one_stream() -> None:
    rig = Rig()
    sections = (section(Kind.AUDIO), section(Kind.VIDEO))
    a, _ = rig.leg("lg_a", *sections)
    b, link = rig.leg("lg_b")
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(71, 10))
    rig.loop.advance(0.02)
    rig.receive(a, rtp(72, 60000))
    rig.receive(a, rtp(71, 11))  # the old one, a moment later
    assert [parsed(packet)[4] for packet in link.sent] == [0xA0000000] * 2
    assert parsed(link.sent[1])[2] == (parsed(link.sent[0])[2] + 1) & 0xFFFF
    assert rig.drops["other_stream"] == 1
    rig.loop.advance(1.0)
    rig.receive(a, rtp(71, 12))  # the new one has ended, the old one goes on
    assert len(link.sent) == 3


def test_a_track_that_was_never_sent_begins_anywhere_below_half_the_range() -> None:
    """RFC 3711 §3.3.1: a first sequence number near the wrap would risk the roll-over counter."""
    rig = Rig()
    for name in range(50):
        leg, _ = rig.leg(f"lg_{name}")
        out: OutgoingTrack = leg.outgoing[Kind.AUDIO]
        assert out.sequence & 0xFFFF < 0x8000
