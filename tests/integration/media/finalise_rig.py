"""What tests of the finaliser have in common: what was expected, what came of it, and a media process that died."""

import json
from pathlib import Path

from media.recording.expected import FILE_NAME as EXPECTED
from tests.support import captures
from tests.support.captures import START_S, Sender, decode, mark, side, write_capture

BRIGHT = 120.0
LOUD = 0.02
FRAME_S = 1 / 15


def by_name(path: Path) -> dict[str, captures.Decoded]:
    return {track.name: track for track in decode(path)}


def report(result: dict[str, object], role: str, kind: str) -> dict[str, object]:
    (found,) = (track for track in result["tracks"] if (track["role"], track["kind"]) == (role, kind))
    return found


def expect(folder: Path, *tracks: tuple[str, str, list[list[float | None]]], reason: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "tracks": [{"role": role, "kind": kind, "intervals": spans} for role, kind, spans in tracks],
        "truncated_reason": reason,
    }
    (folder / EXPECTED).write_text(json.dumps(document))


def died_and_went_on(folder: Path, *, paused: bool = False) -> None:
    """4 s, the media process dies, and from the sixth second on its successor records the same browsers."""
    first = side("customer", 4.0, leg="lg_a")
    second = side("customer", 4.0, sender=Sender(starts_s=6.0, ntp_offset_s=50.0), leg="lg_bb")
    if paused:
        first.append(mark("pause", START_S + 3.5))
        first = [item for item in first if item.at_s <= START_S + 3.5]
        second.append(mark("resume", START_S + 8.0))
    write_capture(folder, first, ended=False)
    write_capture(folder, second, number=2)
    spans: list[list[float | None]] = [[START_S, START_S + 4], [START_S + 6, START_S + 10]]
    expect(folder, ("customer", "audio", spans), ("customer", "video", spans))
