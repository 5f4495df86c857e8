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

EMERGENCY: Final = frozenset(
    {
        *("112", "911"),  # ITU-T E.161.1; in the EU art. 109 of Directive (EU) 2018/1972
        *("15", "17", "18", "114", "115", "119", "191", "196", "197"),  # France
        *("116000", "116111", "116117"),  # harmonised (art. 96), and of the French list
        *("061", "062", "080", "085", "088", "091", "092", "016"),  # Spain
        *("000", "110", "111", "118", "999"),  # Australia; Germany, China, Japan; New Zealand; Italy; United Kingdom
    }
)
"""Whole numbers of rescue, police, fire brigades and people in danger. No pattern with an `x` in it reaches one: a
gateway must not ring the fire brigade because somebody typed it. An operator whose own extension is one of them
writes it out in `allow`; a queue may have it too. A longer number that begins like one is another number.

France: all of the list in ARCEP's decision 02-1179 as amended (arcep.fr, liste des numéros d'urgence). Spain: the short
numbers of health, Guardia Civil, fire brigades, police of region, state and town, and of violence against women (Plan
Nacional de Numeración Telefónica, Real Decreto 2296/2004). Lines that only advise are no emergency (UK 101, US 988).
"""


class NumberPlan:
    """`numbers`: queue → number, as the operator wrote them. `allow`: patterns of digits with `x` for any digit."""

    def __init__(self, numbers: Mapping[str, str], allow: Iterable[str] = ()) -> None:
        """SetupError (`acd_number_pattern`) when a pattern is not one."""
        self._numbers = dict(numbers)
        written = tuple(allow)
        self._allow = [_compiled(pattern) for pattern in written]
        self._own = frozenset(pattern for pattern in written if "x" not in pattern)

    def allowed(self, number: str) -> bool:
        """Whether a number that somebody else chose may be called."""
        if _DIGITS.fullmatch(number) is None:
            return False
        if number.lstrip("+") in EMERGENCY:
            return number in self._own
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
