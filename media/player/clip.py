"""What a clip is in memory: media packetised once, so that sending it costs a `sendto` and never an encoder.

Owns the shapes only. It knows no file format (`media.player.clipfile` reads and writes them), no leg and no clock.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClipPacket:
    """One RTP payload, ready to be sent behind any header.

    `due_ms` counts from the start of the clip, never falls within a track, and is below the clip's duration.
    `rtp_ticks` is the media time in the track's clock, 0 at the start. `key_frame` marks the first packet of a key
    frame (always False for audio): a receiver can begin there and nowhere else.
    """

    due_ms: int
    rtp_ticks: int
    marker: bool
    payload: bytes
    key_frame: bool = False


@dataclass(frozen=True, slots=True)
class ClipTrack:
    """The packets of one codec, in sending order. `codec_name` as in `media.sdp.description.Codec`: OPUS, VP8, H264."""

    codec_name: str
    clock_rate_hz: int
    packets: tuple[ClipPacket, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """One prompt or hold piece in one language: one audio track, and the same picture once per video codec.

    A video track begins with a key frame. `duration_ms` is also the period when the clip loops.
    """

    name: str
    language: str
    duration_ms: int
    tracks: tuple[ClipTrack, ...]

    def track(self, codec_name: str) -> ClipTrack | None:
        """The track of that codec, or None when the clip has none."""
        return next((track for track in self.tracks if track.codec_name == codec_name), None)
