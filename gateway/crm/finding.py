"""Looking for who came in: in our own records and in the CRM outside, beside the contact and never in its way.

Each answer is told as it comes. The visit is kept until it is kept: a database that is away is asked again for a while.
Full: over `LIMIT` people at once are not looked for; their contact goes on without a card.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, PortFailure
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.crm.keys import KeyMaker
from gateway.crm.port import SHOWN_CONTACTS, CrmPort, Visit
from gateway.parties import CustomerHistory, Entry

_log = get_logger("crm")

LIMIT: Final = 1000
RETRIES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Pauses between tries to keep a visit. After them it is let go: the timeline then has the contact without context."""

ASKED_AGAIN_S: Final = (5.0, 30.0)
"""Pauses between questions to the CRM outside: later the call is likely over."""

Listener = Callable[[ContactId, CustomerHistory], None]


class Finding:
    """The task of everybody who came in and is looked for."""

    def __init__(self, own: CrmPort, outside: CrmPort | None, keys: KeyMaker, clock: Clock) -> None:
        self._own = own
        self._keys = keys
        self._clock = clock
        self._outside = outside
        self._tasks = Supervisor("crm-finding")
        self._arriving: set[ContactId] = set()
        self._known: dict[ContactId, tuple[CustomerHistory | None, CustomerHistory | None]] = {}
        self._listener: Listener = lambda _contact_id, _history: None
        self.not_looked_for = 0  # for lack of room

    def on_known(self, listener: Listener) -> None:
        self._listener = listener

    def arriving(self, contact_id: ContactId) -> bool:
        """Whether its visit is still to be kept."""
        return contact_id in self._arriving

    def arrived(self, contact_id: ContactId, entry: Entry) -> None:
        """Begin to look. Returns at once, never raises."""
        if len(self._tasks) >= 2 * LIMIT:
            self.not_looked_for += 1
            _log.warning("crm.not_looked_for", contact_id=contact_id, waiting=len(self._arriving))
            return
        visit = Visit(
            contact_id=contact_id,
            site=entry.site,
            language=entry.language,
            at=self._clock.now(),
            keys=self._keys.of_entry(entry),
            identity=entry.identity,
            display_name=entry.display_name,
            page_url=entry.page_url,
            page_title=entry.page_title,
            form=dict(entry.form),
        )
        self._arriving.add(contact_id)
        _ = self._tasks.spawn(self._here(visit), name=f"{contact_id}:records")
        if self._outside is not None:
            _ = self._tasks.spawn(self._there(visit, self._outside), name=f"{contact_id}:outside")

    def ended(self, contact_id: ContactId) -> None:
        """Nobody is shown anything of it any more."""
        self._known.pop(contact_id, None)

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def _here(self, visit: Visit) -> None:
        """Keep the visit, then tell what was before it."""
        try:
            for pause_s in (*RETRIES_S, None):
                try:
                    history = await self._own.find(visit)
                except PortFailure as error:
                    if pause_s is None:
                        _log.error("crm.visit_lost", contact_id=visit.contact_id, code=error.code)
                        return
                    await self._clock.sleep_until(self._clock.monotonic() + pause_s)
                    continue
                self._tell(visit.contact_id, here=history)
                return
        finally:
            self._arriving.discard(visit.contact_id)

    async def _there(self, visit: Visit, outside: CrmPort) -> None:
        for pause_s in (*ASKED_AGAIN_S, None):
            try:
                history = await outside.find(visit)
            except GatewayError as error:
                _log.info("crm.not_found_out", contact_id=visit.contact_id, code=error.code)
                if pause_s is None or not isinstance(error, PortFailure):
                    return
                await self._clock.sleep_until(self._clock.monotonic() + pause_s)
                continue
            self._tell(visit.contact_id, there=history)
            return

    def _tell(
        self, contact_id: ContactId, *, here: CustomerHistory | None = None, there: CustomerHistory | None = None
    ) -> None:
        before = self._known.pop(contact_id, (None, None))
        here, there = here or before[0], there or before[1]
        if self._outside is not None:  # the other answer may come yet
            self._known[contact_id] = (here, there)
            while len(self._known) > LIMIT:
                del self._known[next(iter(self._known))]
        history = joined(here, there)
        if history is not None:
            self._listener(contact_id, history)


def joined(here: CustomerHistory | None, there: CustomerHistory | None) -> CustomerHistory | None:
    """One card of both answers. Names and the page are the CRM's; contacts are everybody's, each once."""
    if here is None or there is None:
        return here or there
    moments = {past.at.replace(microsecond=0) for past in here.last}
    others = tuple(past for past in there.last if past.at.replace(microsecond=0) not in moments)
    last = sorted((*here.last, *others), key=lambda past: past.at, reverse=True)
    return replace(
        here,
        name=there.name or here.name,
        url=there.url,
        contacts=max(here.contacts, there.contacts, len(last)),
        last=tuple(last[:SHOWN_CONTACTS]),
    )
