"""What a hostile peer can do: nothing to others, and little to us (media bombs, SSRC floods, wild numbers, junk)."""

import os
import tracemalloc
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.forward import rtcp
from media.forward.leg import ForwardLeg
from media.forward.overuse import MAX_STREAMS, SECONDS_OVER
from media.port import Kind, LegClosed
from tests.unit.media.forward.rig import VP8_DELTA, VP8_KEY, VP8_MORE, Rig, rtp, section, video

BOMB = b"\x10\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(1000)
"""The first packet of a VP8 key frame that says 16383x16383 (RFC 6386 §9.1)."""


def vp8_key(width: int, height: int) -> bytes:
    return b"\x10\x00\x00\x00\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes(20)


@pytest.mark.parametrize("payload", [BOMB, vp8_key(3840, 2160)])
def test_a_picture_that_is_too_large_goes_to_nobody_and_a_smaller_one_does(payload: bytes) -> None:
    rig = Rig()
    a, _, a_link, b_link = rig.bridge()
    rig.receive(a, video(1, 0, vp8_key(640, 480)))
    rig.receive(a, video(2, 3000, payload))
    rig.receive(a, video(3, 3000, VP8_MORE))
    rig.receive(a, video(4, 6000, VP8_DELTA))
    assert len(b_link.sent) == 1
    assert not a_link.ended_for
    rig.receive(a, video(5, 9000, vp8_key(1088, 1920)))
    rig.receive(a, video(6, 12000, VP8_DELTA))
    assert len(b_link.sent) == 3


def test_a_screen_may_be_larger_than_a_camera() -> None:
    rig = Rig()
    a, _ = rig.leg("lg_a", section(Kind.AUDIO, ssrc=1), section(Kind.SCREEN, ssrc=2))
    b, b_link = rig.leg("lg_b", section(Kind.AUDIO, ssrc=1), section(Kind.SCREEN, ssrc=2))
    b.take_from(a, rig.loop.wall())
    rig.receive(a, video(1, 0, vp8_key(2560, 1600)))
    rig.receive(a, video(2, 3000, vp8_key(3840, 2160)))
    assert len(b_link.sent) == 1


def test_ten_seconds_of_pictures_too_large_end_the_leg() -> None:
    rig = Rig(max_bitrate_bps=40_000_000)
    a, _, a_link, _ = rig.bridge()
    flood(rig, a, SECONDS_OVER + 2, lambda number: video(number, number * 450, BOMB))
    assert a_link.ended_for == "limit_picture"


def test_a_thousand_key_frames_a_second_cost_no_memory() -> None:
    small = vp8_key(640, 480) + bytes(1000)
    rig = Rig(max_bitrate_bps=40_000_000)
    a, b, _, b_link = rig.bridge()
    b_link.keep = False

    def second(start: int) -> None:
        for number in range(1000):
            rig.loop.advance(0.001)
            rig.receive(a, video(start + number & 0xFFFF, number * 0xFFFFFFFF & 0xFFFFFFFF, small))

    second(0)  # fills the ring
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    second(1000)
    second(2000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 700_000  # the ring holds 512 packets; those from before were not traced
    assert b.outgoing[Kind.VIDEO].packets == 3000


@pytest.mark.parametrize("reader", ["nobody", "a full socket", "one still connecting"])
def test_media_that_nobody_takes_is_kept_nowhere(reader: str) -> None:
    """A track that is sent and not read once grew by 900 MB a minute."""
    rig = Rig(max_bitrate_bps=40_000_000)
    a, _ = rig.leg("lg_a")
    if reader != "nobody":
        b, b_link = rig.leg("lg_b", connected=reader != "one still connecting")
        b_link.full = True
        b.take_from(a, rig.loop.wall())

    def second(start: int) -> None:
        for number in range(start, start + 1000):
            rig.loop.advance(0.001)
            rig.receive(a, video(number, number * 90, VP8_KEY + bytes(1000)))
            rig.receive(a, rtp(1, number, number * 48))

    second(0)  # streams are made, rings filled
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    second(1000)
    second(2000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000


def test_timestamps_that_leap_between_the_ends_leave_every_report_well_formed() -> None:
    rig = Rig()
    a, b, a_link, _ = rig.bridge()
    for number in range(500):
        rig.receive(a, rtp(1, number, 0 if number % 2 else 0xFFFFFFFF))
        rig.receive(a, rtp(1, number, 0x80000000 if number % 2 else 0))
        rig.loop.advance(0.01)
    for packet in a_link.rtcp:
        assert rtcp.parse(packet, len(packet)) is not None
    a.on_closed("bye", 0)
    b.on_closed("bye", 0)
    assert rig.loop.waiting == 0


def test_of_three_hundred_ssrcs_sixteen_are_taken() -> None:
    rig = Rig()
    a, _, a_link, _ = rig.bridge(section(Kind.AUDIO), section(Kind.VIDEO))
    for ssrc in range(1000, 1300):
        rig.receive(a, rtp(ssrc, 1))
    assert rig.drops["ssrc_limit"] == 284
    a_link.rtcp.clear()
    rig.loop.advance(1.1)
    blocks = [
        item for packet in a_link.rtcp for item in rtcp.parse(packet, len(packet)) if isinstance(item, rtcp.ReportBlock)
    ]
    assert len(blocks) <= 2 * 16


def test_a_flood_of_goodbyes_and_new_streams_stays_bounded() -> None:
    rig = Rig()
    a, _, _, _ = rig.bridge(section(Kind.AUDIO), section(Kind.VIDEO))
    tracks = a.incoming[Kind.AUDIO]
    for ssrc in range(1000, 3000):
        rig.receive(a, rtp(ssrc, 1))
        rig.receive_rtcp(a, rtcp.goodbye([ssrc]))
    assert len(tracks.streams) == 0
    assert len(rig.events) <= 3  # two legs connected, one kind first heard


def flood(rig: Rig, leg: ForwardLeg, seconds: int, packet: Callable[[int], bytes], per_second: int = 200) -> None:
    for number in range(seconds * per_second):
        rig.receive(leg, packet(number))
        rig.loop.advance(1 / per_second)


@pytest.mark.parametrize(
    ("packet", "per_second", "limit"),
    [
        (lambda number: video(number, number * 450, VP8_DELTA + bytes(963)), 200, "limit_bitrate"),
        (lambda number: rtp(1, number, number * 48), 2000, "limit_packets"),
    ],
)
def test_a_peer_that_stays_over_a_limit_loses_its_leg_for_that_reason(
    packet: Callable[[int], bytes], per_second: int, limit: str
) -> None:
    rig = Rig(max_bitrate_bps=800_000)
    a, b, a_link, b_link = rig.bridge()
    flood(rig, a, SECONDS_OVER - 2, packet, per_second)
    assert not a.closed, "an overshoot of some seconds costs packets only"
    flood(rig, a, 4, packet, per_second)
    assert a_link.ended_for == limit
    assert [event.reason for event in rig.events if isinstance(event, LegClosed)] == [limit]
    assert not b.closed
    assert not b_link.ended_for


def test_a_browser_that_overshoots_and_adapts_keeps_its_leg() -> None:
    rig = Rig(max_bitrate_bps=800_000)
    a, _, a_link, _ = rig.bridge()
    for _ in range(6):  # four seconds too much in every fifteen
        flood(rig, a, 4, lambda number: video(number, number * 450, VP8_DELTA + bytes(963)))
        rig.loop.advance(11.0)
    assert not a_link.ended_for


@pytest.mark.parametrize("goodbye", [False, True])
def test_a_peer_that_goes_on_making_streams_loses_its_leg(goodbye: bool) -> None:
    rig = Rig()
    a, _, a_link, _ = rig.bridge(section(Kind.AUDIO), section(Kind.VIDEO))
    for ssrc in range(1000, 1000 + MAX_STREAMS):
        rig.receive(a, rtp(ssrc, 1))
        if goodbye:
            rig.receive_rtcp(a, rtcp.goodbye([ssrc]))
    rig.loop.advance(1.1)
    assert not a_link.ended_for
    rig.receive(a, rtp(9999, 1))
    rig.loop.advance(1.1)
    assert a_link.ended_for == "limit_streams"


def test_what_is_over_the_bitrate_is_dropped_and_the_leg_recovers() -> None:
    rig = Rig(max_bitrate_bps=800_000)
    a, _, _, b_link = rig.bridge()
    for number in range(300):
        rig.receive(a, video(number, 0, VP8_KEY + bytes(963)))
    assert sum(map(len, b_link.sent)) <= 100_000
    assert rig.drops["over_bitrate"] == 200
    rig.loop.advance(1.1)
    rig.receive(a, video(300, 0, VP8_KEY))
    assert b_link.sent[-1][12:] == VP8_KEY


def test_tiny_packets_are_limited_too() -> None:
    rig = Rig(max_bitrate_bps=800_000)
    a, _, _, b_link = rig.bridge()
    for number in range(2000):
        rig.receive(a, rtp(1, number, payload=b""))
    assert len(b_link.sent) == 500


def test_gaps_cannot_buy_memory_or_answers() -> None:
    rig = Rig()
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, video(0, 0, VP8_KEY))
    for number in range(2000):
        rig.receive(a, video(number * 100 & 0xFFFF))
    stream = a.incoming[Kind.VIDEO].current
    assert stream is not None
    assert len(stream.missing) <= 256
    a_link.rtcp.clear()
    rig.loop.advance(0.1)
    assert len(a_link.rtcp) <= 2


@settings(max_examples=300)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=120)), max_size=20))
def test_junk_costs_its_own_packet_only(packets: list[tuple[bool, bytes]]) -> None:
    rig = Rig()
    a, _, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 1))
    for is_rtcp, data in packets:
        if is_rtcp:
            rig.receive_rtcp(a, data)
        else:
            rig.receive(a, data)
    rig.loop.advance(2)
    rig.receive(a, rtp(1, 2, payload=b"after"))
    assert b_link.sent[-1].endswith(b"after")


@pytest.mark.parametrize("seed", range(5))
def test_mutated_packets_cost_only_themselves(seed: int) -> None:
    """Real headers with a few bytes changed reach deeper than noise does."""
    rig = Rig()
    random = Random(seed)
    a, b, _, b_link = rig.bridge(section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, ssrc=2, peer_rtx_ssrcs={3: 2}))
    b_link.keep = False
    seeds = [
        rtp(1, 5, 100, extension=b"\x22abc\x400"),
        video(6, 200, VP8_KEY),
        video(7, 200, b"\x00\x04" + VP8_KEY, ssrc=3, pt=97),
        rtcp.sender_report(rtcp.SenderReport(1, 5 << 32, 6), 1, 1) + rtcp.description([1], "x"),
        rtcp.receiver_report(1, [rtcp.block(rtcp.ReportBlock(0xA0000000, 1, 2, 3, 4, 5, 6))]),
        rtcp.nack(1, 0xA0000001, [1, 2, 3, 40]) + rtcp.picture_loss(1, 0xA0000001),
        rtcp.bitrate_estimate(1, 10**6, [0xA0000001]) + rtcp.goodbye([2]),
    ]
    for number in range(4000):
        data = bytearray(random.choice(seeds))
        for _ in range(random.randrange(1, 6)):
            at = random.randrange(len(data))
            if not 8 <= at < 12 or number % 100 == 0:  # ever new SSRCs are another matter: they cost the leg
                data[at] = random.randrange(256)
        data = data[: random.randrange(len(data)) + 1] if number % 3 == 0 else data
        leg = random.choice((a, b))
        if random.random() < 0.5:
            rig.receive(leg, bytes(data))
        else:
            rig.receive_rtcp(leg, bytes(data))
        if number % 50 == 0:
            rig.loop.advance(0.3)
    b_link.keep = True
    rig.loop.advance(2)
    before = len(b_link.sent)
    for number in range(3):  # whatever stream is current by now, this one takes over
        rig.loop.advance(1)
        rig.receive_rtcp(a, rtcp.goodbye([track.ssrc for track in a.incoming[Kind.AUDIO].streams]))
        rig.receive(a, rtp(1, number, payload=os.urandom(8)))
    assert len(b_link.sent) == before + 3
