"""The short id that ties a phone call to the video that waits beside it: made, shown, read back from what was typed.

It is read aloud, typed by hand, and travels in SIP headers and screen-pop addresses. Its alphabet (Crockford's base 32)
has no I, L, O, U; whoever types them means 1, 1, 0. Eight of it are 40 bits: enough where guesses are counted and the
id dies with its contact; not a secret to be kept for long. It knows no contact and keeps no list.
"""

import secrets
from collections.abc import Callable, Collection
from typing import Final

from gateway.base.errors import CapacityExceeded

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 8

TYPED_LIMIT: Final = 40
"""Characters read of what somebody typed; more is no id."""

_TRIES: Final = 20
_MEANT = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, ".": None})


def new_correlation(taken: Collection[str] = (), choice: Callable[[str], str] = secrets.choice) -> str:
    """A fresh id that is not among `taken`, such as `7K3QXM2P`.

    CapacityExceeded (`correlations_used_up`) when so many are taken that chance finds no free one.
    """
    for _ in range(_TRIES):
        correlation = "".join(choice(ALPHABET) for _ in range(LENGTH))
        if correlation not in taken:
            return correlation
    raise CapacityExceeded("correlations_used_up", "Too many contacts wait to be claimed.")


def shown(correlation: str) -> str:
    """As people read it: in two halves, `7K3Q-XM2P`."""
    half = len(correlation) // 2
    return f"{correlation[:half]}-{correlation[half:]}"


def read_correlation(typed: str) -> str | None:
    """The id somebody typed or a screen pop carried; None when it can't be one. Says nothing of whether it exists."""
    if len(typed) > TYPED_LIMIT or not typed.isascii():
        return None
    text = typed.strip().upper().translate(_MEANT)
    if len(text) != LENGTH or any(letter not in ALPHABET for letter in text):
        return None
    return text
