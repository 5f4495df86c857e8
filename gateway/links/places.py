"""Places in line that are kept for customers who left, each with a link of its own to come back by.

It writes down what the ACD keeps, so that a place outlives a restart; it has another system told when a turn has come;
and it says of a link where its place stands. What a place is worth is decided by the ACD. Knows no HTTP and no SQL.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from gateway.acd.builtin.callbacks import CallbackDue, CallbackLapsed, CallbackNews
from gateway.acd.port import ContactOffer
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, InvariantBroken, NotFound, PortFailure
from gateway.base.ids import ContactId, new_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.contacts.ports import KeepOrder
from gateway.links.model import KEPT_AFTER, Link, LinkId, PlaceEnd, PlaceNotes
from gateway.links.tokens import digest_of, new_token, read_token, spelled
from gateway.parties import Identity, Invitation, KeptPlace, PlaceKept

_log = get_logger("places")

MADE_BY: Final = "place:"
"""Begins what stands for the contact whose place it is."""

NOTE_PAUSES_S: Final = (1.0, 5.0, 15.0, 60.0)
"""The records are asked again after these. Then it is left, with an alarm: the link still finds the place."""


TAKEN_WITHIN_S: Final = 5.0
"""A node to which a customer came back has written so by then."""


class PlacesOfAcd(Protocol):
    """What our own ACD keeps (`gateway.acd.builtin.callbacks`)."""

    def offered_after_s(self, queue: str, estimate_s: float | None) -> float | None: ...

    def lasts(self, queue: str) -> timedelta: ...

    def window_s(self, queue: str) -> float: ...

    def kept_in(self, queue: str) -> int: ...

    def place_of(self, contact_id: ContactId) -> int | None: ...

    def keep(self, contact_id: ContactId) -> None:
        """Idempotent. StateConflict (`not_in_line`), CapacityExceeded (`places_full`)."""
        ...

    def give_up(self, contact_id: ContactId) -> bool: ...

    def restore(self, offer: ContactOffer, *, called: bool, keeps_until: datetime) -> None: ...


class PlaceStore(Protocol):
    """Where links are kept. Every method may raise PortFailure."""

    async def add(self, link: Link) -> None: ...

    async def by_digest(self, digest: str) -> Link | None: ...

    async def forget(self, before: datetime) -> int: ...

    async def open_places(self, now: datetime) -> Sequence[Link]:
        """Links whose place is still kept, of every node."""
        ...

    async def call_place(self, contact_id: ContactId, at: datetime, remind_at: datetime | None) -> bool:
        """Its turn has come. False: it is kept no more."""
        ...

    async def end_place(self, contact_id: ContactId, end: PlaceEnd) -> bool:
        """It is kept no more, and what was noted of the customer is forgotten. False: that was so already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a place stands. `state`: `kept`, `due` (come now), or why it is kept no more (`PlaceEnd`)."""

    state: str
    queue_name: str
    place: int | None
    window_s: float  # so long a customer whose turn has come is first
    left_s: float | None  # `due`: of that
    lasts_s: float  # it is kept no longer


class Places:
    """The kept places that this gateway knows. `start` before contacts are taken, `aclose` at the end."""

    def __init__(
        self,
        *,
        acd: PlacesOfAcd,
        store: PlaceStore,
        clock: Clock,
        node: str,
        names: Mapping[str, str],
        address: Callable[[str, str], str],
        reminds: bool,
        alarm: Callable[[str, str], None],
    ) -> None:
        """`names`: of queues, as people read them. `address` makes what a customer opens from site and token.
        `reminds`: another system is told of turns."""
        self._acd = acd
        self._store = store
        self._clock = clock
        self._node = node
        self._names = names
        self._address = address
        self._reminds = reminds
        self._alarm = alarm
        self._supervisor = Supervisor("places")

    async def start(self) -> None:
        """Bring back what this node kept when it ended. PortFailure."""
        await self._bring_back(None)

    async def _bring_back(self, only: ContactId | None) -> bool:
        for link in await self._store.open_places(self._clock.now()):
            notes = link.place
            if link.place_of is None or notes is None or notes.node != self._node:
                continue
            if only not in (None, link.place_of):
                continue
            called = link.called_at is not None
            self._acd.restore(_offer(link, link.place_of, notes), called=called, keeps_until=link.closes_at)
            if called:  # its window begins anew
                await self._store.call_place(link.place_of, self._clock.now(), None)
            _log.info("places.restored", contact_id=link.place_of, queue=link.queue, called=called)
        return True

    async def aclose(self) -> None:
        await self._supervisor.aclose()

    # ------------------------------------------------------------ PlacesPort

    def offered_after_s(self, queue: str, estimate_s: float | None) -> float | None:
        return self._acd.offered_after_s(queue, estimate_s)

    def kept_in(self, queue: str) -> int:
        return self._acd.kept_in(queue)

    async def keep(self, order: KeepOrder) -> PlaceKept:
        """See `gateway.contacts.ports.PlacesPort`."""
        now = self._clock.now()
        token = new_token()
        lasts = self._acd.lasts(order.queue)
        link = Link(
            link_id=LinkId(new_id("lk")),
            digest=digest_of(token),
            pin_digest="",
            site=order.entry.site,
            made_by=f"{MADE_BY}{order.contact_id}",
            agent_id=None,
            agent_name="",
            queue=order.queue,
            made_at=now,
            opens_at=now,
            closes_at=now + lasts,
            place_of=order.contact_id,
            place=_notes(order, node=self._node, token=token),
        )
        try:
            await self._store.forget(now - KEPT_AFTER)
            await self._store.add(link)
        except BaseException:
            self._acd.give_up(order.contact_id)  # a rule had it kept already, and nobody could come back to it
            raise
        try:
            self._acd.keep(order.contact_id)
        except GatewayError:
            self._note(lambda: self._store.end_place(order.contact_id, PlaceEnd.GIVEN_UP))
            raise
        return PlaceKept(
            url=self._address(link.site, spelled(token)),
            queue_name=self._names.get(order.queue, order.queue),
            place=self._acd.place_of(order.contact_id) or order.place,
            window_s=self._acd.window_s(order.queue),
            lasts_s=lasts.total_seconds(),
        )

    def give_up(self, contact_id: ContactId) -> None:
        """Nobody will come back to it."""
        self._acd.give_up(contact_id)
        self._note(lambda: self._store.end_place(contact_id, PlaceEnd.GIVEN_UP))

    def taken(self, contact_id: ContactId) -> None:
        """Its customer is back in line."""
        self._note(lambda: self._store.end_place(contact_id, PlaceEnd.TAKEN))

    # ------------------------------------------------------------ what the ACD says

    def heard(self, news: CallbackNews) -> None:
        """A turn has come, or a place has lapsed or is gone."""
        now = self._clock.now()
        contact_id = news.contact_id
        _log.info("places.news", what=type(news).__name__, contact_id=contact_id, queue=news.queue)
        if isinstance(news, CallbackDue):
            self._note(lambda: self._store.call_place(contact_id, now, now if self._reminds else None))
        elif isinstance(news, CallbackLapsed):
            self._note(lambda: self._store.end_place(contact_id, PlaceEnd.LAPSED))
        else:
            self._note(lambda: self._look_for(contact_id))

    async def _look_for(self, contact_id: ContactId) -> bool:
        """Bring back a place that another node dropped and nobody has taken."""
        await self._clock.sleep_until(self._clock.monotonic() + TAKEN_WITHIN_S)
        return await self._bring_back(contact_id)

    def _note(self, write: Callable[[], Awaitable[bool]]) -> None:
        _ = self._supervisor.spawn(self._noted(write), name="note")

    async def _noted(self, write: Callable[[], Awaitable[bool]]) -> None:
        for pause_s in (*NOTE_PAUSES_S, None):
            try:
                await write()
            except PortFailure as failure:
                _log.warning("places.not_noted", code=failure.code, again_s=pause_s)
                if pause_s is None:
                    self._alarm("place_not_noted", f"What became of a kept place was not written: {failure.code}.")
                    return
                await self._clock.sleep_until(self._clock.monotonic() + pause_s)
            else:
                return

    # ------------------------------------------------------------ who has the link

    async def look(self, text: str) -> Standing:
        """Where the place of this link stands. NotFound (`link_unknown`), PortFailure."""
        return self.standing(await self._find(text))

    def standing(self, link: Link) -> Standing:
        """The same of a link that was found."""
        if link.place_of is None:
            raise InvariantBroken("no_place", "A link without a place was asked where that stands.")
        now = self._clock.now()
        window_s = self._acd.window_s(link.queue)
        state, left_s = "kept", None
        if link.place_end:
            state = link.place_end
        elif now >= link.closes_at:
            state = PlaceEnd.LAPSED.value
        elif link.called_at is not None:
            left_s = window_s - (now - link.called_at).total_seconds()
            state = "due" if left_s > 0 else PlaceEnd.LAPSED.value
        place = self._acd.place_of(link.place_of) if state == "kept" else None
        return Standing(
            state=state,
            queue_name=self._names.get(link.queue, link.queue),
            place=place,
            window_s=window_s,
            left_s=left_s if state == "due" else None,
            lasts_s=max(0.0, (link.closes_at - now).total_seconds()),
        )

    async def cancel(self, text: str) -> None:
        """The customer does not want the place any more. Idempotent. NotFound (`link_unknown`), PortFailure."""
        link = await self._find(text)
        if link.place_of is not None and await self._store.end_place(link.place_of, PlaceEnd.GIVEN_UP):
            self._acd.give_up(link.place_of)

    async def _find(self, text: str) -> Link:
        token = read_token(text)
        link = await self._store.by_digest(digest_of(token)) if token is not None else None
        if link is None or link.place_of is None:
            raise NotFound("link_unknown", "There is no such link.")
        return link


def invitation_of(link: Link) -> Invitation:
    """What lets the customer of this link in."""
    notes, place_of = link.place, link.place_of
    place: KeptPlace | None = None
    if place_of is not None and notes is not None:
        identity: Identity | None = None
        if notes.subject:  # who has the link need not be who was identified: the site's word, not ours
            identity = Identity(realm=notes.realm, subject=notes.subject, name=notes.name, verified=False)
        place = KeptPlace(
            contact_id=place_of,
            queued_s=notes.queued_s,
            priority=notes.priority,
            path=notes.path,
            display_name=notes.name,
            page_url=notes.page_url,
            page_title=notes.page_title,
            form=notes.form,
            identity=identity,
        )
    return Invitation(link_id=link.link_id, site=link.site, agent_id=link.agent_id, queue=link.queue, place=place)


def _notes(order: KeepOrder, *, node: str, token: str) -> PlaceNotes:
    entry = order.entry
    identity = entry.identity
    return PlaceNotes(
        node=node,
        token=spelled(token),
        queued_s=order.queued_at.timestamp(),
        priority=order.priority,
        language=order.language,
        path=order.path,
        name=entry.display_name,
        realm=identity.realm if identity is not None else "",
        subject=identity.subject if identity is not None else "",
        verified=identity is not None and identity.verified,
        page_url=entry.page_url,
        page_title=entry.page_title,
        form=dict(entry.form),
    )


def _offer(link: Link, contact_id: ContactId, notes: PlaceNotes) -> ContactOffer:
    return ContactOffer(
        contact_id=contact_id,
        site=link.site,
        queue=link.queue,
        language=notes.language,
        priority=notes.priority,
        queued_at=datetime.fromtimestamp(notes.queued_s, UTC),
        display_name=notes.name,
        menu_path=notes.path,
    )


def told_of(link: Link) -> Mapping[str, object]:
    """What another system is told of the customer, when the turn has come: only what the site has passed on."""
    notes = link.place
    if notes is None:
        return {}
    return {
        "token": notes.token,
        "language": notes.language,
        "name": notes.name,
        "realm": notes.realm,
        "subject": notes.subject,
        "verified": notes.verified,
        "form": dict(notes.form),
    }
