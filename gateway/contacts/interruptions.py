"""Why somebody in a contact can't be seen or heard for a while, and since when. Pure; the journal and notices use it.

An *interruption* begins when a side that was connected is no more, and ends when it is again. It is not the grace (that
runs from the first sign of loss and ends the side) but what the other side and the journal are told of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RELOAD_S: Final = 8.0
"""A page that left and is not back by now was not reloaded: it was closed. A slow phone loads it in this time."""


class Cause(StrEnum):
    """Why, as far as the gateway can know."""

    NETWORK = "network"
    """Nothing comes any more, and nobody said why: cut, out of reach, crashed."""
    RELOADING = "reloading"
    """The page said goodbye as pages do that are loaded again."""
    LEFT_PAGE = "left_page"
    """The page said goodbye and did not come back in the time of a reload."""
    MEDIA_RESTART = "media_restart"
    """The page replaces its connection: another network, or one that did not work any more."""
    MEDIA_WORKER_LOST = "media_worker_lost"
    """Ours: the process that carried the media is gone, and the page is asked to connect anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """One that goes on. `since_s` is monotonic."""

    cause: Cause
    since_s: float


def cause_of(closed_reason: str) -> Cause:
    """Why a leg closed that nobody here asked to close (`LegClosed.reason`)."""
    if closed_reason == "worker_lost":
        return Cause.MEDIA_WORKER_LOST
    return Cause.NETWORK if closed_reason in ("silent", "consent_lost") else Cause.MEDIA_RESTART


def at(interruption: Interruption, *, page_left: bool, present: bool, now_s: float) -> Interruption:
    """The interruption as it is known now: a goodbye of the page says more than silence of its media."""
    cause = interruption.cause
    if page_left and cause in (Cause.NETWORK, Cause.MEDIA_RESTART):
        cause = Cause.RELOADING
    if cause is Cause.RELOADING and not present and now_s >= interruption.since_s + RELOAD_S:
        cause = Cause.LEFT_PAGE
    return interruption if cause is interruption.cause else Interruption(cause=cause, since_s=interruption.since_s)
