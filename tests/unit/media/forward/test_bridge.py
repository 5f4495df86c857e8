"""Two legs and what goes between them: kinds, payload types, extensions, key frames, fan-out."""

import pytest

from media.forward import rtcp
from media.port import Kind, LegClosed, LegConnected, LegFirstMedia, LegVideoUnmatched
from media.sdp.description import EXT_ABS_SEND_TIME, EXT_AUDIO_LEVEL, EXT_MID, Codec
from tests.unit.media.forward.rig import (
    H264,
    OPUS,
    TONES,
    VP8,
    VP8_DELTA,
    VP8_KEY,
    VP8_MORE,
    FakeLink,
    Rig,
    parsed,
    rtp,
    section,
    video,
)


def asked(link: FakeLink) -> list[rtcp.Item]:
    return [item for packet in link.rtcp for item in rtcp.parse(packet, len(packet))]


def key_frame_requests(link: FakeLink) -> int:
    return sum(isinstance(item, rtcp.KeyFrameRequest) for item in asked(link))


def test_each_kind_goes_to_the_same_kind_unchanged_behind_the_header() -> None:
    rig = Rig()
    a, _, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 5, 100, b"hello", extension=b"\x22abc\x400"))
    rig.receive(a, video(6, 200, VP8_KEY))
    sound, picture = b_link.sent
    assert parsed(sound)[1] == 111
    assert parsed(sound)[4] == 0xA0000000
    assert sound[12:] == rtp(1, 5, 100, b"hello", extension=b"\x22abc\x400")[12:]
    assert parsed(picture)[1] == 96
    assert picture[12:] == VP8_KEY


def test_a_picture_begins_at_a_key_frame_and_what_comes_before_is_dropped() -> None:
    rig = Rig()
    a, _, _, b_link = rig.bridge()
    for sequence, payload in enumerate((VP8_DELTA, VP8_MORE, VP8_KEY, VP8_MORE, VP8_DELTA)):
        rig.receive(a, video(sequence, 0, payload))
    assert [packet[12:] for packet in b_link.sent] == [VP8_KEY, VP8_MORE, VP8_DELTA]
    assert rig.drops["awaiting_key_frame"] == 2


def test_a_key_frame_is_asked_for_at_once_and_again_each_second_until_it_comes() -> None:
    rig = Rig()
    a, a_link = rig.leg("lg_a")
    b, b_link = rig.leg("lg_b")
    rig.receive(a, video(0))
    b.take_from(a, rig.loop.wall())
    assert key_frame_requests(a_link) == 1
    for sequence in range(1, 100):
        rig.loop.advance(0.033)
        rig.receive(a, video(sequence))
    assert 3 <= key_frame_requests(a_link) <= 4
    before = key_frame_requests(a_link)
    rig.receive(a, video(100, 0, VP8_KEY))
    for sequence in range(101, 200):
        rig.loop.advance(0.033)
        rig.receive(a, video(sequence))
    assert len(b_link.sent) == 100
    assert key_frame_requests(a_link) <= before + 1  # one that was already waiting for its second


def test_key_frame_requests_of_a_receiver_are_relayed_once_a_second() -> None:
    rig = Rig()
    a, b, a_link, _ = rig.bridge()
    rig.receive(a, video(0, 0, VP8_KEY))
    rig.loop.advance(2)
    a_link.rtcp.clear()
    for _ in range(100):
        rig.receive_rtcp(b, rtcp.picture_loss(9, 0xA0000001))
        rig.loop.advance(0.005)
    assert key_frame_requests(a_link) == 1
    rig.loop.advance(2)
    assert key_frame_requests(a_link) == 2  # the refused ones are made up for as soon as the limit allows


def test_a_request_that_had_to_wait_is_sent_as_soon_as_the_second_is_over() -> None:
    """A recording that begins just after a bridge asks in the same second as the bridge did, and must not miss two."""
    rig = Rig()
    a, _, a_link, _ = rig.bridge()
    rig.receive(a, video(0))
    assert key_frame_requests(a_link) == 1
    rig.loop.advance(0.1)
    a.incoming[Kind.VIDEO].request_key_frame(rig.loop.wall())
    rig.loop.advance(0.85)
    assert key_frame_requests(a_link) == 1
    rig.loop.advance(0.1)
    assert key_frame_requests(a_link) == 2
    before = rig.loop.fired
    rig.loop.advance(10)
    assert rig.loop.fired - before <= 101, "the repair timer must stop: only the ten turns a second of reports remain"


def test_a_peer_without_pli_is_asked_by_fir() -> None:
    rig = Rig()
    codec = Codec(name="VP8", payload_type=96, clock_rate_hz=90000, feedback=frozenset({"ccm fir"}))
    a, _, a_link, _ = rig.bridge(section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, codec, ssrc=2))
    rig.receive(a, video(0))
    assert any(packet[:2] == b"\x84\xce" for packet in a_link.rtcp)


def test_a_peer_that_agreed_to_no_request_is_sent_none() -> None:
    rig = Rig()
    codec = Codec(name="VP8", payload_type=96, clock_rate_hz=90000)
    a, _, a_link, _ = rig.bridge(section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, codec, ssrc=2))
    rig.receive(a, video(0))
    assert key_frame_requests(a_link) == 0


def test_payload_types_are_translated_when_they_differ() -> None:
    rig = Rig()
    opus = Codec(name="OPUS", payload_type=109, clock_rate_hz=48000, channels=2)
    a, _, _, b_link = rig.bridge(section(Kind.AUDIO, opus, ssrc=1), section(Kind.VIDEO, VP8, ssrc=2))
    rig.receive(a, rtp(1, 5, pt=109, marker=True))
    rig.receive(a, rtp(1, 6, pt=109))
    assert [parsed(packet)[:2] for packet in b_link.sent] == [(1, 111), (0, 111)]


def test_the_same_profile_is_preferred_among_codecs_of_one_name() -> None:
    rig = Rig()
    main = Codec(name="H264", payload_type=105, clock_rate_hz=90000, fmtp="profile-level-id=4d001f")
    base = Codec(name="H264", payload_type=106, clock_rate_hz=90000, fmtp="profile-level-id=42e01f")
    a, _ = rig.leg("lg_a", section(Kind.VIDEO, Codec(**{**base_fields(base), "payload_type": 102}), ssrc=2))
    b, b_link = rig.leg("lg_b", section(Kind.VIDEO, main, base))
    b.take_from(a, rig.loop.wall())
    rig.receive(a, video(1, 0, b"\x67\x42", pt=102))
    assert parsed(b_link.sent[0])[1] == 106


def base_fields(codec: Codec) -> dict[str, object]:
    return {"name": codec.name, "clock_rate_hz": codec.clock_rate_hz, "fmtp": codec.fmtp}


def test_a_codec_the_receiver_lacks_is_dropped_and_counted() -> None:
    rig = Rig()
    a, _ = rig.leg("lg_a")
    b, b_link = rig.leg("lg_b", section(Kind.AUDIO, OPUS), section(Kind.VIDEO, VP8))
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(1, 1))
    rig.receive(a, rtp(1, 2, pt=TONES.payload_type))
    rig.receive(a, video(1, 0, b"\x67\x42", pt=H264.payload_type))
    assert len(b_link.sent) == 1
    assert rig.drops["codec_unmatched"] == 2


def unmatched(rig: Rig) -> list[LegVideoUnmatched]:
    return [event for event in rig.events if isinstance(event, LegVideoUnmatched)]


def test_pictures_the_listener_cannot_take_are_told_once_per_source() -> None:
    rig = Rig()
    both = (section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, ssrc=2), section(Kind.SCREEN, ssrc=3))
    a, _ = rig.leg("lg_a", *both)
    b, b_link = rig.leg("lg_b", section(Kind.AUDIO), section(Kind.VIDEO, H264), section(Kind.SCREEN, H264))
    b.take_from(a, rig.loop.wall())
    for number in range(5):
        rig.receive(a, rtp(1, number))
        rig.receive(a, video(number, 0, VP8_KEY))
        rig.receive(a, video(number, 0, VP8_KEY, ssrc=3))
    assert len(b_link.sent) == 5  # the sound
    told = LegVideoUnmatched(
        leg_id="lg_b", source_leg_id="lg_a", codec="VP8", in_common=True, at_s=unmatched(rig)[0].at_s
    )
    assert unmatched(rig) == [told]
    b.take_from(a, rig.loop.wall())
    rig.receive(a, video(5, 0, VP8_KEY))
    assert len(unmatched(rig)) == 2


def test_a_source_that_turns_to_another_codec_is_told_too() -> None:
    rig = Rig()
    a, _ = rig.leg("lg_a")
    b, b_link = rig.leg("lg_b", section(Kind.AUDIO), section(Kind.VIDEO, VP8))
    b.take_from(a, rig.loop.wall())
    rig.receive(a, video(1, 0, VP8_KEY))
    rig.receive(a, video(2, 0, b"\x67\x42", pt=H264.payload_type))
    assert len(b_link.sent) == 1
    assert [(event.codec, event.in_common) for event in unmatched(rig)] == [("H264", True)]


def test_nothing_in_common_is_told_as_that_and_sound_and_keys_never_are() -> None:
    rig = Rig()
    a, _ = rig.leg("lg_a", section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, VP8, ssrc=2))
    b, _ = rig.leg("lg_b", section(Kind.AUDIO, OPUS), section(Kind.VIDEO, H264))
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(1, 1, pt=TONES.payload_type))
    assert unmatched(rig) == []
    rig.receive(a, video(1, 0, VP8_KEY))
    assert [event.in_common for event in unmatched(rig)] == [False]


def test_keypad_tones_share_the_stream_of_the_sound() -> None:
    rig = Rig()
    a, _, _, b_link = rig.bridge()
    rig.receive(a, rtp(1, 1))
    rig.receive(a, rtp(1, 2, pt=126))
    rig.receive(a, rtp(1, 3))
    sequences = [parsed(packet)[2] for packet in b_link.sent]
    assert [parsed(packet)[1] for packet in b_link.sent] == [111, 126, 111]
    assert sequences == [sequences[0], sequences[0] + 1, sequences[0] + 2]


@pytest.mark.parametrize("profile", [0xBEDE, 0x1000])
def test_extension_ids_and_the_mid_are_rewritten_for_the_receiver(profile: int) -> None:
    rig = Rig()
    theirs = {EXT_AUDIO_LEVEL: 1, EXT_ABS_SEND_TIME: 2, EXT_MID: 4}
    ours = {EXT_ABS_SEND_TIME: 7, EXT_MID: 3}
    a, _ = rig.leg("lg_a", section(Kind.AUDIO, mid="0", ssrc=1, extensions=theirs))
    b, b_link = rig.leg("lg_b", section(Kind.AUDIO, mid="x", extensions=ours))
    b.take_from(a, rig.loop.wall())
    if profile == 0xBEDE:
        block, expected = b"\x10\x7f\x22abc\x400\0", b"\0\0\x72abc\x30x\0"
    else:
        block, expected = b"\x01\x01\x7f\x02\x03abc\x04\x010", b"\0\0\0\x07\x03abc\x03\x01x"
    rig.receive(a, rtp(1, 1, extension=block, profile=profile))
    assert b_link.sent[0][16 : 16 + len(expected)] == expected
    assert b_link.sent[0].endswith(b"sound")


def test_a_mid_of_another_length_is_blanked_and_nothing_moves() -> None:
    rig = Rig()
    a, _ = rig.leg("lg_a", section(Kind.AUDIO, mid="0", ssrc=1))
    b, b_link = rig.leg("lg_b", section(Kind.AUDIO, mid="audio"))
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(1, 1, extension=b"\x400\x22abc"))
    assert b_link.sent[0][16:22] == b"\0\0\x22abc"
    assert b_link.sent[0].endswith(b"sound")


def test_two_listeners_get_the_same_packet_each_in_its_own_numbers() -> None:
    rig = Rig()
    a, _, _, b_link = rig.bridge()
    c, c_link = rig.leg("lg_c")
    c.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(1, 5, 100, b"hello"))
    rig.receive(a, rtp(1, 6, 200, b"again"))
    for link in (b_link, c_link):
        assert [packet[12:] for packet in link.sent] == [b"hello", b"again"]
    assert parsed(b_link.sent[0])[2] != parsed(c_link.sent[0])[2]


def test_a_leg_that_leaves_ends_what_its_listeners_get_and_harms_nobody() -> None:
    rig = Rig()
    a, b, a_link, b_link = rig.bridge()
    rig.receive(a, rtp(1, 5))
    a.on_closed("bye", rig.loop.wall())
    a.on_closed("closed", rig.loop.wall())
    rig.receive(b, rtp(1, 5))
    assert a_link.sent == []
    assert len(b_link.sent) == 1
    assert [event.reason for event in rig.events if isinstance(event, LegClosed)] == ["bye"]


def test_timers_stop_with_the_last_leg() -> None:
    rig = Rig()
    a, b, _, _ = rig.bridge()
    rig.receive(a, video(0, 0, VP8_KEY))
    rig.receive(a, video(5))
    assert rig.loop.waiting == 2
    a.on_closed("bye", 0)
    b.on_closed("bye", 0)
    assert rig.loop.waiting == 0


def test_streams_are_found_by_mid_where_no_ssrc_was_signalled() -> None:
    rig = Rig()
    sections = (section(Kind.AUDIO), section(Kind.VIDEO), section(Kind.SCREEN))
    a, _ = rig.leg("lg_a", *sections)
    b, b_link = rig.leg("lg_b", *sections)
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(50, 1, payload=VP8_KEY, pt=96, extension=b"\x402"))
    rig.receive(a, rtp(51, 1, payload=VP8_KEY, pt=96, extension=b"\x401"))
    assert [parsed(packet)[4] for packet in b_link.sent] == [0xA0000002, 0xA0000001]


def test_streams_are_found_by_payload_type_where_there_is_nothing_else() -> None:
    rig = Rig()
    sections = (section(Kind.AUDIO), section(Kind.VIDEO), section(Kind.SCREEN))
    a, _ = rig.leg("lg_a", *sections)
    b, b_link = rig.leg("lg_b", *sections)
    b.take_from(a, rig.loop.wall())
    rig.receive(a, rtp(50, 1))
    rig.receive(a, rtp(51, 1, payload=VP8_KEY, pt=96))
    rig.receive(a, rtp(52, 1, payload=VP8_KEY, pt=96))
    assert [parsed(packet)[4] for packet in b_link.sent] == [0xA0000000, 0xA0000001, 0xA0000002]


def test_a_refused_section_takes_and_sends_nothing() -> None:
    rig = Rig()
    a, _ = rig.leg(
        "lg_a", section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO).__class__(kind=Kind.VIDEO, mid="1", codecs=())
    )
    rig.receive(a, video(1))
    assert rig.drops["unknown_payload_type"] == 1
    assert Kind.VIDEO not in a.outgoing


def test_connected_and_the_first_packet_of_each_kind_are_told_once() -> None:
    rig = Rig()
    a, _ = rig.leg("lg_a")
    for sequence in range(3):
        rig.receive(a, rtp(1, sequence))
        rig.receive(a, video(sequence))
    assert [type(event) for event in rig.events] == [LegConnected, LegFirstMedia, LegFirstMedia]
    assert [event.kind for event in rig.events[1:] if isinstance(event, LegFirstMedia)] == [Kind.AUDIO, Kind.VIDEO]


def test_a_full_socket_drops_the_packet_and_the_stream_goes_on() -> None:
    rig = Rig()
    a, _, _, b_link = rig.bridge()
    for sequence, full in enumerate((False, True, False)):
        b_link.full = full
        rig.receive(a, rtp(1, sequence))
    numbers = [parsed(packet)[2] for packet in b_link.sent]
    assert numbers[1] - numbers[0] == 2


def test_a_picture_waits_for_a_receiver_that_is_still_connecting() -> None:
    """Both legs of a call connect in their own time; the key frame that comes before the keys must not count."""
    rig = Rig()
    a, a_link = rig.leg("lg_a")
    b, b_link = rig.leg("lg_b", connected=False)
    b.take_from(a, rig.loop.wall())
    rig.receive(a, video(1, 0, VP8_KEY))
    rig.receive(a, rtp(1, 1))
    rig.loop.advance(2)
    a_link.rtcp.clear()
    b_link.connected = True
    b.on_connected(rig.loop.wall())
    assert key_frame_requests(a_link) == 1
    rig.receive(a, video(2))
    rig.receive(a, video(3, 0, VP8_KEY))
    rig.receive(a, rtp(1, 2))
    assert [packet[12:] for packet in b_link.sent] == [VP8_KEY, b"sound"]
