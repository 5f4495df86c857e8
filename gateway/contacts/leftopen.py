"""Contacts that a crash left open are closed in the records before the next one is taken.

Several nodes may have one database: a contact of another node is left to it, unless it has been silent for longer than
any contact lives. Then that node is gone for good.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from gateway.base.clock import Clock
from gateway.base.log import get_logger
from gateway.config import ContactSettings
from gateway.contacts.events import EndReason, LeaveCause
from gateway.contacts.fold import CLOSED, fold_contact
from gateway.contacts.journal import ContactHistoryPort, JournalEvent, JournalPort, JournalSource
from gateway.contacts.states import ContactState

_log = get_logger("desk")

_MARGIN: Final = timedelta(hours=1)
"""Clocks differ, and another node may have other settings."""


def is_of(node: str, events: Sequence[JournalEvent]) -> bool:
    """Whether this journal is of a contact of that node. One that does not say so was written before there were two."""
    return not events or events[0].data.get("node", node) == node


async def close_left_open(
    history: ContactHistoryPort, journal: JournalPort, clock: Clock, *, node: str, settings: ContactSettings
) -> None:
    """Write the last event of each, and keep its summary. PortFailure when the records are away."""
    silent_since = clock.now() - max(settings.max_duration, settings.max_wait, settings.wrap_up) - _MARGIN
    for contact_id in await history.open_contacts():
        events = list(await journal.read(contact_id))
        if not events:
            continue
        last = events[-1]
        if not is_of(node, events) and last.at > silent_since:
            continue
        if last.name != CLOSED:
            closed = JournalEvent(
                contact_id=contact_id,
                seq=last.seq + 1,
                name=CLOSED,
                at=clock.now(),
                mono_s=last.mono_s,  # another process's clock: what was measured ends with the last known fact
                source=JournalSource.GATEWAY,
                state=ContactState.CLOSED.value,
                reason=_why(events).value,
                data={"last_known_at": last.at.isoformat()},
            )
            journal.append(closed)
            events.append(closed)
        history.save(fold_contact(events))
        _log.warning("contact.left_open", contact_id=contact_id)


def _why(events: Sequence[JournalEvent]) -> EndReason:
    """Why the contact ended: a call that was over before the crash ended as it did, only the work after it was cut."""
    over = next((event for event in events if event.state == ContactState.WRAP_UP), None)
    if over is None:
        return EndReason.GATEWAY_RESTART
    match over.name, over.reason:
        case "customer_left", LeaveCause.LOST.value:
            return EndReason.CUSTOMER_LOST
        case "max_duration_reached", _:
            return EndReason.MAX_DURATION
        case _:
            return EndReason.COMPLETED
