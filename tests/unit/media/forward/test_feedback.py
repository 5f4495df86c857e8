"""Loss and repair, reports and estimates: what goes up and down beside the packets."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.forward import rtcp
from media.forward.estimate import FLOOR_BPS, START_BPS, Capacity
from media.forward.incoming import IncomingStream, IncomingTrack
from media.forward.leg import ForwardLeg
from media.forward.missing import TRIES
from media.player.clip import Clip, ClipPacket, ClipTrack
from media.player.pacer import GRID_S, Pacer
from media.port import Kind
from tests.unit.media.forward.rig import (
    OPUS,
    VP8,
    VP8_KEY,
    FakeLink,
    OneBuffer,
    Rig,
    parsed,
    rtp,
    section,
    video,
)

OUT_VIDEO = 0xA0000001
OUT_AUDIO = 0xA0000000


def told(link: FakeLink) -> Iterator[rtcp.Item]:
    for packet in link.rtcp:
        yield from rtcp.parse(packet, len(packet))


def nacked(link: FakeLink) -> list[tuple[int, ...]]:
    return [item.sequences for item in told(link) if isinstance(item, rtcp.Nack)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


# ---------------------------------------------------------------- what a receiver misses


def test_a_nack_is_answered_with_the_same_ciphertext(rig: Rig) -> None:
    a, b, a_link, b_link = rig.bridge()
    for sequence in range(10):
        rig.receive(a, video(sequence, 0, VP8_KEY))
    sequence = parsed(b_link.sent[4])[2]
    rig.receive_rtcp(b, rtcp.nack(9, OUT_VIDEO, [sequence]))
    assert b_link.protected == [b_link.sent[4]]
    assert nacked(a_link) == []


def test_the_same_packet_is_not_resent_twice_within_a_round_trip(rig: Rig) -> None:
    a, b, _, b_link = rig.bridge()
    rig.receive(a, video(0, 0, VP8_KEY))
    nack = rtcp.nack(9, OUT_VIDEO, [parsed(b_link.sent[0])[2]])
    for _ in range(20):
        rig.receive_rtcp(b, nack)
    assert len(b_link.protected) == 1
    assert rig.drops["nack_repeated"] == 19
    rig.loop.advance(0.11)  # the assumed round trip is 100 ms
    rig.receive_rtcp(b, nack)
    assert len(b_link.protected) == 2


def test_packets_that_left_the_ring_are_not_sent(rig: Rig) -> None:
    a, b, _, b_link = rig.bridge()
    for sequence in range(600):
        rig.receive(a, video(sequence, 0, VP8_KEY))
    sequences = [parsed(packet)[2] for packet in b_link.sent]
    rig.receive_rtcp(b, rtcp.nack(9, OUT_VIDEO, [sequences[87], sequences[88], sequences[599]]))
    assert [parsed(packet)[2] for packet in b_link.protected] == [sequences[88], sequences[599]]
    assert rig.drops["nack_unanswered"] == 1


def test_resending_is_limited_in_bytes(rig: Rig) -> None:
    rig = Rig(max_resend_bps=8 * 5000)
    a, b, _, b_link = rig.bridge()
    for sequence in range(20):
        rig.receive(a, video(sequence, 0, VP8_KEY + bytes(950)))
    rig.receive_rtcp(b, rtcp.nack(9, OUT_VIDEO, [parsed(packet)[2] for packet in b_link.sent]))
    assert sum(map(len, b_link.protected)) <= 5000
    assert rig.drops["nack_over_rate"] == 1


def test_sound_and_streams_of_others_are_not_resent(rig: Rig) -> None:
    a, b, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 5))
    sequence = parsed(b_link.sent[0])[2]
    rig.receive_rtcp(b, rtcp.nack(9, OUT_AUDIO, [sequence]) + rtcp.nack(9, 12345, [sequence]))
    assert b_link.protected == []


# ---------------------------------------------------------------- what we miss


def test_a_gap_is_asked_for_after_a_moment_and_again_until_it_closes(rig: Rig) -> None:
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, video(65534, 0, VP8_KEY))
    rig.receive(a, video(2))
    assert nacked(a_link) == []
    rig.loop.advance(0.025)
    assert nacked(a_link) == [(65535, 0, 1)]
    rig.receive(a, video(0))
    rig.loop.advance(0.15)
    assert nacked(a_link)[1:] == [(65535, 1)]
    rig.receive(a, video(65535))
    rig.receive(a, video(1))
    rig.loop.advance(2)
    assert len(nacked(a_link)) == 2


def test_mere_reordering_is_not_asked_for(rig: Rig) -> None:
    a, _, a_link, _ = rig.bridge()
    for sequence in (1, 3, 2, 4):
        rig.receive(a, video(sequence, 0, VP8_KEY))
    rig.loop.advance(1)
    assert nacked(a_link) == []


def test_what_never_comes_is_given_up_for_a_key_frame(rig: Rig) -> None:
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, video(1, 0, VP8_KEY))
    rig.loop.advance(1.2)
    a_link.rtcp.clear()
    rig.receive(a, video(3))
    rig.loop.advance(3)
    assert 3 <= len(nacked(a_link)) <= TRIES
    assert sum(isinstance(item, rtcp.KeyFrameRequest) for item in told(a_link)) == 1


def test_a_long_gap_asks_for_a_key_frame_and_not_for_packets(rig: Rig) -> None:
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, video(1, 0, VP8_KEY))
    rig.loop.advance(1.2)
    a_link.rtcp.clear()
    rig.receive(a, video(400))
    rig.loop.advance(0.5)
    assert nacked(a_link) == []
    assert any(isinstance(item, rtcp.KeyFrameRequest) for item in told(a_link))


def test_sound_is_not_asked_for_again(rig: Rig) -> None:
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, rtp(1, 1))
    rig.receive(a, rtp(1, 5))
    rig.loop.advance(0.5)
    assert nacked(a_link) == []


def test_a_retransmission_fills_its_gap_for_every_receiver_and_is_not_counted_as_received(rig: Rig) -> None:
    a, _ = rig.leg("lg_a", section(Kind.VIDEO, VP8, ssrc=2, peer_rtx_ssrcs={3: 2}))
    b, b_link = rig.leg("lg_b")
    b.take_from(a, rig.loop.wall())
    for sequence in (1, 2, 4):
        rig.receive(a, video(sequence, 0, VP8_KEY))
    rig.receive(a, video(77, 0, b"\x00\x03" + VP8_KEY, ssrc=3, pt=97))
    rig.receive(a, video(78, 0, b"\x00\x03" + VP8_KEY, ssrc=3, pt=97))  # a probe repeats what is there
    numbers = [parsed(packet)[2] for packet in b_link.sent]
    assert [number - numbers[0] for number in numbers] == [0, 1, 3, 2]
    assert b_link.sent[3][12:] == VP8_KEY
    track = a.incoming[Kind.VIDEO]
    assert track.current is not None
    assert (track.current.lost, track.lost, track.restored) == (1, 0, 1)
    assert rig.drops["duplicate_or_late"] == 1


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (video(1, 0, b"\x00\x03xx", ssrc=3, pt=97), "rtx_unmatched"),  # before any media
        (video(1, 0, b"\x00\x03xx", ssrc=50, pt=97), "rtx_unmatched"),
        (video(1, 0, b"", ssrc=3, pt=97), "rtx_unmatched"),
        (video(1, 0, b"\x00\x03xx", ssrc=3, pt=103), "unknown_payload_type"),
    ],
)
def test_a_retransmission_of_nothing_known_is_dropped(rig: Rig, packet: bytes, reason: str) -> None:
    a, _ = rig.leg("lg_a", section(Kind.VIDEO, VP8, ssrc=2, peer_rtx_ssrcs={3: 2}))
    rig.receive(a, packet)
    assert rig.drops == {reason: 1}


# ---------------------------------------------------------------- reports


def track_of(codec: object = OPUS) -> IncomingTrack:
    return IncomingTrack(section(Kind.AUDIO), lambda *_: None, lambda *_: None)


def test_a_report_says_what_rfc_3550_says(rig: Rig) -> None:
    """RFC 3550 appendix A.3: extended highest number, losses of all time and of the interval."""
    a, _, a_link, _ = rig.bridge()
    for sequence in range(65530, 65546):
        if sequence % 4:
            rig.receive(a, rtp(1, sequence & 0xFFFF))
    a_link.rtcp.clear()
    rig.loop.advance(1)
    (block,) = [item for item in told(a_link) if isinstance(item, rtcp.ReportBlock)]
    assert (block.ssrc, block.highest_sequence, block.cumulative_lost) == (1, 65545, 4)
    assert block.fraction_lost == 4 * 256 // 16
    assert block.lsr == 0
    assert block.dlsr == 0
    a_link.rtcp.clear()
    rig.loop.advance(1)
    (block,) = [item for item in told(a_link) if isinstance(item, rtcp.ReportBlock)]
    assert (block.cumulative_lost, block.fraction_lost) == (4, 0)


def test_the_loss_of_sound_is_told_for_the_whole_way(rig: Rig) -> None:
    """A browser protects its sound by the loss it is told, whosever way it is; its picture is none of that."""
    a, b, a_link, _b_link = rig.bridge()
    rig.receive(a, video(0, 0, VP8_KEY))
    for sequence in range(40):
        rig.receive(a, rtp(1, sequence))
    for kind, ssrc in ((Kind.AUDIO, OUT_AUDIO), (Kind.VIDEO, OUT_VIDEO)):
        highest = b.outgoing[kind].sequence
        for highest_told, lost in ((highest - 40, 0), (highest, 10)):
            block = rtcp.ReportBlock(ssrc, 0, lost, highest_told, 0, 0, 0)
            rig.receive_rtcp(b, rtcp.receiver_report(7, [rtcp.block(block)]))
    a_link.rtcp.clear()
    a.report(rig.loop.wall(), 1.0)
    fractions = {item.ssrc: item.fraction_lost for item in told(a_link) if isinstance(item, rtcp.ReportBlock)}
    assert fractions == {1: 64, 2: 0}


def test_jitter_is_the_smoothed_deviation() -> None:
    """RFC 3550 §6.4.1, a constant deviation of 5 ms converges to 5 ms."""
    track = track_of()
    stream = IncomingStream(1, track, 0)
    stream.use(OPUS)
    at_s = 1000.0
    for number in range(400):
        stream.time(number * 960 & 0xFFFFFFFF, at_s + number * 0.02 + (0.005 if number % 2 else 0))
    assert stream.jitter_ticks / 48 == pytest.approx(5, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF), st.floats(0, 1e6)), max_size=60))
def test_no_timestamps_or_numbers_make_a_report_that_does_not_fit(packets: list[tuple[int, int, float]]) -> None:
    track = track_of()
    stream = IncomingStream(1, track, 0)
    stream.use(OPUS)
    at_s = 0.0
    for timestamp, sequence, gap_s in packets:
        at_s += gap_s
        if stream.place(sequence, at_s) >= 0:
            stream.received += 1
        stream.time(timestamp, at_s)
        block = rtcp.block(stream.report(at_s))
        data = rtcp.receiver_report(1, [block])
        (read,) = rtcp.parse(data, len(data))
        assert isinstance(read, rtcp.ReportBlock)
        assert len(stream.missing) <= 256


def test_a_report_names_the_last_sender_report_and_the_time_since(rig: Rig) -> None:
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, rtp(1, 1))
    rig.receive_rtcp(a, rtcp.sender_report(rtcp.SenderReport(1, 0x1111_2222_3333_4444, 7), 1, 1))
    rig.loop.advance(1)
    block = next(item for item in told(a_link) if isinstance(item, rtcp.ReportBlock))
    assert block.lsr == 0x22223333
    assert 0 < block.dlsr <= 65536


def test_the_round_trip_is_measured_from_the_report_that_is_answered(rig: Rig) -> None:
    a, b, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 1, 1000))
    rig.receive_rtcp(a, rtcp.sender_report(rtcp.SenderReport(1, rtcp.ntp64(5.0), 1000), 1, 1))
    rig.loop.advance(0.5)
    b.report(rig.loop.wall(), 1.0)
    sent = next(
        item for item in rtcp.parse(b_link.rtcp[-1], len(b_link.rtcp[-1])) if isinstance(item, rtcp.SenderReport)
    )
    block = rtcp.ReportBlock(OUT_AUDIO, 0, 0, 0, 0, sent.ntp >> 16 & 0xFFFFFFFF, 65536 // 4)
    rig.loop.advance(0.33)  # of which the receiver held it for a quarter of a second
    rig.receive_rtcp(b, rtcp.receiver_report(9, [rtcp.block(block)]))
    assert b.round_trip_s == pytest.approx(0.08, abs=0.001)


def reports(link: FakeLink, ssrc: int) -> list[rtcp.SenderReport]:
    return [item for item in told(link) if isinstance(item, rtcp.SenderReport) and item.ssrc == ssrc]


def test_sender_reports_lie_on_the_senders_own_line_in_our_timeline(rig: Rig) -> None:
    """For 20 s of reports of a sender whose clock is years off, the told times differ from true ones by < 1 ms."""
    a, _, _, b_link = rig.bridge()
    theirs_s = 12345.678
    for step in range(200):
        rig.loop.advance(0.1)
        theirs_s += 0.1
        for ssrc, rate, base in ((1, 48000, 4294960000), (2, 90000, 77)):
            timestamp = (base + round(step * 0.1 * rate)) & 0xFFFFFFFF
            rig.receive(a, rtp(1, step, timestamp) if ssrc == 1 else video(step, timestamp, VP8_KEY))
            if step % (50 if ssrc == 1 else 10) == 3:
                report = rtcp.SenderReport(ssrc, rtcp.ntp64(theirs_s), timestamp)
                rig.receive_rtcp(a, rtcp.sender_report(report, 0, 0))
    shifts = []
    for ssrc, rate in ((OUT_AUDIO, 48000), (OUT_VIDEO, 90000)):
        first = next(parsed(packet) for packet in b_link.sent if parsed(packet)[4] == ssrc)
        start_s = rig.loop.wall() - 19.9  # when the first packet came
        found = reports(b_link, ssrc)
        assert len(found) >= 10
        for report in found:
            media_s = ((report.rtp_timestamp - first[3]) & 0xFFFFFFFF) / rate
            shifts.append(rtcp.ntp_to_unix_s(report.ntp) - start_s - media_s)
    assert max(shifts) - min(shifts) < 0.001
    assert abs(shifts[0]) < 0.001


def test_reports_of_one_receiver_stay_on_one_clock_whatever_the_source(rig: Rig) -> None:
    """Sources with clocks days apart and a clip: a receiver's line through the reports never breaks."""
    listener, link = rig.leg("lg_r")
    sources = [rig.leg(f"lg_{name}")[0] for name in range(3)]
    for days, source in enumerate(sources):
        listener.take_from(source, rig.loop.wall())
        for step in range(30):
            rig.loop.advance(0.1)
            rig.receive(source, rtp(1, step, step * 4800))
            report = rtcp.SenderReport(1, rtcp.ntp64(rig.loop.wall() - days * 86400), step * 4800)
            rig.receive_rtcp(source, rtcp.sender_report(report, 0, 0))
    listener.take_nothing()
    for step in range(30):
        rig.loop.advance(0.1)
        listener.outgoing[Kind.AUDIO].send_clip(
            rig.scratch, b"prompt", OPUS, step * 4800, marker=False, at_s=rig.loop.wall()
        )
    found = reports(link, OUT_AUDIO)
    assert len(found) >= 8
    for before, after in pairwise(found):
        wall_s = (after.ntp - before.ntp) / 4294967296
        media_s = ((after.rtp_timestamp - before.rtp_timestamp) & 0xFFFFFFFF) / 48000
        assert wall_s > 0
        assert media_s == pytest.approx(wall_s, abs=0.001)


def test_no_sender_report_is_told_before_the_sender_gave_one(rig: Rig) -> None:
    a, _, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 1))
    rig.loop.advance(3)
    assert not [item for item in told(b_link) if isinstance(item, rtcp.SenderReport)]
    assert any(packet[1] == rtcp.RR for packet in b_link.rtcp)


def test_a_goodbye_frees_the_stream_and_its_counts_stay(rig: Rig) -> None:
    a, _, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 1))
    rig.receive_rtcp(a, rtcp.goodbye([1, 99]))
    assert a.incoming[Kind.AUDIO].current is None
    rig.receive(a, rtp(1, 500))
    assert a.incoming[Kind.AUDIO].packets == 2
    assert len(b_link.sent) == 2
    assert parsed(b_link.sent[1])[2] == parsed(b_link.sent[0])[2] + 1


# ---------------------------------------------------------------- estimates


def estimates(link: FakeLink) -> list[rtcp.Remb]:
    return [item for item in told(link) if isinstance(item, rtcp.Remb)]


def stream_for(rig: Rig, leg: ForwardLeg, seconds: float, first: int = 1) -> int:
    """Sound, and a picture of about 800 kbit/s. Returns the next number."""
    rig.receive(leg, rtp(1, first))
    for number in range(first, first + round(seconds * 100)):
        rig.receive(leg, video(number, number * 900, VP8_KEY + bytes(963)))
        rig.loop.advance(0.01)
    return first + round(seconds * 100)


def test_a_sender_is_told_the_least_that_its_listeners_can_take(rig: Rig) -> None:
    a, b, a_link, _ = rig.bridge()
    c, _ = rig.leg("lg_c")
    c.take_from(a, rig.loop.wall())
    for listener in (b, c):
        rig.receive_rtcp(listener, rtcp.bitrate_estimate(9, 900_000, [OUT_VIDEO]))
    stream_for(rig, a, 2)
    a_link.rtcp.clear()
    rig.receive_rtcp(b, rtcp.bitrate_estimate(9, 400_000, [OUT_VIDEO]))
    rig.loop.advance(0.5)
    rig.receive_rtcp(c, rtcp.bitrate_estimate(9, 900_000, [OUT_VIDEO]))
    assert [round(item.bitrate_bps, -4) for item in estimates(a_link)] == [400_000, 400_000]
    assert set(estimates(a_link)[0].ssrcs) == {2}
    b.take_nothing()
    rig.loop.advance(0.5)
    rig.receive_rtcp(c, rtcp.bitrate_estimate(9, 950_000, [OUT_VIDEO]))
    assert estimates(a_link)[-1].bitrate_bps == pytest.approx(950_000, rel=0.001)


def test_a_quiet_picture_does_not_talk_its_sender_down() -> None:
    """A receiver says at most one and a half times what arrives plus 10 kbit/s; Chromium sank to 7 kbit/s by this."""
    capacity = Capacity()
    octets = 0
    for second in range(1, 60):
        octets += 20_000 // 8
        assert capacity.estimate(40_000, octets, float(second)) == START_BPS


def test_congestion_is_believed_at_once_and_recovery_step_by_step() -> None:
    capacity = Capacity()
    octets, rate, told = 0, 300_000, []
    for second in range(1, 40):
        octets += rate // 8
        incoming = min(rate, 120_000)  # the narrow link
        remb = int(incoming * 0.85) if rate > incoming else int(rate * 1.08)
        rate = capacity.estimate(remb, octets, float(second))
        told.append(rate)
    assert told[1] == 102_000
    assert max(told[1:]) < 140_000, "it does not go back to where it was"


def test_nothing_below_the_floor_is_believed() -> None:
    capacity = Capacity()
    capacity.estimate(50_000, 10_000, 1.0)
    assert capacity.estimate(5_000, 500_000, 2.0) == FLOOR_BPS


def test_an_idle_sender_keeps_what_was_proved_before() -> None:
    capacity = Capacity()
    capacity.estimate(2_000_000, 200_000, 1.0)
    assert capacity.estimate(60_000, 205_000, 2.0) == 2_000_000


def test_estimates_are_relayed_at_a_limited_rate_and_the_last_one_counts(rig: Rig) -> None:
    a, b, a_link, _ = rig.bridge()
    rig.receive_rtcp(b, rtcp.bitrate_estimate(9, 900_000, [OUT_VIDEO]))
    stream_for(rig, a, 2)
    a_link.rtcp.clear()
    for bitrate in range(200_000, 100_000, -1000):
        rig.receive_rtcp(b, rtcp.bitrate_estimate(9, bitrate, [OUT_VIDEO]))
    assert len(estimates(a_link)) == 1
    rig.loop.advance(1.1)
    assert len(estimates(a_link)) == 2
    assert estimates(a_link)[-1].bitrate_bps == pytest.approx(101_000, rel=0.001)


def test_an_estimate_beyond_the_limit_of_a_leg_is_held_there(rig: Rig) -> None:
    a, b, a_link, _ = rig.bridge()
    stream_for(rig, a, 0.1)
    rig.receive_rtcp(b, rtcp.bitrate_estimate(9, 50_000_000, [OUT_VIDEO]))
    assert estimates(a_link)[0].bitrate_bps <= rig.limits.max_bitrate_bps


# ---------------------------------------------------------------- clips


def test_hold_media_reaches_two_hundred_legs_from_one_timer(rig: Rig) -> None:
    sound = ClipTrack("OPUS", 48000, tuple(ClipPacket(at, at * 48, False, b"o" * 80) for at in range(0, 1000, 20)))
    picture = ClipTrack("VP8", 90000, tuple(ClipPacket(at, at * 90, True, VP8_KEY, True) for at in range(0, 1000, 100)))
    clip = Clip("hold", "en", 1000, (sound, picture))
    pacer = Pacer(rig.loop, rig.loop.wall, OneBuffer())  # type: ignore[arg-type]
    legs = [rig.leg(f"lg_{number}") for number in range(200)]
    for leg, _ in legs:
        voices = [(leg.outgoing[Kind.AUDIO], OPUS), (leg.outgoing[Kind.VIDEO], VP8)]
        pacer.play(leg.leg_id, clip, voices, loop=True, on_ended=lambda key: None)
    timers = rig.loop.waiting
    fired = rig.loop.fired
    rig.loop.advance(4.995)
    assert rig.loop.waiting == timers == 2  # the pacer's, and the one for reports
    assert rig.loop.fired - fired <= 5 / GRID_S + 51
    for _, link in legs:
        by_ssrc = {ssrc: [p for p in link.sent if parsed(p)[4] == ssrc] for ssrc in (OUT_AUDIO, OUT_VIDEO)}
        assert len(by_ssrc[OUT_AUDIO]) == 250
        assert len(by_ssrc[OUT_VIDEO]) == 50
        for packets in by_ssrc.values():
            numbers = [parsed(packet)[2] for packet in packets]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    pacer.close()


def test_a_picture_spread_over_packets_keeps_one_time_for_the_reports(rig: Rig) -> None:
    leg, link = rig.leg("lg_a")
    out = leg.outgoing[Kind.VIDEO]
    start_s = rig.loop.wall()
    for part in range(8):
        out.send_clip(rig.scratch, VP8_KEY, VP8, 0, marker=part == 7, at_s=start_s + part * 0.004)
    report = out.sender_report(0, start_s + 0.1)
    assert report is not None
    assert (report.rtp_timestamp - parsed(link.sent[0])[3]) & 0xFFFFFFFF == 9000
