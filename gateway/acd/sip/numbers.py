"""Which numbers may be called: those written beside queues, and those that a list of patterns lets through.

Whoever can make the gateway dial can spend the operator's money (toll fraud), so a number that comes from a menu, a
transfer or a redirection is called only when it is digits and nothing else and a pattern has it. Pure; it knows no
trunk: the called address is made by whoever knows the trunk's domain.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.base.errors import SetupError, StateConflict

_DIGITS: Final = re.compile(r"\+?[0-9]{1,15}", re.ASCII)  # E.164 has 15 at most
_PATTERN: Final = re.compile(r"\+?[0-9x]{1,15}", re.ASCII)
_REDIRECTED: Final = re.compile(r"\s*<?sips?:(\+?[0-9]{1,15})@", re.ASCII)

EMERGENCY: Final = frozenset({"000", "110", "111", "112", "118", "119", "911", "999"})
"""Never called by a pattern: a gateway must not ring the fire brigade because somebody typed it. A queue may be."""


class NumberPlan:
    """`numbers`: queue → number, as the operator wrote them. `allow`: patterns of digits with `x` for any digit."""

    def __init__(self, numbers: Mapping[str, str], allow: Iterable[str] = ()) -> None:
        """SetupError (`acd_number_pattern`) when a pattern is not one."""
        self._numbers = dict(numbers)
        self._allow = [_compiled(pattern) for pattern in allow]

    def allowed(self, number: str) -> bool:
        """Whether a number that somebody else chose may be called."""
        if _DIGITS.fullmatch(number) is None or number.lstrip("+") in EMERGENCY:
            return False
        return any(pattern.fullmatch(number) for pattern in self._allow)

    def of_queue(self, queue: str, wanted: str = "") -> str | None:
        """The number to call for that queue: what the menu wanted where that is allowed, else the queue's own; None
        when it has none."""
        if wanted and self.allowed(wanted):
            return wanted
        return self._numbers.get(queue)

    def of_transfer(self, number: str) -> str:
        """That number, when it may be called. StateConflict (`number_not_allowed`)."""
        if not self.allowed(number):
            raise StateConflict("number_not_allowed", "That number is not on the list of those that may be called.")
        return number

    def of_redirection(self, contact: str) -> str | None:
        """The number of a Contact in a 3xx, when it may be called; its host does not matter, the trunk stays."""
        found = _REDIRECTED.match(contact[:300])
        return found[1] if found is not None and self.allowed(found[1]) else None


def _compiled(pattern: str) -> re.Pattern[str]:
    if _PATTERN.fullmatch(pattern) is None:
        raise SetupError(
            "acd_number_pattern", f"{pattern!r} is no pattern of numbers: digits, x for any digit, + in front."
        )
    return re.compile(re.escape(pattern).replace("x", "[0-9]"), re.ASCII)
