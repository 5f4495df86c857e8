"""The offer a browser would make, for robots and tests: transceivers without tracks, Chromium's usual numbers."""

from collections.abc import Callable

from media.port import Kind
from media.sdp.codecs import EVENTS_FMTP, OPUS_FMTP, TRANSPORT_FEEDBACK, VIDEO_FEEDBACK
from media.sdp.description import (
    EXT_ABS_SEND_TIME,
    EXT_AUDIO_LEVEL,
    EXT_MID,
    EXT_VIDEO_ORIENTATION,
    Codec,
    Section,
)
from media.sdp.write import LocalTransport, description

_FEEDBACK = VIDEO_FEEDBACK - {TRANSPORT_FEEDBACK}
_OPUS = Codec(name="OPUS", payload_type=111, clock_rate_hz=48000, channels=2, fmtp=OPUS_FMTP)
_EVENTS = Codec(name="TELEPHONE-EVENT", payload_type=110, clock_rate_hz=48000, fmtp=EVENTS_FMTP)
_VP8 = Codec(name="VP8", payload_type=96, clock_rate_hz=90000, rtx_payload_type=97, feedback=_FEEDBACK)
_H264 = Codec(
    name="H264",
    payload_type=108,
    clock_rate_hz=90000,
    fmtp="level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    rtx_payload_type=109,
    feedback=_FEEDBACK,
)
_AUDIO_EXTENSIONS = {EXT_AUDIO_LEVEL: 1, EXT_ABS_SEND_TIME: 2, EXT_MID: 4}
_VIDEO_EXTENSIONS = {EXT_ABS_SEND_TIME: 2, EXT_VIDEO_ORIENTATION: 13, EXT_MID: 4}


def make_offer(
    local: LocalTransport, next_ssrc: Callable[[], int], cname: str, *, screen: bool, h264: bool, vp8: bool = True
) -> tuple[tuple[Section, ...], str]:
    """Our sections (as we would send them) and the offer's text: audio, video and, with `screen`, a second video.

    `h264` and `vp8`: which of the two it has, at least one.
    """
    video = tuple(codec for codec, has in ((_VP8, vp8), (_H264, h264)) if has)
    sections = [_section(Kind.AUDIO, "0", (_OPUS, _EVENTS), next_ssrc, cname)]
    sections.append(_section(Kind.VIDEO, "1", video, next_ssrc, cname))
    if screen:
        sections.append(_section(Kind.SCREEN, "2", video, next_ssrc, cname))
    return tuple(sections), description(sections, local)


def _section(kind: Kind, mid: str, codecs: tuple[Codec, ...], next_ssrc: Callable[[], int], cname: str) -> Section:
    audio = kind is Kind.AUDIO
    return Section(
        kind=kind,
        mid=mid,
        codecs=codecs,
        extensions=dict(_AUDIO_EXTENSIONS if audio else _VIDEO_EXTENSIONS),
        local_ssrc=next_ssrc(),
        local_rtx_ssrc=0 if audio else next_ssrc(),
        cname=cname,
    )
