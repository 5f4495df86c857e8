"""Letters for pictures: names and notices drawn with a small alphabet of our own, since nothing here has fonts.

Latin letters, with accents above and below made of their base letter and a mark. Text with anything else can't be
written (`can_write`); whoever wants it says something else then. Pure: text in, rows of dots out.
"""

import unicodedata
from functools import cache
from typing import Final

WIDTH: Final = 5
HEIGHT: Final = 11
"""Of a letter in dots: two rows for accents, seven for the body, two below the line. One empty column follows each."""

_BASE: Final = "0123456789abcdefghijklmnopqrstuv"
"""A row of five dots is one digit of base 32, the leftmost dot being worth 16."""

_BODY: Final = {
    "A": "ehhvhhh", "B": "uhhuhhu", "C": "ehggghe", "D": "uhhhhhu", "E": "vgguggv", "F": "vgguggg", "G": "ehgnhhf",
    "H": "hhhvhhh", "I": "e44444e", "J": "72222ic", "K": "hikokih", "L": "ggggggv", "M": "hrllhhh", "N": "hhpljhh",
    "O": "ehhhhhe", "P": "uhhuggg", "Q": "ehhhlid", "R": "uhhukih", "S": "fgge11u", "T": "v444444", "U": "hhhhhhe",
    "V": "hhhhha4", "W": "hhhllla", "X": "hha4ahh", "Y": "hha4444", "Z": "v1248gv",
    "a": "00e1fhf", "b": "ggmphhu", "c": "00egghe", "d": "11djhhf", "e": "00ehvge", "f": "698s888", "g": "00fhhhf1e",
    "h": "ggmphhh", "i": "40c444e", "j": "2062222ic", "k": "ggikoki", "l": "c44444e", "m": "00qllhh", "n": "00mphhh",
    "o": "00ehhhe", "p": "00uhhhugg", "q": "00fhhhf11", "r": "00mpggg", "s": "00fge1u", "t": "88s8896", "u": "00hhhjd",
    "v": "00hhha4", "w": "00hhlla", "x": "00ha4ah", "y": "00hhhhf1e", "z": "00v248v", "ı": "00c444e",
    "0": "ehjlphe", "1": "4c4444e", "2": "eh1248v", "3": "v2421he", "4": "26aiv22", "5": "vgu11he", "6": "68guhhe",
    "7": "v124888", "8": "ehhehhe", "9": "ehhf12c",
    " ": "0000000", ".": "00000cc", ",": "00000cc48", ":": "0cc0cc0", ";": "0cc0cc48", "-": "000v000", "'": "4480000",
    "(": "2488842", ")": "8422248", "/": "01248g0", "&": "8kk8lid", "+": "044v440", "_": "000000v", "!": "4444404",
    "?": "eh12404", "@": "ehnnnge", "#": "aavavaa", '"': "aa00000", "·": "000c000",
}  # fmt: skip
_ABOVE: Final = {
    "\u0301": "24", "\u0300": "84", "\u0302": "4a", "\u0308": "a0", "\u0303": "dm", "\u030c": "a4", "\u030a": "4a",
    "\u0307": "04", "\u0306": "he", "\u0304": "0e", "\u030b": "5a",
}  # fmt: skip
_BELOW: Final = {"\u0327": "4c", "\u0328": "42"}
_SAME: Final = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "’": "'",
    "–": "-", "—": "-", "\u00a0": " ", "“": '"', "”": '"',
}  # fmt: skip

Rows = tuple[int, ...]


@cache
def _glyph(letter: str) -> Rows | None:
    """The rows of one letter with its marks, each a number of `WIDTH` bits; None when it can't be written."""
    parts = unicodedata.normalize("NFD", letter)
    base, marks = parts[0], parts[1:]
    if base in "ij" and any(mark in _ABOVE for mark in marks):
        base = "ı"  # an accent takes the place of the dot
    body = _BODY.get(base)
    if body is None:
        return None
    rows = [0, 0, *(_BASE.index(digit) for digit in body.ljust(9, "0"))]
    for mark in marks:
        if mark in _ABOVE:
            lift = 2 if base.islower() and base not in "bdfhklt" else 0  # small letters wear it closer
            rows[lift : lift + 2] = [_BASE.index(digit) for digit in _ABOVE[mark]]
        elif mark in _BELOW:
            rows[9:11] = [_BASE.index(digit) for digit in _BELOW[mark]]
        else:
            return None
    return tuple(rows)


def _letters(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(_SAME.get(letter, letter) for letter in text))


def can_write(text: str) -> bool:
    """Whether every letter of `text` is in the alphabet, and there is one."""
    letters = _letters(text)
    return bool(letters.strip()) and all(_glyph(letter) is not None for letter in letters)


def dots(text: str, max_letters: int = 200) -> list[bytes]:
    """`HEIGHT` rows of bytes, 1 where there is a dot. Letters that can't be written are left out."""
    glyphs = [glyph for letter in _letters(text)[:max_letters] if (glyph := _glyph(letter)) is not None]
    return [
        bytes(bit for glyph in glyphs for bit in (*((glyph[row] >> shift) & 1 for shift in (4, 3, 2, 1, 0)), 0))
        for row in range(HEIGHT)
    ]


def shortened(text: str, letters: int) -> str:
    """`text` in at most so many letters."""
    text = " ".join(text.split())
    return text if len(text) <= letters else text[: max(1, letters - 2)].rstrip() + ".."
