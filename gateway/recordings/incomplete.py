"""Recordings that lack something, in words: which track, from when to when, and why. Pure, over the rows' values."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_MAX_TRACKS: Final = 4


def incomplete_tracks(tracks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of a row's tracks that lack more than anybody should overlook (`media.recording.losses`)."""
    return [track for track in tracks if track.get("incomplete")]


def what_is_missing(tracks: Sequence[Mapping[str, Any]]) -> str | None:
    """One sentence for an alarm, or None when every track is whole enough."""
    found = [_of_track(track) for track in incomplete_tracks(tracks)[:_MAX_TRACKS]]
    return "; ".join(found) or None


def _of_track(track: Mapping[str, Any]) -> str:
    pieces = list(track.get("missing") or ())
    said = f"{track['role']} {track['kind']} lacks {float(track['missing_s']):.1f} s"
    if not pieces:
        return said
    start, end, cause = max(pieces, key=lambda piece: piece[1] - piece[0])
    return f"{said}, most of it from {_clock(start)} to {_clock(end)} ({cause})"


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
