"""Which of a section's codecs and header extensions we take, and with which numbers. Pure; the same both ways.

**Numbers are the offerer's.** A payload type or extension id of the answer is the one the offer gave it (RFC 9429
§5.3.1, RFC 8285 §7). Two browsers of one kind therefore end up with the same numbers on both legs, and a forwarded
packet needs only its SSRC, sequence number and timestamp changed. Where they differ, forwarding rewrites: `Section`
says from what to what. Choices that don't depend on the peer (order, one H.264 profile, which telephone-event) are
made here, always alike.

**What fits is all that is taken.** A browser sends the first codec of our answer that it can, and nothing is converted
here: where the legs that a new one will be shown to share a codec with it, the answer has no other.
"""

from collections.abc import Sequence
from typing import Final

from media.port import Kind
from media.sdp.description import (
    EXT_ABS_SEND_TIME,
    EXT_AUDIO_LEVEL,
    EXT_MID,
    EXT_TRANSPORT_NUMBER,
    EXT_VIDEO_ORIENTATION,
    Codec,
)
from media.sdp.parse import MediaSection, Payload

TRANSPORT_FEEDBACK: Final = "transport-cc"
AUDIO_FEEDBACK: Final = frozenset({TRANSPORT_FEEDBACK})
VIDEO_FEEDBACK: Final = frozenset({"nack", "nack pli", "ccm fir", "goog-remb", TRANSPORT_FEEDBACK})

OPUS_FMTP: Final = "minptime=10;useinbandfec=1"
EVENTS_FMTP: Final = "0-16"

_H264_PROFILES: Final = ("42e0", "4200")
"""Constrained baseline first, then baseline: what every browser decodes (RFC 7742 §6.2), so that two legs can agree."""

_AUDIO_EXTENSIONS: Final = frozenset({EXT_MID, EXT_ABS_SEND_TIME, EXT_AUDIO_LEVEL, EXT_TRANSPORT_NUMBER})
_VIDEO_EXTENSIONS: Final = frozenset({EXT_MID, EXT_ABS_SEND_TIME, EXT_VIDEO_ORIENTATION, EXT_TRANSPORT_NUMBER})


def choose_codecs(section: MediaSection) -> tuple[Codec, ...]:
    """The codecs of an audio or video section that we take, best first; empty when there is no common one."""
    payloads = [p for p in map(section.payloads.get, _payload_types(section)) if p is not None]
    if section.media == "audio":
        return _audio(payloads)
    return _video(payloads) if section.media == "video" else ()


def fitting(codecs: tuple[Codec, ...], others: Sequence[frozenset[str]]) -> tuple[Codec, ...]:
    """Of `codecs` those that `others` have too, in their order.

    `others`: the names agreed on with each other leg, the most important first. A leg with which nothing (more) is in
    common changes nothing: its pictures are lost to this one, and the rest is not given up for it.
    """
    for names in others:
        codecs = tuple(codec for codec in codecs if codec.name in names) or codecs
    return codecs


def choose_extensions(section: MediaSection) -> dict[str, int]:
    """The header extensions of a section that we take, with the ids it gave them.

    A browser that numbers its packets for the whole transport needs no send time in them, and puts the number first.
    """
    wanted = _AUDIO_EXTENSIONS if section.media == "audio" else _VIDEO_EXTENSIONS
    numbered = any(TRANSPORT_FEEDBACK in payload.feedback for payload in section.payloads.values())
    unneeded = EXT_ABS_SEND_TIME if numbered and EXT_TRANSPORT_NUMBER in section.extensions else EXT_TRANSPORT_NUMBER
    wanted -= {unneeded}
    return {uri: number for uri, number in section.extensions.items() if uri in wanted}


def assign_kinds(sections: list[MediaSection]) -> list[Kind | None]:
    """First audio section AUDIO, first video VIDEO, second video SCREEN; None for what has no place here."""
    free = {"audio": [Kind.AUDIO], "video": [Kind.VIDEO, Kind.SCREEN]}
    return [free[section.media].pop(0) if free.get(section.media) else None for section in sections]


def _payload_types(section: MediaSection) -> list[int]:
    return [int(text) for text in section.formats if text.isascii() and text.isdigit() and len(text) < 4]


def _audio(payloads: list[Payload]) -> tuple[Codec, ...]:
    opus = next((p for p in payloads if (p.name, p.clock_rate_hz, p.channels) == ("OPUS", 48000, 2)), None)
    if opus is None:
        return ()
    chosen = [
        Codec(
            name="OPUS",
            payload_type=opus.payload_type,
            clock_rate_hz=48000,
            channels=2,
            fmtp=OPUS_FMTP,
            feedback=AUDIO_FEEDBACK & opus.feedback,
        )
    ]
    events = [p for p in payloads if p.name == "TELEPHONE-EVENT" and p.clock_rate_hz in (48000, 8000)]
    if events:
        best = max(events, key=lambda p: p.clock_rate_hz)  # Opus's own clock needs no second timeline (RFC 4733 §2.1)
        chosen.append(
            Codec(
                name="TELEPHONE-EVENT",
                payload_type=best.payload_type,
                clock_rate_hz=best.clock_rate_hz,
                fmtp=EVENTS_FMTP,
            )
        )
    return tuple(chosen)


def _video(payloads: list[Payload]) -> tuple[Codec, ...]:
    chosen = []
    video = [p for p in payloads if p.clock_rate_hz == 90000]
    if vp8 := next((p for p in video if p.name == "VP8"), None):
        chosen.append(_with_rtx(vp8, "", video))
    for profile in _H264_PROFILES:
        if h264 := next((p for p in video if _is_h264(p, profile)), None):
            level = h264.fmtp["profile-level-id"].lower()
            fmtp = f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={level}"
            chosen.append(_with_rtx(h264, fmtp, video))
            break
    return tuple(chosen)


def _is_h264(payload: Payload, profile: str) -> bool:
    """RFC 6184 §8.1: packetization-mode 1, and the first two bytes of profile-level-id."""
    level_id = payload.fmtp.get("profile-level-id", "").lower()
    return (
        payload.name == "H264"
        and payload.fmtp.get("packetization-mode") == "1"
        and len(level_id) == 6
        and level_id.startswith(profile)
        and all(c in "0123456789abcdef" for c in level_id)
    )


def _with_rtx(payload: Payload, fmtp: str, video: list[Payload]) -> Codec:
    own = str(payload.payload_type)
    rtx = next((p.payload_type for p in video if p.name == "RTX" and p.fmtp.get("apt") == own), None)
    return Codec(
        name=payload.name,
        payload_type=payload.payload_type,
        clock_rate_hz=90000,
        fmtp=fmtp,
        rtx_payload_type=rtx,
        feedback=VIDEO_FEEDBACK & payload.feedback,
    )
