"""The clips at hand, by name and language. Knows no leg and no time."""

from collections.abc import Iterable

from media.player.clip import Clip

FALLBACK_LANGUAGE = "en"


class ClipLibrary:
    """Clips in memory. A name and language twice: the later one counts, so that an operator's own may replace ours."""

    def __init__(self, clips: Iterable[Clip] = ()) -> None:
        self._clips = {(clip.name, clip.language): clip for clip in clips}

    def find(self, name: str, language: str) -> Clip | None:
        """The clip in that language, else in English, else None."""
        return self._clips.get((name, language)) or self._clips.get((name, FALLBACK_LANGUAGE))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({name for name, _ in self._clips}))
