"""What follows from how an INVITE ended: another trunk, another number, or the queue's answer. Pure.

The statuses are RFC 3261 §21; what a contact center means by them is what Genesys, Cisco and Asterisk queues answer:
486 all lines taken, 480 nobody is there, 503 full or broken. None is certain, so the untouched status travels along.
"""

from enum import StrEnum
from typing import Final

from gateway.acd.events import ExitReason

TIMED_OUT: Final = 408  # RFC 3261 §21.4.9, and what a client takes the silence of a server for (§8.1.3.1)


class Next(StrEnum):
    """What to do with a call that came to nothing."""

    OTHER_TRUNK = "other_trunk"  # this way is broken or full, the queue was never asked
    REDIRECTED = "redirected"
    OVER = "over"  # the queue's own answer, or one that every trunk would give


_EXITS: Final = {
    401: ExitReason.FAILED,  # the stack has answered the challenge already: the password is wrong
    407: ExitReason.FAILED,
    TIMED_OUT: ExitReason.FAILED,
    480: ExitReason.EMPTY,
    486: ExitReason.FULL,
    487: ExitReason.WITHDRAWN,  # we did not cancel, so they did
    503: ExitReason.FULL,
    600: ExitReason.FULL,
}
_TRUNK_FAULTS: Final = frozenset({0, 401, 403, 407, TIMED_OUT, 430, 500, 502, 503, 504, 513})
_SICK: Final = frozenset({0, TIMED_OUT, 500, 502, 503, 504})


def next_of(status: int) -> Next:
    """What follows the final answer `status` to an INVITE; 0: there was none (transport error, DNS, media lost)."""
    if 300 <= status < 400:
        return Next.REDIRECTED
    return Next.OTHER_TRUNK if status in _TRUNK_FAULTS else Next.OVER


def is_sick(status: int) -> bool:
    """Whether that answer speaks against the trunk itself: such ones in a row and it is left alone for a while."""
    return status in _SICK


def exit_of(status: int) -> ExitReason:
    """Why the contact was not served, when nothing further is tried."""
    if status in _EXITS:
        return _EXITS[status]
    return ExitReason.FAILED if status < 300 or 500 <= status < 600 else ExitReason.REFUSED


def transfer_reason(status: int) -> str:
    """The word of `TransferFailed` for the final answer of its target."""
    match status:
        case 486 | 600:
            return "busy"
        case 408 | 480 | 487:
            return "no_answer"
        case 0 | 404 | 410 | 484 | 502 | 503 | 504:
            return "unreachable"
        case _:
            return "refused"
