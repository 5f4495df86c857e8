"""Who is shown where in a composed recording at a moment, and what is written over it. Pure: no pixel in here."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from media.recording.canvas import HEIGHT_PX, WIDTH, Box

GONE_S: Final = {"video": 2.5, "screen": 15.0}
"""A picture older than this is not shown any more: the camera is off. A still screen sends hardly any."""

SIDES: Final = {"customer": Box(0, 0, WIDTH // 2, HEIGHT_PX), "agent": Box(WIDTH // 2, 0, WIDTH // 2, HEIGHT_PX)}
SCREEN: Final = Box(0, 0, 960, HEIGHT_PX)
BESIDE_SCREEN: Final = {
    "customer": Box(960, 0, WIDTH - 960, HEIGHT_PX // 2),
    "agent": Box(960, HEIGHT_PX // 2, WIDTH - 960, HEIGHT_PX // 2),
}
BLANK: Final = frozenset({"pause", "agent_lost", "interrupted"})
"""Kinds of chapters in which nothing was recorded."""

Place = tuple[str, str]
"""Role and kind of a picture track."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What one picture is made of. Equal scenes look the same but for what moves in the pictures."""

    boxes: Mapping[Place, Box]
    """Where each track's picture goes; a place without a picture is a dark box with a name."""

    slate: str = ""
    """Nothing else is shown but this."""

    banner: str = ""


class Rundown:
    """Scenes over time, made of a manifest's chapters and rotations. Times in seconds from the start of the file."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._chapters = list(manifest["chapters"])
        self._starts = [float(chapter["from_s"]) for chapter in self._chapters]
        self._rotations = {
            (str(track["role"]), str(track["kind"])): (
                int(track["rotation_deg"]),
                [(float(start), float(end), int(degrees)) for start, end, degrees in track["rotations"]],
            )
            for track in manifest["tracks"]
        }

    def scene(self, at_s: float, seen_s: Mapping[Place, float]) -> Scene:
        """`seen_s`: when each track's last picture began."""
        chapter = self._chapter(at_s)
        if chapter is not None and chapter["kind"] in BLANK:
            return Scene({}, slate=str(chapter["title"]))
        banner = "" if chapter is None or chapter["kind"] == "conversation" else str(chapter["title"])
        fresh = {place for place, since_s in seen_s.items() if at_s - since_s <= GONE_S[place[1]]}
        screens = sorted(place for place in fresh if place[1] == "screen")
        if not screens:
            return Scene({(role, "video"): box for role, box in SIDES.items()}, banner=banner)
        newest = max(screens, key=lambda place: seen_s[place])
        boxes: dict[Place, Box] = {newest: SCREEN}
        boxes |= {(role, "video"): box for role, box in BESIDE_SCREEN.items()}
        return Scene(boxes, banner=banner)

    def fresh(self, place: Place, at_s: float, seen_s: Mapping[Place, float]) -> bool:
        since_s = seen_s.get(place)
        return since_s is not None and at_s - since_s <= GONE_S[place[1]]

    def rotation_deg(self, place: Place, at_s: float) -> int:
        chosen, changes = self._rotations.get(place, (0, []))
        return next((degrees for start, end, degrees in changes if start <= at_s < end), chosen)

    def _chapter(self, at_s: float) -> Mapping[str, Any] | None:
        index = bisect_right(self._starts, at_s) - 1
        return self._chapters[index] if index >= 0 else None


def labels_of(given: Mapping[str, str], roles: Sequence[str] = ("customer", "agent")) -> dict[str, str]:
    """A name for each role; the role itself where none was given."""
    return {role: given.get(role) or role.capitalize() for role in roles}
