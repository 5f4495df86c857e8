"""A narrow way to a listener: the sender follows it, sound goes first, pictures pause and come back."""

import dataclasses
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.forward.delivery import PAUSED_BPS
from media.forward.departures import KEPT, Departures, Sample
from media.forward.downlink import LEAST_BPS, Downlink
from media.forward.floor import PAUSE_AFTER_S, PAUSE_BPS, RESUME_AFTER_S, RESUME_BPS, Floor
from media.forward.twcc import LOST, TransportFeedback
from media.port import Kind, LegVideoPaused, LegVideoResumed
from tests.support.impairment import Impairment
from tests.unit.media.forward.rig import NOW_S, VP8, VP8_KEY, parsed
from tests.unit.media.forward.simulated import MOST_BPS, World

FREE = Impairment(delay_ms=20)
OUT_AUDIO, OUT_VIDEO = 0xA0000000, 0xA0000001


def narrow(rate_bps: int, queue_ms: float = 1000) -> Impairment:
    return dataclasses.replace(FREE, rate_bps=rate_bps, queue_ms=queue_ms)


# ---------------------------------------------------------------- the limit comes and goes


def test_a_free_way_has_no_limit() -> None:
    world = World()
    world.run(20)
    assert world.told_bps == MOST_BPS
    assert world.way.rate_bps(NOW_S + 10) > 1_400_000


@pytest.mark.parametrize("rate_bps", [200_000, 300_000, 700_000])
@pytest.mark.parametrize("queue_ms", [150, 1000])
def test_a_sender_follows_a_narrow_way_within_three_seconds_and_is_back_within_ten(
    rate_bps: int, queue_ms: float
) -> None:
    world = World()
    world.run(5)
    world.way.lane.impairment = narrow(rate_bps, queue_ms)
    world.run(3)
    world.way.longest_s = 0.0
    assert world.cap_bps < rate_bps
    world.run(10)
    assert world.way.longest_s < 0.5
    assert world.told_bps > 0.6 * rate_bps
    assert world.way.rate_bps(world.loop.wall() - 3) > 0.5 * rate_bps
    world.way.lane.impairment = FREE
    world.run(10)
    assert world.told_bps == MOST_BPS
    assert world.cap_bps >= 1_500_000


def test_probes_of_a_way_that_stays_narrow_do_not_fill_it() -> None:
    world = World(narrow(300_000))
    world.run(10)
    world.way.longest_s = 0.0
    before = len(world.way.came)
    world.run(30)
    assert world.way.longest_s < 0.5
    bursts = sum(parsed(packet)[1] == 97 for _, packet in world.way.came[before:]) / 10
    assert 3 <= bursts <= 12


def test_jitter_is_no_limit() -> None:
    world = World(Impairment(delay_ms=80, jitter_ms=30))
    world.run(20)
    assert world.told_bps == MOST_BPS


def test_what_a_path_loses_by_itself_does_not_talk_its_sender_down() -> None:
    world = World(Impairment(delay_ms=20, loss=0.15))
    world.run(40)
    assert world.told_bps > 500_000


def test_a_longer_path_is_not_taken_for_a_queue_for_long() -> None:
    world = World()
    world.run(5)
    world.way.lane.impairment = dataclasses.replace(FREE, delay_ms=170)
    world.run(20)
    assert world.told_bps == MOST_BPS


# ---------------------------------------------------------------- too narrow for pictures


def test_pictures_pause_below_the_floor_sound_goes_on_and_they_come_back() -> None:
    world = World()
    world.run(5)
    world.way.lane.impairment = narrow(90_000)
    world.run(10)
    assert world.pauses() == [LegVideoPaused]
    assert world.cap_bps == PAUSED_BPS
    world.run(4)
    sounds, pictures = len(world.sequences(OUT_AUDIO)), len(world.sequences(OUT_VIDEO))
    world.run(10)
    assert len(world.sequences(OUT_VIDEO)) == pictures
    assert len(world.sequences(OUT_AUDIO)) - sounds == pytest.approx(500, abs=5)
    key_frames = world.key_frames
    world.way.lane.impairment = FREE
    world.run(10)
    assert world.pauses() == [LegVideoPaused, LegVideoResumed]
    assert world.key_frames == key_frames + 1
    resumed = [packet for _, packet in world.way.came if parsed(packet)[4] == OUT_VIDEO][pictures:]
    assert resumed[0][20] & 0x17 == 0x10  # the first packet of a key frame
    assert not resumed[0][21] & 0x01
    assert world.told_bps == MOST_BPS


def test_hold_media_pauses_too_and_comes_back_at_a_key_frame() -> None:
    world = World()
    shown: list[str] = []
    world.listener.control.on_clip_key_frame = lambda leg_id, out, at_s: shown.append(out.section.mid)
    world.listener.take_nothing()
    out = world.listener.outgoing[Kind.VIDEO]
    scratch = bytearray(2048)
    world.way.lane.impairment = narrow(60_000)
    for tick in range(600):
        out.send_clip(scratch, VP8_KEY + bytes(900), VP8, tick * 1800, marker=True, at_s=world.loop.wall())
        world.run(0.02)
    assert world.pauses() == [LegVideoPaused]
    pictures = len(world.sequences(OUT_VIDEO))
    world.run(2)
    out.send_clip(scratch, VP8_KEY, VP8, 2_000_000, marker=True, at_s=world.loop.wall())
    world.run(1)
    assert len(world.sequences(OUT_VIDEO)) == pictures
    world.way.lane.impairment = FREE
    world.run(12)
    assert world.pauses() == [LegVideoPaused, LegVideoResumed]
    assert shown == ["1"]


def test_stalls_of_a_quiet_call_do_not_pause_its_picture() -> None:
    """What comes through such a call is little, but the way is wide: a probe shows it before the floor acts."""
    world = World(wants_bps=40_000)
    world.run(5)
    for _ in range(4):
        world.way.lane.impairment = dataclasses.replace(FREE, delay_ms=450)
        world.run(0.4)
        world.way.lane.impairment = FREE
        world.run(4)
    assert world.pauses() == []


def test_a_short_dip_does_not_pause_the_picture_because_there_was_one_before() -> None:
    """Each of them is over before the floor's patience is; half a minute between them nothing is wrong."""
    world = World()
    world.run(5)
    for _ in range(4):
        world.way.lane.impairment = narrow(60_000)
        world.run(1.5)
        world.way.lane.impairment = FREE
        world.run(30)
    assert world.told_bps == MOST_BPS
    assert world.pauses() == []


def test_numbers_go_on_without_a_gap_over_a_pause() -> None:
    world = World()
    world.run(2)
    for paused in (True, False, True, False):
        world.listener.outgoing[Kind.VIDEO].pause(paused=paused, now_s=world.loop.wall())
        world.run(2)
    sequences = world.sequences(OUT_VIDEO)
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequences))


def test_the_floor_waits_before_it_pauses_and_before_it_resumes() -> None:
    floor = Floor()
    assert not floor.decide(PAUSE_BPS - 1, NOW_S)
    assert not floor.decide(PAUSE_BPS, NOW_S + PAUSE_AFTER_S)  # it was better in between
    assert not floor.decide(PAUSE_BPS - 1, NOW_S + PAUSE_AFTER_S + 1)
    assert floor.decide(PAUSE_BPS - 1, NOW_S + 2 * PAUSE_AFTER_S + 1)
    assert floor.paused
    at_s = NOW_S + 100
    assert not floor.decide(RESUME_BPS - 1, at_s)
    assert not floor.decide(RESUME_BPS, at_s + 1)
    assert floor.decide(None, at_s + 1 + RESUME_AFTER_S)
    assert not floor.paused


# ---------------------------------------------------------------- repetitions


def test_repetitions_take_a_small_part_of_a_limited_way() -> None:
    world = World(narrow(300_000))
    world.run(10)
    video = world.listener.outgoing[Kind.VIDEO]
    before = sum(map(len, world.way.protected))
    for _ in range(100):
        latest = range(video.sequence - 400, video.sequence)
        video.resend(tuple(sequence & 0xFFFF for sequence in latest), 0.0, world.loop.wall())
        world.run(0.1)
    repeated_bps = (sum(map(len, world.way.protected)) - before) * 8 / 10
    assert 0 < repeated_bps < 0.3 * 300_000


def test_a_refused_repetition_becomes_a_key_frame_when_the_queue_is_gone() -> None:
    world = World()
    world.run(5)
    video = world.listener.outgoing[Kind.VIDEO]
    key_frames = world.key_frames
    video.resend((video.sequence + 100 & 0xFFFF,), 0.1, world.loop.wall())
    world.run(0.3)
    assert world.key_frames == key_frames + 1
    world.run(3)
    assert world.key_frames == key_frames + 1


# ---------------------------------------------------------------- sound


def heard(world: World, since_s: float) -> tuple[int, int]:
    """Different sounds that came since then, and all of them."""
    sounds = [
        parsed(packet)[2] for at_s, packet in world.way.came if at_s >= since_s and parsed(packet)[4] == OUT_AUDIO
    ]
    return len(set(sounds)), len(sounds)


def test_sound_is_sent_twice_while_much_is_lost() -> None:
    world = World(Impairment(delay_ms=20, loss=0.15))
    world.run(10)
    begun_s = world.loop.wall()
    world.run(20)
    different, _ = heard(world, begun_s)
    assert different >= 0.96 * 1000  # of one in fifty that 15 % leave
    world.way.lane.impairment = FREE
    world.run(17)
    begun_s = world.loop.wall()
    world.run(10)
    different, came = heard(world, begun_s)
    assert came == different


def test_sound_is_sent_once_where_it_would_cost_the_picture() -> None:
    world = World(dataclasses.replace(narrow(200_000), loss=0.1))
    world.run(10)
    begun_s = world.loop.wall()
    world.run(10)
    different, came = heard(world, begun_s)
    assert came == different


# ---------------------------------------------------------------- the parts


def test_a_packet_told_lost_and_then_received_is_no_loss() -> None:
    departures = Departures(3)
    packet = bytearray(b"\x90\x60" + bytes(10) + b"\xbe\xde\x00\x01\x31\x00\x00\x00" + bytes(100))
    for _ in range(4):
        departures.stamp(packet, 120, NOW_S)
    first = departures.take(TransportFeedback(0, (10, LOST, 20, LOST)))
    again = departures.take(TransportFeedback(0, (10, 30, 20, LOST)))
    assert first is not None
    assert again is not None
    assert (first.received, first.lost, first.found) == (2, 2, 0)
    assert (again.received, again.lost, again.found) == (1, 0, 1)
    assert departures.take(TransportFeedback(0, (10, 30, 20, LOST))) is None


def test_how_long_a_repetition_took_is_not_measured() -> None:
    departures = Departures(3)
    packet = bytearray(b"\x90\x60" + bytes(10) + b"\xbe\xde\x00\x01\x31\x00\x00\x00" + bytes(100))
    departures.stamp(packet, 120, NOW_S)
    departures.resent(packet)
    sample = departures.take(TransportFeedback(0, (5,)))
    assert sample is not None
    assert sample.least_delay_s is None


@given(st.integers(0, 0xFFFF), st.lists(st.integers(-1, 1 << 30), min_size=1, max_size=50))
def test_a_feedback_about_packets_never_sent_says_nothing(base: int, ticks: list[int]) -> None:
    assert Departures(3).take(TransportFeedback(base, tuple(ticks))) is None


SAMPLES = st.builds(
    Sample,
    received=st.integers(0, KEPT),
    lost=st.integers(0, KEPT),
    found=st.integers(0, KEPT),
    octets=st.integers(0, 1500 * KEPT),
    last_arrival_s=st.floats(0, 2e6),
    least_delay_s=st.none() | st.floats(-2e9, 2e9),
)


@given(st.lists(st.tuples(SAMPLES, st.floats(-1, 5), st.none() | st.floats(0, 1e9)), max_size=80))
def test_whatever_is_told_the_limit_stays_within_bounds(steps: list[tuple[Sample, float, float | None]]) -> None:
    downlink, now_s = Downlink(MOST_BPS), NOW_S
    for sample, elapsed_s, probed_bps in steps:
        now_s += elapsed_s
        downlink.take(sample, now_s)
        if probed_bps is not None:
            downlink.probed(probed_bps)
        assert downlink.limit_bps is None or LEAST_BPS <= downlink.limit_bps < MOST_BPS * 30
        assert 0 <= downlink.loss <= 1
        assert downlink.queue_s >= 0
        assert math.isfinite(downlink.rate_bps)
