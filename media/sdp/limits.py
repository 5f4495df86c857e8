"""Bounds on a session description, checked on the bare text before anything parses it.

A parser that sees only small, clean text can be simple. Every breach is a `MediaRefused` with a code of its own.
"""

import re
from typing import Final

from media.port import MediaRefused

MAX_BYTES: Final = 20_000
"""Chromium with three sections and every codec it knows sends 9 kB, and 30 candidates are 3 kB more."""

MAX_LINES: Final = 1_200
MAX_LINE_CHARACTERS: Final = 1_000
MAX_SECTIONS: Final = 4
"""Audio, video, screen, and one a browser may add and we refuse (a data channel)."""

MAX_CANDIDATES: Final = 30

_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
"""NUL and all that some splitters take for a line end: only CR LF and LF end a line here (RFC 8866 §5)."""


def checked_lines(sdp: str) -> list[str]:
    """The lines of a description that is within bounds, without their ends. Raises MediaRefused (`sdp_…`)."""
    if len(sdp) > MAX_BYTES or len(sdp.encode("utf-8", "replace")) > MAX_BYTES:
        raise MediaRefused("sdp_too_large", f"the description has more than {MAX_BYTES} bytes")
    if _FORBIDDEN.search(sdp):
        raise MediaRefused("sdp_bad_character", "the description holds a NUL or another control character")
    _at_most(sdp.count("\n"), MAX_LINES, "sdp_too_many_lines", "lines")
    _at_most(sdp.count("\nm="), MAX_SECTIONS, "sdp_too_many_sections", "media sections")
    _at_most(sdp.count("a=candidate:"), MAX_CANDIDATES, "sdp_too_many_candidates", "candidates")
    lines = [line.removesuffix("\r") for line in sdp.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    _at_most(max(map(len, lines), default=0), MAX_LINE_CHARACTERS, "sdp_line_too_long", "characters in one line")
    return lines


def _at_most(count: int, limit: int, code: str, what: str) -> None:
    if count > limit:
        raise MediaRefused(code, f"the description has {count} {what}, at most {limit} are taken")
