"""Figures that are folds over the journal as it is written: interruptions and recoveries. Stands in front of it.

Knows event names and their data, no SQL and no contact.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.base.ids import ContactId
from gateway.contacts.journal import JournalEvent, JournalPort

_RECOVERY_BUCKETS_S: Final = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 30.0, 60.0)


class JournalFigures:
    """A journal that counts what goes through it."""

    def __init__(self, journal: JournalPort, registry: CollectorRegistry) -> None:
        self._journal = journal
        self._interrupted = Counter(
            "visavis_interruptions", "Sides that were not to be seen for a while.", ["side", "cause"], registry=registry
        )
        self._recovered = Histogram(
            "visavis_recovery_seconds",
            "From the loss of a side, as the gateway noticed it, until its media was back.",
            ["side", "cause"],
            buckets=_RECOVERY_BUCKETS_S,
            registry=registry,
        )

    def append(self, event: JournalEvent) -> None:
        """Keep the event, and count it."""
        self._journal.append(event)
        side, seconds = event.data.get("side"), event.data.get("seconds")
        if event.name == "interrupted":
            self._interrupted.labels(side=side, cause=event.reason).inc()
        elif event.name == "recovered" and isinstance(seconds, int | float):
            self._recovered.labels(side=side, cause=event.reason).observe(seconds)

    @property
    def full(self) -> bool:
        return self._journal.full

    async def read(self, contact_id: ContactId) -> Sequence[JournalEvent]:
        return await self._journal.read(contact_id)
