"""The recordings an engine has open: which legs are tapped into which capture, and the tracks they have there.

Joins the packet path's tap (`media.forward`) to the writer (`media.recording`); neither knows the other.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from media.forward.incoming import Recorder
from media.forward.leg import ForwardLeg
from media.port import Kind, MediaEvent, RecordingFailed, RecordingStarted, RecordingStopped
from media.recording.capture import CaptureWriter
from media.sdp.description import EXT_VIDEO_ORIENTATION, Codec

MAX_TRACKS_PER_LEG: Final = 32
"""A peer that goes through SSRCs and codecs fills no capture with empty tracks: what comes after is not recorded."""

NO_TRACK: Final = -2


class OpenRecording:
    """One capture and the legs that feed it."""

    def __init__(
        self, recording_id: str, folder: Path, emit: Callable[[MediaEvent], None], wall_s: Callable[[], float]
    ) -> None:
        self.recording_id = recording_id
        self.folder = folder
        self._emit = emit
        self._wall_s = wall_s
        self._legs: dict[str, ForwardLeg] = {}
        self._writer: CaptureWriter

    @classmethod
    async def open(
        cls,
        recording_id: str,
        folder: Path,
        emit: Callable[[MediaEvent], None],
        *,
        wall_s: Callable[[], float],
        keep_free_bytes: int = 0,
    ) -> Self:
        """Raises MediaRefused as `CaptureWriter.open` does."""
        recording = cls(recording_id, folder, emit, wall_s)
        recording._writer = await CaptureWriter.open(
            folder,
            recording_id,
            on_started=recording._started,
            on_failed=recording._failed,
            keep_free_bytes=keep_free_bytes,
        )
        return recording

    def add(self, leg: ForwardLeg, role: str) -> None:
        """From now on everything `leg` receives is written under `role`."""
        tracks: dict[tuple[Kind, str, int], int] = {}

        def recorder_for(kind: Kind) -> Recorder:
            orientation_id = leg.incoming[kind].section.extensions.get(EXT_VIDEO_ORIENTATION, 0)

            def track_for(codec: Codec, ssrc: int) -> int:
                known = tracks.get((kind, codec.name, ssrc))
                if known is not None:
                    return known
                if len(tracks) >= MAX_TRACKS_PER_LEG:
                    return NO_TRACK
                number = self._writer.track(
                    role,
                    kind.value,
                    codec.name,
                    codec.clock_rate_hz,
                    ssrc,
                    leg=leg.leg_id,
                    orientation_id=orientation_id,
                )
                tracks[kind, codec.name, ssrc] = number
                return number

            return Recorder(track_for, self._writer.write_rtp, self._writer.write_sender_report)

        leg.record(recorder_for)
        self._legs[leg.leg_id] = leg

    def remove(self, leg: ForwardLeg) -> None:
        """Take nothing more from `leg`; it may be recorded elsewhere by now. No error when it is not here."""
        self._legs.pop(leg.leg_id, None)

    def mark(self, name: str, detail: str) -> None:
        self._writer.mark(name, detail, self._wall_s())

    async def close(self) -> None:
        """Untap every leg, flush and sync; RecordingStopped says what there is."""
        for leg in self._legs.values():
            leg.record(None)
        self._legs.clear()
        packets, size_bytes = await self._writer.close()
        self._emit(
            RecordingStopped(
                recording_id=self.recording_id,
                folder=str(self.folder),
                packets=packets,
                size_bytes=size_bytes,
                at_s=self._wall_s(),
            )
        )

    def _started(self, at_s: float) -> None:
        self._emit(RecordingStarted(recording_id=self.recording_id, at_s=at_s))

    def _failed(self, code: str, detail: str, at_s: float) -> None:
        self._emit(RecordingFailed(recording_id=self.recording_id, code=code, detail=detail, at_s=at_s))
