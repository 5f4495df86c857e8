"""Customers in SQL: how they are known, merged, found again, shown and erased (`gateway.crm.port.CustomerRecords`).

Who is who: the surest key that is known decides. Whoever was only a browser until now becomes the person who signs in
there, with all that browser's contacts; somebody who has a name of their own is never joined with another. A claim
that nobody verified never joins anybody's history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, delete, exists, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, looks_like_id, new_id
from gateway.crm.port import (
    SHOWN_CONTACTS,
    Customer,
    CustomerId,
    CustomerKey,
    DeliveryState,
    Erased,
    Interaction,
    KeyKind,
    TimelineEntry,
    Visit,
)
from gateway.links.model import PlaceEnd
from gateway.parties import ChatLine, CustomerHistory, PastContact
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import (
    accounts,
    chat_lines,
    contacts,
    customer_keys,
    customer_timeline,
    customer_visits,
    customers,
    journal,
    links,
)

_TRIES: Final = 3  # two nodes that meet the same new customer at once: one of them begins again
_PERSONAL: Final = frozenset({"display_name", "visitor_hash", "notes"})
"""What events of the journal say of a person."""


class SqlCustomers:
    """`CustomerRecords` over SQL. `queue_names`: what queues are called on an agent's card."""

    def __init__(self, database: Database, queue_names: Mapping[str, str] | None = None) -> None:
        self._database = database
        self._queue_names = queue_names or {}

    # ------------------------------------------------------------ who comes in

    async def arrived(self, visit: Visit) -> CustomerId | None:
        for _ in range(_TRIES):
            try:
                async with self._database.writing() as connection:
                    return await self._arrived(connection, visit)
            except IntegrityError:
                continue  # another node was first: what it made is there now
        raise PortFailure("records_unavailable", "The records do not answer; try again in a moment.", retry_after_s=2)

    async def _arrived(self, connection: AsyncConnection, visit: Visit) -> CustomerId | None:
        kept = select(customer_visits.c.customer_id).where(customer_visits.c.contact_id == visit.contact_id)
        known = (await connection.execute(kept)).first()
        if known is not None:
            return None if known.customer_id is None else CustomerId(known.customer_id)
        customer_id = await self._recognise(connection, visit) if visit.keys else None
        values = {
            "contact_id": visit.contact_id,
            "customer_id": customer_id,
            "site": visit.site,
            "language": visit.language,
            "at": visit.at,
            "identity": None if visit.identity is None else asdict(visit.identity),
            "display_name": visit.display_name,
            "page_url": visit.page_url,
            "page_title": visit.page_title,
            "form": visit.form,
        }
        await connection.execute(insert(customer_visits).values(clean(values)))
        return customer_id

    async def _recognise(self, connection: AsyncConnection, visit: Visit) -> CustomerId:
        owners = await self._owners(connection, visit.keys)
        surest = visit.keys[0]
        others = [key for key in visit.keys[1:] if key.digest in owners]
        anonymous = [owners[key.digest] for key in others if await self._is_anonymous(connection, owners[key.digest])]
        owner = owners.get(surest.digest) or next(iter(anonymous), None)
        if owner is None:
            owner = CustomerId(new_id("cu"))
            await connection.execute(insert(customers).values(_new_customer(owner, visit)))
        for other in anonymous:
            if other != owner and surest.kind is KeyKind.IDENTITY:
                await self._merge(connection, other, into=owner)
        for key in visit.keys:
            if key.digest not in owners:  # an IntegrityError when another node was first: then all of this is done anew
                values = {"digest": key.digest, "kind": key.kind.value, "customer_id": owner}
                await connection.execute(insert(customer_keys).values(values))
            elif key.kind is KeyKind.BROWSER:  # it belongs to whoever was there last; what names a person stays theirs
                this = customer_keys.c.digest == key.digest
                await connection.execute(update(customer_keys).where(this).values(customer_id=owner))
        await self._seen(connection, owner, visit)
        return owner

    async def _owners(self, connection: AsyncConnection, keys: Sequence[CustomerKey]) -> dict[str, CustomerId]:
        query = select(customer_keys).where(customer_keys.c.digest.in_([key.digest for key in keys]))
        return {row.digest: CustomerId(row.customer_id) for row in await connection.execute(query)}

    async def _is_anonymous(self, connection: AsyncConnection, customer_id: CustomerId) -> bool:
        """Known by browsers only: nobody has said yet who it is."""
        keys = customer_keys.c
        named = select(keys.digest).where(keys.customer_id == customer_id, keys.kind != KeyKind.BROWSER.value)
        return (await connection.execute(named.limit(1))).first() is None

    async def _merge(self, connection: AsyncConnection, customer_id: CustomerId, *, into: CustomerId) -> None:
        for table in (customer_keys, customer_visits, customer_timeline):
            theirs = table.c.customer_id == customer_id
            await connection.execute(update(table).where(theirs).values(customer_id=into))
        row = customers.c
        gone = or_(row.customer_id == customer_id, row.merged_into == customer_id)
        first = select(row.first_at).where(row.customer_id == customer_id).scalar_subquery()
        earlier = select(func.min(row.first_at)).where(row.customer_id.in_([customer_id, into])).scalar_subquery()
        await connection.execute(
            update(customers).where(row.customer_id == into, row.first_at > first).values(first_at=earlier)
        )
        await connection.execute(update(customers).where(gone).values(merged_into=into, name="", name_folded=""))

    async def _seen(self, connection: AsyncConnection, owner: CustomerId, visit: Visit) -> None:
        row = customers.c
        known = (await connection.execute(select(customers).where(row.customer_id == owner))).one()
        surest = visit.keys[0].kind
        values: dict[str, Any] = {"last_at": max(known.last_at, visit.at)}
        if surest.rank <= KeyKind(known.known_by).rank:
            values["known_by"] = surest.value
            if _name_of(visit):
                values |= {"name": _name_of(visit), "name_folded": _name_of(visit).casefold()}
        await connection.execute(update(customers).where(row.customer_id == owner).values(clean(values)))

    # ------------------------------------------------------------ what was before

    async def history(self, visit: Visit) -> CustomerHistory | None:
        digests = [key.digest for key in visit.keys]
        if not digests:
            return None
        query = select(customer_keys).where(customer_keys.c.digest.in_(digests))
        owners = {row.digest: row.customer_id for row in await self._database.rows(query)}
        key = next((key for key in visit.keys if key.digest in owners), None)
        if key is None:
            return None
        customer_id = owners[key.digest]
        named = await self._database.rows(select(customers.c.name).where(customers.c.customer_id == customer_id))
        entry = customer_timeline.c
        theirs = (entry.customer_id == customer_id) & (entry.contact_id != visit.contact_id)
        counted = select(func.count(entry.contact_id.distinct())).where(theirs)
        count = int((await self._database.rows(counted))[0][0])
        if count == 0 and key.kind is KeyKind.BROWSER:
            return None
        newest = (
            select(entry.started_at, entry.queue, entry.agent_id, entry.disposition, accounts.c.display_name)
            .select_from(customer_timeline.outerjoin(accounts, accounts.c.agent_id == entry.agent_id))
            .where(theirs)
            .order_by(entry.started_at.desc(), entry.interaction_id.desc())
            .limit(SHOWN_CONTACTS)
        )
        return CustomerHistory(
            customer_id=customer_id,
            name=named[0].name if named else "",
            known_by=key.kind.value,
            contacts=count,
            last=tuple(self._past(row) for row in await self._database.rows(newest)),
        )

    def _past(self, row: Row[Any]) -> PastContact:
        return PastContact(
            at=row.started_at,
            queue_name=self._queue_names.get(row.queue or "", row.queue or ""),
            agent_name=row.display_name or row.agent_id or "",
            disposition=row.disposition or "",
        )

    # ------------------------------------------------------------ looking up

    async def search(
        self, *, digests: Sequence[str], text: str, before: CustomerId | None, limit: int
    ) -> Sequence[Customer]:
        row = customers.c
        query = _customers().where(row.merged_into.is_(None))
        if text:
            query = query.where(row.customer_id.in_(_matching(clean(text), digests)))
        if before is not None:
            edge = select(row.last_at, row.customer_id).where(row.customer_id == clean(before)).subquery()
            query = query.where(tuple_(row.last_at, row.customer_id) < select(edge).scalar_subquery())
        query = query.order_by(row.last_at.desc(), row.customer_id.desc()).limit(limit)
        return [_customer(found) for found in await self._database.rows(query)]

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        row = customers.c
        query = select(row.customer_id, row.merged_into).where(row.customer_id == clean(customer_id))
        found = await self._database.rows(query)
        if not found:
            return None
        kept = found[0].merged_into or found[0].customer_id
        rows = await self._database.rows(_customers().where(row.customer_id == kept))
        return _customer(rows[0]) if rows else None

    async def timeline(self, customer_id: CustomerId, *, before: str | None, limit: int) -> Sequence[TimelineEntry]:
        entry = customer_timeline.c
        agent_name = accounts.c.display_name.label("agent_name")
        joined = customer_timeline.outerjoin(accounts, accounts.c.agent_id == entry.agent_id)
        query = select(customer_timeline, agent_name).select_from(joined)
        query = query.where(entry.customer_id == clean(customer_id))
        if before is not None:
            edge = (
                select(entry.started_at, entry.interaction_id).where(entry.interaction_id == clean(before)).subquery()
            )
            query = query.where(tuple_(entry.started_at, entry.interaction_id) < select(edge).scalar_subquery())
        query = query.order_by(entry.started_at.desc(), entry.interaction_id.desc()).limit(limit)
        return [_entry(row) for row in await self._database.rows(query)]

    async def in_contact(self, customer_id: CustomerId) -> bool:
        theirs = select(customer_visits.c.contact_id).where(customer_visits.c.customer_id == clean(customer_id))
        query = select(contacts.c.contact_id).where(contacts.c.contact_id.in_(theirs), contacts.c.state != "closed")
        return bool(await self._database.rows(query.limit(1)))

    async def contacts_of(self, customer_id: CustomerId) -> Sequence[ContactId]:
        found: dict[ContactId, None] = {}
        for table in (customer_timeline, customer_visits):
            query = select(table.c.contact_id).where(table.c.customer_id == clean(customer_id)).distinct()
            found |= {ContactId(row.contact_id): None for row in await self._database.rows(query)}
        return sorted(found)

    # ------------------------------------------------------------ the end

    async def erase(self, customer_id: CustomerId) -> Erased:
        theirs = await self.contacts_of(customer_id)
        for contact_id in theirs:  # one transaction each: a customer of many years is no long lock
            async with self._database.writing() as connection:
                await _make_nameless(connection, contact_id)
        async with self._database.writing() as connection:
            entry = customer_timeline.c
            nameless = update(customer_timeline).where(entry.customer_id == clean(customer_id))
            blank: dict[str, Any] = {
                "notes": "",
                "chat": [],
                "display_name": "",
                "page_url": "",
                "page_title": "",
                "form": {},
                "identity": None,
            }
            waiting = entry.delivery == DeliveryState.WAITING.value
            await connection.execute(nameless.where(waiting).values(delivery=DeliveryState.NONE.value))
            interactions = await connection.execute(nameless.values(**blank, customer_id=None))
            keys = await connection.execute(delete(customer_keys).where(customer_keys.c.customer_id == customer_id))
            await connection.execute(delete(customer_visits).where(customer_visits.c.customer_id == customer_id))
            gone = or_(customers.c.customer_id == customer_id, customers.c.merged_into == customer_id)
            await connection.execute(delete(customers).where(gone))
        return Erased(contacts=tuple(theirs), keys=keys.rowcount, interactions=interactions.rowcount)

    async def forget_before(self, before: datetime, limit: int) -> int:
        entry, row = customer_timeline.c, customers.c
        old = select(entry.interaction_id).where(entry.ended_at < before).limit(limit)
        async with self._database.writing() as connection:
            done = await connection.execute(delete(customer_timeline).where(entry.interaction_id.in_(old)))
            await connection.execute(delete(customer_visits).where(customer_visits.c.at < before))
            await connection.execute(delete(chat_lines).where(chat_lines.c.at < before))
            left = (
                select(row.customer_id)
                .where(
                    row.last_at < before,
                    ~exists().where(entry.customer_id == row.customer_id),
                    ~exists().where(customer_visits.c.customer_id == row.customer_id),
                )
                .limit(limit)
            )
            gone = [found.customer_id for found in await connection.execute(left)]
            await connection.execute(delete(customer_keys).where(customer_keys.c.customer_id.in_(gone)))
            await connection.execute(delete(customers).where(or_(row.customer_id.in_(gone), row.merged_into.in_(gone))))
        return done.rowcount


async def _make_nameless(connection: AsyncConnection, contact_id: ContactId) -> None:
    """Take out of the contact's row and journal, and of its kept place, what they say of a person, and what was written
    in it; what happened stays."""
    await connection.execute(delete(chat_lines).where(chat_lines.c.contact_id == contact_id))
    kept = update(links).where(links.c.place_of == contact_id, links.c.place_end == "")
    await connection.execute(kept.values(place=None, place_end=PlaceEnd.GIVEN_UP.value))
    whose = contacts.c.contact_id == contact_id
    await connection.execute(update(contacts).where(whose).values(display_name="", visitor_hash="", notes=""))
    event = journal.c
    for row in (await connection.execute(select(event.seq, event.data).where(event.contact_id == contact_id))).all():
        if _PERSONAL & row.data.keys():
            data = {name: "" if name in _PERSONAL else value for name, value in row.data.items()}
            this = (event.contact_id == contact_id) & (event.seq == row.seq)
            await connection.execute(update(journal).where(this).values(data=data))


def _matching(text: str, digests: Sequence[str]) -> Select[Any]:
    """The customers that `text` may mean."""
    row = customers.c
    if looks_like_id(text, "cu"):
        merged = func.coalesce(row.merged_into, row.customer_id)
        return select(merged).where(row.customer_id == text)
    if looks_like_id(text, "ct"):
        entry, visit = customer_timeline.c, customer_visits.c
        ended = select(entry.customer_id).where(entry.contact_id == text, entry.customer_id.is_not(None))
        return select(ended.union(select(visit.customer_id).where(visit.contact_id == text)).subquery())
    beginning = text.casefold().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
    by_name = select(row.customer_id).where(row.name_folded.like(beginning, escape="\\"))
    by_key = select(customer_keys.c.customer_id).where(customer_keys.c.digest.in_(list(digests)))
    return select(by_name.union(by_key).subquery())


def _customers() -> Select[Any]:
    """Customers with how many contacts each has had."""
    entry = customer_timeline.c
    counted = (
        select(func.count(entry.contact_id.distinct()))
        .where(entry.customer_id == customers.c.customer_id)
        .scalar_subquery()
    )
    return select(customers, counted.label("contacts"))


def _customer(row: Row[Any]) -> Customer:
    return Customer(
        customer_id=CustomerId(row.customer_id),
        name=row.name,
        known_by=KeyKind(row.known_by),
        contacts=row.contacts,
        first_at=row.first_at,
        last_at=row.last_at,
    )


def _new_customer(customer_id: CustomerId, visit: Visit) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "name": "",
        "name_folded": "",
        "known_by": visit.keys[0].kind.value,
        "first_at": visit.at,
        "last_at": visit.at,
    }


def _name_of(visit: Visit) -> str:
    """What the site calls them, or else what they call themselves."""
    return (visit.identity.name if visit.identity is not None else "") or visit.display_name


def interaction_of(row: Row[Any]) -> Interaction:
    return Interaction(
        interaction_id=row.interaction_id,
        contact_id=ContactId(row.contact_id),
        segment=row.segment,
        site=row.site,
        language=row.language,
        queue=row.queue,
        agent_id=None if row.agent_id is None else AgentId(row.agent_id),
        started_at=row.started_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        wait_s=row.wait_s,
        talk_s=row.talk_s,
        hold_s=row.hold_s,
        wrap_up_s=row.wrap_up_s,
        disposition=row.disposition,
        notes=row.notes,
        menu_path=tuple(row.menu_path),
        chat=tuple(ChatLine(**(line | {"at": datetime.fromisoformat(line["at"])})) for line in row.chat),
    )


def chat_values(lines: Sequence[ChatLine]) -> list[dict[str, object]]:
    """Lines as the timeline keeps them."""
    return [
        {"number": line.number, "by": line.by, "name": line.name, "at": line.at.isoformat(), "text": line.text}
        for line in lines
    ]


def _entry(row: Row[Any]) -> TimelineEntry:
    return TimelineEntry(
        interaction=interaction_of(row),
        agent_name=row.agent_name or row.agent_id or "",
        display_name=row.display_name,
        page_url=row.page_url,
        page_title=row.page_title,
        form=dict(row.form),
        delivery=DeliveryState(row.delivery),
        delivery_error=row.delivery_error,
    )
