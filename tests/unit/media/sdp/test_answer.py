"""What we answer: order, numbers, directions, refusals. aiortc's parser reads our text as a second opinion."""

import re
from random import Random

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from media.port import Kind, MediaRefused
from media.sdp.answer import answer_offer, read_answer
from media.sdp.description import (
    EXT_ABS_SEND_TIME,
    EXT_AUDIO_LEVEL,
    EXT_MID,
    EXT_TRANSPORT_NUMBER,
    EXT_VIDEO_ORIENTATION,
    Negotiated,
)
from media.sdp.offer import make_offer
from media.sdp.parse import parse
from tests.unit.media.sdp.offers import CHROMIUM, FIREFOX, LOCAL, SHA_256, SMALL, numbers

DATA_CHANNEL = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\na=sctp-port:5000\r\n"


def answered(offer: str, *others: Negotiated) -> tuple[Negotiated, str]:
    return answer_offer(offer, LOCAL, numbers(), "cname", others)


def browser(*, vp8: bool = True, h264: bool = True) -> str:
    """The offer of a browser with these codecs, camera and screen."""
    text = make_offer(LOCAL, numbers(), "robot", screen=True, h264=h264, vp8=vp8)[1]
    return text.replace("a=setup:passive", "a=setup:actpass").replace("a=ice-lite\r\n", "")


def pictures(negotiated: Negotiated) -> list[list[str]]:
    return [[codec.name for codec in s.codecs] for s in negotiated.sections if s.kind is not Kind.AUDIO]


def refusal(offer: str) -> str:
    with pytest.raises(MediaRefused) as refused:
        answered(offer)
    return refused.value.code


def test_chromium_gets_its_own_numbers_back() -> None:
    negotiated, _ = answered(CHROMIUM)
    audio, video, screen = negotiated.sections
    assert [s.kind for s in negotiated.sections] == [Kind.AUDIO, Kind.VIDEO, Kind.SCREEN]
    assert [(c.name, c.payload_type) for c in audio.codecs] == [("OPUS", 111), ("TELEPHONE-EVENT", 110)]
    for section in (video, screen):
        assert [(c.name, c.payload_type, c.rtx_payload_type) for c in section.codecs] == [
            ("VP8", 96, 97),
            ("H264", 108, 109),
        ]
        assert section.codecs[0].feedback == {"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"}
        assert section.extensions == {EXT_TRANSPORT_NUMBER: 3, EXT_VIDEO_ORIENTATION: 13, EXT_MID: 4}
    assert audio.extensions == {EXT_AUDIO_LEVEL: 1, EXT_TRANSPORT_NUMBER: 3, EXT_MID: 4}
    assert negotiated.dtls_role == "server"


def test_firefox_keeps_its_repairs_although_it_writes_them_before_the_codecs() -> None:
    """Without them nobody can ask a Firefox for a key frame, and its picture stays frozen after a hold."""
    negotiated, text = answered(FIREFOX)
    audio, video, screen = negotiated.sections
    assert [c.name for c in audio.codecs] == ["OPUS", "TELEPHONE-EVENT"]
    for section in (video, screen):
        assert [(c.name, c.payload_type, c.rtx_payload_type) for c in section.codecs] == [("VP8", 120, 124)]
        assert {"nack", "nack pli", "ccm fir", "goog-remb"} <= section.codecs[0].feedback
    assert text.count("a=rtcp-fb:120 nack pli") == 2


@given(st.randoms(use_true_random=False), st.sampled_from(["chromium", "firefox"]))
def test_the_order_of_attributes_means_nothing(random: Random, browser: str) -> None:
    """RFC 8866 §5.13: the attributes of a section say the same in any order."""
    offer = {"chromium": CHROMIUM, "firefox": FIREFOX}[browser]
    head, *sections = re.split(r"(?=m=)", offer)
    shuffled = head
    for section in sections:
        lines = section.splitlines()
        first = [line for line in lines if not line.startswith("a=")]
        rest = [line for line in lines if line.startswith("a=") and not line.startswith("a=ssrc")]
        random.shuffle(rest)
        shuffled += "\r\n".join([*first, *rest, *(line for line in lines if line.startswith("a=ssrc"))]) + "\r\n"
    one, other = answered(offer)[0], answered(shuffled)[0]
    for straight, mixed in zip(one.sections, other.sections, strict=True):
        assert set(straight.codecs) == set(mixed.codecs)
        assert straight.extensions == mixed.extensions


def test_who_gives_no_transport_feedback_keeps_the_send_time_in_its_packets() -> None:
    for offer in (CHROMIUM.replace("transport-cc\r\n", "x\r\n"), re.sub("a=extmap:3 .*\r\n", "", CHROMIUM)):
        negotiated, text = answered(offer)
        assert "transport-wide-cc" not in text
        assert all(EXT_ABS_SEND_TIME in section.extensions for section in negotiated.sections)


def test_two_offers_of_one_browser_agree_on_the_same_numbers() -> None:
    one, two = answered(CHROMIUM)[0], answered(CHROMIUM)[0]
    for a, b in zip(one.sections, two.sections, strict=True):
        assert (a.codecs, a.extensions) == (b.codecs, b.extensions)


def test_answer_text_says_what_was_negotiated() -> None:
    negotiated, text = answered(CHROMIUM)
    read = SessionDescription.parse(text)
    assert "a=ice-lite\r\n" in text
    assert text.count("a=rtcp-fb:111 transport-cc\r\n") == 1
    assert text.count("transport-wide-cc") == 3
    assert "abs-send-time" not in text
    assert [m.rtp.muxId for m in read.media] == ["0", "1", "2"]
    for media, section in zip(read.media, negotiated.sections, strict=True):
        assert media.direction == "sendrecv"
        assert media.dtls.role == "server"
        assert media.rtcp_mux
        assert media.ssrc[0].ssrc == section.local_ssrc
        assert {h.uri: h.id for h in media.rtp.headerExtensions} == section.extensions
    candidates = [(c.ip, c.port, c.type) for c in read.media[0].ice_candidates]
    assert candidates == [("192.0.2.1", 5000, "host"), ("2001:db8::1", 5000, "host")]
    assert text.count("b=AS:2500\r\nb=TIAS:2500000\r\n") == 2


def test_sound_and_picture_share_a_stream_and_the_screen_has_its_own() -> None:
    read = SessionDescription.parse(answered(CHROMIUM)[1])
    assert [m.msid for m in read.media] == ["main audio", "main video", "screen screen"]
    assert len({s.ssrc for m in read.media for s in m.ssrc}) == 5


@pytest.mark.parametrize(
    ("offered", "ours", "sends", "receives"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "recvonly", True, False),
        ("recvonly", "sendonly", False, True),
        ("inactive", "inactive", False, False),
    ],
)
def test_direction_mirrors_the_offer(offered: str, ours: str, sends: bool, receives: bool) -> None:
    negotiated, text = answered(SMALL.replace("a=mid:v", f"a=mid:v\r\na={offered}"))
    video = negotiated.sections[1]
    assert (video.peer_sends, video.peer_receives) == (sends, receives)
    section = parse(text).sections[1]
    assert section.direction == ours
    assert bool(section.ssrcs) is receives


def test_data_channel_is_refused_and_keeps_its_place() -> None:
    first = SMALL.replace("m=audio", DATA_CHANNEL + "m=audio", 1).replace("BUNDLE a v", "BUNDLE d a v")
    negotiated, text = answered(first)
    assert len(negotiated.sections) == 2
    read = parse(text)
    assert [(s.media, s.port != 0) for s in read.sections] == [
        ("application", False),
        ("audio", True),
        ("video", True),
    ]
    assert read.bundle == ("a", "v")


def test_third_video_and_second_audio_are_refused() -> None:
    video = SMALL[SMALL.index("m=video") :]
    negotiated, text = answered(
        SMALL.replace("BUNDLE a v", "BUNDLE a v w x")
        + video.replace("mid:v", "mid:w")
        + video.replace("mid:v", "mid:x")
    )
    assert [s.kind for s in negotiated.sections] == [Kind.AUDIO, Kind.VIDEO, Kind.SCREEN]
    assert [s.port != 0 for s in parse(text).sections] == [True, True, True, False]


def test_section_without_a_common_codec_is_refused_alone() -> None:
    negotiated, text = answered(SMALL.replace("VP8", "AV1"))
    assert [bool(s.codecs) for s in negotiated.sections] == [True, False]
    assert [s.port != 0 for s in parse(text).sections] == [True, False]


def test_section_the_offer_switched_off_stays_off() -> None:
    assert not answered(SMALL.replace("m=video 9", "m=video 0"))[0].sections[1].codecs
    assert (
        answered(SMALL.replace("m=video 9", "m=video 0").replace("a=mid:v", "a=mid:v\r\na=bundle-only"))[0]
        .sections[1]
        .codecs
    )


H264 = (
    "a=rtpmap:{pt} H264/90000\r\na=fmtp:{pt} level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={id}"
)


@pytest.mark.parametrize(
    ("variants", "chosen"),
    [
        ([(120, 1, "42e01f")], 120),
        ([(120, 0, "42e01f")], None),
        ([(120, 1, "64001f"), (121, 1, "4d001f")], None),
        ([(120, 1, "42001f"), (121, 1, "42E01F")], 121),
        ([(120, 0, "42e01f"), (121, 1, "42001f")], 121),
        ([(120, 1, "42e0zz")], None),
        ([(120, 1, "")], None),
    ],
)
def test_h264_is_taken_as_baseline_with_packetization_mode_1(variants: list, chosen: int | None) -> None:
    head = SMALL[: SMALL.index("a=rtpmap:120")]
    offer = head + "\r\n".join(H264.format(pt=pt, mode=mode, id=level) for pt, mode, level in variants) + "\r\n"
    codecs = answered(offer)[0].sections[1].codecs
    assert [c.payload_type for c in codecs] == ([] if chosen is None else [chosen])


def test_vp8_comes_first_whatever_the_offer_prefers() -> None:
    offer = SMALL.replace("120 121", "99 120 121") + H264.format(pt=99, mode=1, id="42e01f") + "\r\n"
    assert [c.name for c in answered(offer)[0].sections[1].codecs] == ["VP8", "H264"]


def test_a_leg_alone_keeps_all_its_codecs() -> None:
    assert pictures(answered(browser())[0]) == [["VP8", "H264"]] * 2


@pytest.mark.parametrize(("vp8", "h264", "common"), [(False, True, "H264"), (True, False, "VP8")])
def test_a_later_leg_is_answered_with_what_the_first_one_takes_and_nothing_else(
    vp8: bool, h264: bool, common: str
) -> None:
    first = answered(browser(vp8=vp8, h264=h264))[0]
    negotiated, text = answered(browser(), first)
    assert pictures(negotiated) == [[common]] * 2
    assert [c.name for c in negotiated.sections[0].codecs] == ["OPUS", "TELEPHONE-EVENT"]
    video = parse(text).sections[1]
    assert {p.name for p in video.payloads.values()} == {common, "RTX"}


def test_nothing_is_given_up_for_a_leg_with_which_nothing_is_in_common() -> None:
    first = answered(browser(h264=False))[0]
    assert pictures(answered(browser(vp8=False), first)[0]) == [["H264"]] * 2


def test_the_newest_of_several_legs_that_do_not_fit_one_another_decides() -> None:
    newer, older = answered(browser(vp8=False))[0], answered(browser(h264=False))[0]
    assert pictures(answered(browser(), newer, older)[0]) == [["H264"]] * 2
    assert pictures(answered(browser(), older, newer)[0]) == [["VP8"]] * 2


def test_a_leg_without_pictures_leaves_all_codecs() -> None:
    deaf = answered(SMALL.replace("VP8", "AV1"))[0]
    assert pictures(answered(browser(), deaf)[0]) == [["VP8", "H264"]] * 2


def test_reduced_size_rtcp_is_used_when_offered() -> None:
    negotiated, text = answered(SMALL.replace("a=mid:v", "a=mid:v\r\na=rtcp-rsize"))
    assert [s.reduced_size for s in negotiated.sections] == [False, True]
    assert [s.rtcp_rsize for s in parse(text).sections] == [False, True]


def test_codec_without_rtx_gets_none() -> None:
    video = answered(SMALL.replace("apt=120", "apt=99"))[0].sections[1]
    assert video.codecs[0].rtx_payload_type is None
    assert video.local_rtx_ssrc == 0


def test_peer_sources_and_their_rtx_are_told_apart() -> None:
    offer = SMALL + "a=ssrc-group:FID 700 701\r\na=ssrc:700 cname:x\r\na=ssrc:701 cname:x\r\n"
    video = answered(offer)[0].sections[1]
    assert video.peer_ssrcs == (700,)
    assert video.peer_rtx_ssrcs == {701: 700}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("a=fingerprint", "a=x-fingerprint"), "sdp_no_fingerprint"),
        ((f"sha-256 {SHA_256}", "sha-1 " + "AB:" * 19 + "CD"), "sdp_weak_fingerprint"),
        ((f"sha-256 {SHA_256}", "md5 " + "AB:" * 15 + "CD"), "sdp_weak_fingerprint"),
        (("a=group:BUNDLE a v\r\n", ""), "sdp_no_bundle"),
        (("BUNDLE a v", "BUNDLE a"), "sdp_no_bundle"),
        (("a=mid:v\r\n", ""), "sdp_no_bundle"),
        (("a=mid:v\r\na=rtcp-mux", "a=mid:v"), "sdp_no_rtcp_mux"),
        (("a=ice-ufrag:abcd\r\n", ""), "sdp_no_ice"),
        (("a=ice-pwd:0123456789abcdefghijkl\r\n", ""), "sdp_no_ice"),
        (("s=-", "s=-\r\na=ice-lite"), "sdp_no_ice"),
        (("a=setup:actpass\r\n", ""), "sdp_setup"),
        (("actpass", "holdconn"), "sdp_setup"),
        (("m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 RTP/AVP"), "sdp_not_secure"),
        (("opus", "speex"), None),
    ],
)
def test_offer_that_lacks_what_we_need_is_refused(change: tuple[str, str], code: str | None) -> None:
    offer = SMALL.replace(*change)
    assert offer != SMALL
    if code is None:
        assert answered(offer)[0].sections[1].codecs
    else:
        assert refusal(offer) == code


def test_offer_without_anything_for_us_is_refused() -> None:
    assert refusal(SMALL.replace("opus", "speex").replace("VP8", "AV1")) == "sdp_no_common_codec"
    assert refusal(SMALL[: SMALL.index("m=audio")] + DATA_CHANNEL) == "sdp_no_media"


@pytest.mark.parametrize(("setup", "role", "ours"), [("active", "server", "passive"), ("passive", "client", "active")])
def test_dtls_role_follows_the_offer(setup: str, role: str, ours: str) -> None:
    negotiated, text = answered(SMALL.replace("actpass", setup))
    assert negotiated.dtls_role == role
    assert {s.setup for s in parse(text).sections} == {ours}


def test_weak_fingerprints_beside_a_strong_one_are_left_out() -> None:
    offer = SMALL.replace("a=setup", "a=fingerprint:sha-1 " + "AB:" * 19 + "CD\r\na=setup", 1)
    assert answered(offer)[0].remote_fingerprints == (("sha-256", SHA_256),)


@pytest.mark.parametrize(("screen", "h264"), [(False, False), (True, True)])
def test_our_own_offer_and_answer_mirror_each_other(screen: bool, h264: bool) -> None:
    offered, text = make_offer(LOCAL, numbers(), "robot", screen=screen, h264=h264)
    ours, answer = answered(text.replace("a=setup:passive", "a=setup:actpass").replace("a=ice-lite\r\n", ""))
    theirs = read_answer(answer, offered, LOCAL)
    assert [s.kind for s in theirs.sections] == [s.kind for s in ours.sections] == [s.kind for s in offered]
    for mine, peer in zip(ours.sections, theirs.sections, strict=True):
        assert mine.codecs == peer.codecs
        assert mine.extensions == peer.extensions
        assert mine.peer_ssrcs == (peer.local_ssrc,)
        assert peer.peer_ssrcs == (mine.local_ssrc,)
        assert mine.peer_rtx_ssrcs == ({peer.local_rtx_ssrc: peer.local_ssrc} if peer.local_rtx_ssrc else {})
    assert theirs.dtls_role == "client"
    assert theirs.remote_candidates == LOCAL.candidates


def test_answer_that_accepts_nothing_is_refused() -> None:
    offered, _ = make_offer(LOCAL, numbers(), "robot", screen=False, h264=False)
    with pytest.raises(MediaRefused, match="sdp_no_media"):
        read_answer(SMALL.replace("mid:a", "mid:0").replace("opus", "speex"), offered, LOCAL)
