"""Links of a test that needs no database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId
from gateway.links.model import MOST_OPENINGS, Link, LinkId, PlaceEnd


class MemoryLinks:
    """`LinkStore` and `PlaceStore` in memory; while `away` is set they can't be reached."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.away = False

    async def add(self, link: Link) -> None:
        self._check()
        self.links[link.digest] = link

    async def by_digest(self, digest: str) -> Link | None:
        return self.links.get(digest)

    async def of_maker(self, made_by: str, now: datetime) -> Sequence[Link]:
        return [link for link in self.links.values() if link.made_by == made_by and link.closes_at > now]

    async def count_good(self, made_by: str, now: datetime) -> int:
        return len([link for link in self.links.values() if link.made_by == made_by and not link.is_over(now)])

    async def count_opening(self, digest: str) -> bool:
        link = self.links[digest]
        if link.revoked or link.openings >= MOST_OPENINGS:
            return False
        self.links[digest] = replace(link, openings=link.openings + 1)
        return True

    async def count_wrong_pin(self, digest: str) -> None:
        self.links[digest] = replace(self.links[digest], wrong_pins=self.links[digest].wrong_pins + 1)

    async def revoke(self, made_by: str, link_id: LinkId) -> bool:
        found = [link for link in self.links.values() if link.link_id == link_id and link.made_by == made_by]
        for link in found:
            self.links[link.digest] = replace(link, revoked=True)
        return bool(found)

    async def forget(self, before: datetime) -> int:
        gone = [digest for digest, link in self.links.items() if link.closes_at < before]
        for digest in gone:
            del self.links[digest]
        return len(gone)

    async def open_places(self, now: datetime) -> Sequence[Link]:
        return [link for link in self.links.values() if link.place_of and not link.is_over(now)]

    async def call_place(self, contact_id: ContactId, at: datetime, remind_at: datetime | None) -> bool:
        return self._change(contact_id, called_at=at, **({"remind_at": remind_at} if remind_at else {}))

    async def end_place(self, contact_id: ContactId, end: PlaceEnd) -> bool:
        return self._change(contact_id, place_end=end.value, place=None)

    def _change(self, contact_id: ContactId, **values: Any) -> bool:
        self._check()
        found = [link for link in self.links.values() if link.place_of == contact_id and not link.place_end]
        for link in found:
            self.links[link.digest] = replace(link, **values)
        return bool(found)

    def _check(self) -> None:
        if self.away:
            raise PortFailure("records_unavailable", "They are away.")
