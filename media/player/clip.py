"""What a clip is in memory: media packetised once, so that sending it costs a `sendto` and never an encoder.

Owns the shapes only. It knows no file format (`media.player.clipfile` reads and writes them), no leg and no clock.
"""

from dataclasses import dataclass

MAX_PAYLOAD_BYTES = 1200
"""Leaves room for headers and the SRTP trailer in every network's packets."""


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

    def __post_init__(self) -> None:
        """Raises ValueError for a payload that is too long or for packets that are not in the order of their times."""
        if any(len(packet.payload) > MAX_PAYLOAD_BYTES for packet in self.packets):
            raise ValueError(f"a payload is longer than {MAX_PAYLOAD_BYTES} bytes")
        if any(after.due_ms < before.due_ms for before, after in zip(self.packets, self.packets[1:], strict=False)):
            raise ValueError("packets are not in the order of their times")


@dataclass(frozen=True, slots=True)
class Clip:
    """One prompt or hold piece in one language: one audio track, and the same picture once per video codec.

    A video track begins with a key frame. `duration_ms` is also the period when the clip loops.
    """

    name: str
    language: str
    duration_ms: int
    tracks: tuple[ClipTrack, ...]

    def __post_init__(self) -> None:
        """Raises ValueError when a packet is not due before the clip ends, or the clip has no length."""
        if self.duration_ms <= 0:
            raise ValueError("the clip has no length")
        if any(track.packets and track.packets[-1].due_ms >= self.duration_ms for track in self.tracks):
            raise ValueError("a packet is due after the end of the clip")

    def track(self, codec_name: str) -> ClipTrack | None:
        """The track of that codec, or None when the clip has none."""
        return next((track for track in self.tracks if track.codec_name == codec_name), None)
