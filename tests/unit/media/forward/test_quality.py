"""How a leg does, told every two seconds: each figure from packets sent on purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.forward import rtcp
from media.forward.leg import ForwardLeg
from media.forward.quality import SWITCHED_OFF_S, PictureTimes, ReceiverView
from media.port import Kind, LegQuality
from tests.unit.media.forward.rig import VP8_DELTA, VP8_KEY, Rig, rtp, section, video

OUT_VIDEO = 0xA0000001
TICKS = 3000  # of a picture, at thirty a second


@pytest.fixture
def rig() -> Rig:
    return Rig()


def told(rig: Rig, leg_id: str) -> list[LegQuality]:
    return [event for event in rig.events if isinstance(event, LegQuality) and event.leg_id == leg_id]


def pictures(rig: Rig, leg: ForwardLeg, count: int, *, first: int = 0, lost: frozenset[int] = frozenset()) -> None:
    """One packet a picture, thirty a second, without those of the numbers `lost`."""
    for number in range(first, first + count):
        if number not in lost:
            rig.receive(leg, video(number, number * TICKS, VP8_KEY if number == 0 else VP8_DELTA + bytes(500)))
        rig.loop.advance(1 / 30)


def test_a_leg_is_told_of_every_two_seconds(rig: Rig) -> None:
    rig.leg("lg_a")
    rig.loop.advance(21)
    reports = told(rig, "lg_a")
    assert len(reports) == 10
    assert all(1.9 < report.period_s < 2.2 for report in reports)


def test_a_leg_that_is_closed_is_told_of_no_more(rig: Rig) -> None:
    leg, _ = rig.leg("lg_a")
    rig.loop.advance(5)
    before = len(told(rig, "lg_a"))
    leg.on_closed("bye", rig.loop.wall())
    rig.loop.advance(20)
    assert len(told(rig, "lg_a")) == before > 0


def test_a_clean_uplink_has_its_rate_and_nothing_else(rig: Rig) -> None:
    leg, _ = rig.leg("lg_a")
    pictures(rig, leg, 300)
    seen = told(rig, "lg_a")[-1].uplink["video"]
    assert seen.frames_per_s == pytest.approx(30, abs=1)
    assert seen.bitrate_bps == pytest.approx(30 * 534 * 8, rel=0.05)
    assert (seen.loss, seen.unrepaired, seen.freezes) == (0.0, 0.0, 0)
    assert "audio" not in told(rig, "lg_a")[-1].uplink


def test_loss_is_told_before_and_after_repair(rig: Rig) -> None:
    """One picture in ten is lost; every other of these comes again when it is asked for, the rest never."""
    leg, _ = rig.leg("lg_a", section(Kind.VIDEO, ssrc=2, peer_rtx_ssrcs={3: 2}))
    lost = frozenset(range(5, 600, 10))
    repeated = 0
    for number in range(600):
        if number not in lost:
            rig.receive(leg, video(number, number * TICKS, VP8_KEY if number == 0 else VP8_DELTA))
        late = number - 2
        if late in lost and late % 20 == 5:
            repeated += 1
            original = late.to_bytes(2, "big") + VP8_DELTA
            rig.receive(leg, rtp(3, repeated, late * TICKS, original, pt=97))
        rig.loop.advance(1 / 30)
    last = told(rig, "lg_a")[-4:]
    assert sum(report.uplink["video"].loss for report in last) / 4 == pytest.approx(0.10, abs=0.02)
    assert sum(report.uplink["video"].unrepaired for report in last) / 4 == pytest.approx(0.05, abs=0.02)


def test_what_was_repaired_before_an_outage_hides_no_loss_after_it(rig: Rig) -> None:
    """So many numbers are skipped that the stream begins anew; what is counted of it must not begin in debt."""
    leg, _ = rig.leg("lg_a", section(Kind.VIDEO, ssrc=2, peer_rtx_ssrcs={3: 2}))
    lost = range(5, 300, 5)
    for number in range(300):
        if number not in lost:
            rig.receive(leg, video(number, number * TICKS, VP8_KEY if number == 0 else VP8_DELTA))
        if number - 2 in lost:
            original = (number - 2).to_bytes(2, "big") + VP8_DELTA
            rig.receive(leg, rtp(3, number, (number - 2) * TICKS, original, pt=97))
        rig.loop.advance(1 / 30)
    rig.loop.advance(10)
    before = leg.incoming[Kind.VIDEO].lost, leg.incoming[Kind.VIDEO].restored
    pictures(rig, leg, 300, first=5000, lost=frozenset(range(5005, 5300, 10)))
    last = told(rig, "lg_a")[-4:]
    assert sum(report.uplink["video"].unrepaired for report in last) / 4 == pytest.approx(0.10, abs=0.02)
    after = leg.incoming[Kind.VIDEO].lost, leg.incoming[Kind.VIDEO].restored
    assert (after[0] - before[0], after[1] - before[1]) == (30, 0)


def test_a_picture_that_stands_still_is_a_freeze(rig: Rig) -> None:
    leg, _ = rig.leg("lg_a")
    pictures(rig, leg, 90)
    rig.loop.advance(0.5)
    pictures(rig, leg, 90, first=90)
    assert sum(report.uplink["video"].freezes for report in told(rig, "lg_a")) == 1


def test_a_camera_switched_off_and_on_is_no_freeze(rig: Rig) -> None:
    leg, _ = rig.leg("lg_a")
    pictures(rig, leg, 90)
    rig.loop.advance(SWITCHED_OFF_S + 1)
    pictures(rig, leg, 90, first=90)
    assert sum(report.uplink["video"].freezes for report in told(rig, "lg_a")) == 0


def test_what_came_late_is_no_picture_of_its_own() -> None:
    times = PictureTimes()
    for at, timestamp in enumerate((0, 3000, 6000, 3000, 6000, 9000)):
        times.note(timestamp, 10.0 + at / 30)
    assert times.take() == (4, 0)


@given(st.lists(st.floats(0, 0.05), min_size=1, max_size=200))
def test_even_pictures_never_freeze(intervals: list[float]) -> None:
    """However they jitter: an interval below the mean and 150 ms is none (W3C webrtc-stats)."""
    times, at_s = PictureTimes(), 5.0
    for number, interval_s in enumerate(intervals):
        at_s += interval_s
        times.note(number * TICKS, at_s)
    assert times.take() == (len(intervals), 0)


# ---------------------------------------------------------------- towards the browser


def report(rig: Rig, leg: ForwardLeg, highest: int, lost: int, *, jitter: int = 0) -> None:
    block = rtcp.ReportBlock(OUT_VIDEO, 0, lost, highest & 0xFFFFFFFF, jitter, 0, 0)
    rig.receive_rtcp(leg, rtcp.receiver_report(9, [rtcp.block(block)]))


def test_what_a_browser_says_it_lost_is_its_downlink(rig: Rig) -> None:
    a, b, _, _ = rig.bridge()
    pictures(rig, a, 30)
    begun = b.outgoing[Kind.VIDEO].sequence
    report(rig, b, begun, 0)
    pictures(rig, a, 100, first=30)
    report(rig, b, begun + 100, 20, jitter=1800)
    pictures(rig, a, 70, first=130)
    seen = told(rig, "lg_b")[-1]
    assert seen.downlink["video"].unrepaired == pytest.approx(0.2)
    assert seen.downlink["video"].jitter_ms == 20.0
    assert told(rig, "lg_a")[-1].uplink["video"].loss == 0.0


def test_a_browser_that_has_not_said_twice_what_came_has_told_nothing(rig: Rig) -> None:
    a, b, _, _ = rig.bridge()
    pictures(rig, a, 90)
    assert told(rig, "lg_b")[-1].downlink["video"].jitter_ms is None
    report(rig, b, b.outgoing[Kind.VIDEO].sequence, 7, jitter=1800)
    pictures(rig, a, 90, first=90)
    assert told(rig, "lg_b")[-1].downlink["video"].jitter_ms is None, "a share is of what came between two reports"


def test_what_never_came_from_the_sender_is_not_the_listeners_downlink(rig: Rig) -> None:
    """A receiver counts the sender's losses too, because gaps stay gaps: they are taken off."""
    a, b, _, _ = rig.bridge()
    pictures(rig, a, 30)
    begun = b.outgoing[Kind.VIDEO].sequence
    report(rig, b, begun, 0)
    pictures(rig, a, 100, first=30, lost=frozenset(range(35, 130, 5)))
    report(rig, b, begun + 100, 19)
    pictures(rig, a, 70, first=130)
    assert told(rig, "lg_b")[-1].downlink["video"].unrepaired == 0.0


def test_a_packet_sent_again_was_lost_and_repaired(rig: Rig) -> None:
    a, b, _, _ = rig.bridge()
    pictures(rig, a, 60)
    out = b.outgoing[Kind.VIDEO]
    rig.receive_rtcp(b, rtcp.nack(9, OUT_VIDEO, [(out.sequence - 3) & 0xFFFF]))
    rig.loop.advance(2.1)
    resent = [report.downlink["video"] for report in told(rig, "lg_b") if report.downlink["video"].loss > 0]
    assert len(resent) == 1
    assert resent[0].unrepaired == 0.0


def test_an_old_word_of_a_receiver_is_forgotten(rig: Rig) -> None:
    a, b, _, _ = rig.bridge()
    pictures(rig, a, 30)
    begun = b.outgoing[Kind.VIDEO].sequence
    report(rig, b, begun, 0)
    report(rig, b, begun + 100, 50)
    pictures(rig, a, 90, first=30)
    assert told(rig, "lg_b")[-1].downlink["video"].unrepaired == 0.5
    pictures(rig, a, 400, first=120)
    assert told(rig, "lg_b")[-1].downlink["video"].unrepaired == 0.0


def test_a_late_packet_among_few_is_no_loss_and_a_lost_one_among_few_is_found_with_the_next() -> None:
    view = ReceiverView()

    def report(highest: int, lost: int) -> float:
        view.take(
            rtcp.ReportBlock(1, 0, lost, highest, 0, 0, 0), sequence=highest, packets=highest, clock_rate_hz=1, at_s=1
        )
        return view.loss

    assert [report(100, 0), report(102, 1), report(102, 0), report(104, 0), report(106, 1)] == [0.0] * 5
    assert [report(112, 5), report(118, 5), report(120, 5)] == [0.0, 0.0, 0.25]
    assert [report(121, 5), report(140, 5)] == [0.25, 0.0]


@given(
    st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(-(2**23), 2**23 - 1), st.integers(0, 2**32 - 1)), max_size=20
    )
)
def test_whatever_a_receiver_says_a_share_stays_a_share(blocks: list[tuple[int, int, int]]) -> None:
    view = ReceiverView()
    for number, (highest, lost, jitter) in enumerate(blocks):
        block = rtcp.ReportBlock(1, 0, lost, highest, jitter, 0, 0)
        view.take(block, sequence=number * 10, packets=number * 9, clock_rate_hz=90000, at_s=float(number + 1))
        assert 0.0 <= view.loss <= 1.0
        assert view.jitter_ms is not None
        assert view.jitter_ms >= 0.0


def test_the_estimate_is_told_once_the_browser_has_made_one(rig: Rig) -> None:
    _, b, _, _ = rig.bridge()
    rig.loop.advance(4)
    assert told(rig, "lg_b")[-1].downlink_bps is None
    rig.receive_rtcp(b, rtcp.bitrate_estimate(9, 700_000, [OUT_VIDEO]))
    rig.loop.advance(2.1)
    assert told(rig, "lg_b")[-1].downlink_bps is not None
