"""The clips at hand, by name and language. Knows no leg and no time."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from media.player.clip import Clip
from media.player.clipfile import load_clips

FALLBACK_LANGUAGE = "en"


class ClipLibrary:
    """Clips in memory. A name and language twice: the later one counts, so that an operator's own may replace ours."""

    def __init__(self, clips: Iterable[Clip] = ()) -> None:
        self._clips = {(clip.name, clip.language): clip for clip in clips}

    @classmethod
    def load(cls, own: Path | None = None) -> Self:
        """The product's clips, and those in the folder `own` over them. Blocks on the disk: call it in a thread.

        Raises ClipDamaged naming the file, or OSError.
        """
        clips = load_clips()
        if own is not None:
            clips |= load_clips(own)
        return cls(clips.values())

    def find(self, name: str, language: str) -> Clip | None:
        """The clip in that language, else in English, else None."""
        return self._clips.get((name, language)) or self._clips.get((name, FALLBACK_LANGUAGE))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({name for name, _ in self._clips}))
