"""Places in line: what a contact's place is worth, and how long the wait may be. Pure."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from gateway.acd.builtin.ports import Ticket
from gateway.acd.port import ContactOffer

_BAND: Final = 1e10
"""Seconds of the epoch are below this for three centuries: each priority is a band of its own."""

HIGHEST_PRIORITY: Final = 9
HEAD: Final = HIGHEST_PRIORITY + 1
"""Before every priority: a contact that was already offered or answered goes first when it comes back."""

ESTIMATE_SAMPLES: Final = 5
ESTIMATE_MEMORY: Final = 20
ESTIMATE_WINDOW: Final = timedelta(minutes=30)


def ticket_for(offer: ContactOffer, *, at_head: bool, node: str) -> Ticket:
    """The place of the contact: by priority, then by the time it first entered a queue."""
    priority = HEAD if at_head else min(max(offer.priority, 0), HIGHEST_PRIORITY)
    score = (HEAD - priority) * _BAND + offer.queued_at.timestamp()
    return Ticket(contact_id=offer.contact_id, queue=offer.queue, score=score, node=node)


class Pace:
    """How fast a queue moves, from its last answers."""

    def __init__(self) -> None:
        self._answers: deque[datetime] = deque(maxlen=ESTIMATE_MEMORY)

    def answered(self, now: datetime) -> None:
        self._answers.append(now)

    def estimate_s(self, place: int, now: datetime) -> float | None:
        """Seconds until the contact at `place` is answered, or None when there is nothing honest to say.

        The mean gap between the recent answers times the place, with the gap that is still open counted in: a queue
        that has stopped moving says so by a growing number. Too few recent answers say nothing.
        """
        recent = [at for at in self._answers if now - at <= ESTIMATE_WINDOW]
        if len(recent) < ESTIMATE_SAMPLES:
            return None
        mean_s = (recent[-1] - recent[0]).total_seconds() / (len(recent) - 1)
        open_s = (now - recent[-1]).total_seconds()
        return place * max(mean_s, open_s)
