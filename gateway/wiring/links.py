"""What signaling asks of links, as the JSON of `docs/developer/rest.md`. Decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import segno

from gateway.acd.outside import QUEUE
from gateway.base.clock import Clock
from gateway.base.errors import NotFound
from gateway.base.ids import AgentId
from gateway.links import calendar
from gateway.links.model import Link, Plan
from gateway.links.places import Places
from gateway.links.service import Links, Made
from gateway.parties import Invitation
from gateway.wiring.times import iso
from signaling.ports import LinkPlan

_SUMMARY: Final = {"en": "Video call", "fr": "Appel vidéo", "es": "Videollamada"}
_WITH: Final = {"en": "with", "fr": "avec", "es": "con"}
_OPEN_IT: Final = {
    "en": "Open this link when it is time:",
    "fr": "Ouvrez ce lien à l’heure convenue :",
    "es": "Abra este enlace a la hora acordada:",
}


class LinksForSignaling:
    """`signaling.ports.Links` over the service. `url` is what people type to reach us."""

    def __init__(
        self, links: Links, places: Places, url: str, sites: Sequence[str], queues: Sequence[str], clock: Clock
    ) -> None:
        self._links = links
        self._places = places
        self._url = url
        self._sites = sites
        self._queues = queues
        self._clock = clock

    async def make(self, agent_id: str, agent_name: str, site: str, *, with_pin: bool) -> Mapping[str, object]:
        made = await self._links.make(AgentId(agent_id), agent_name, self._site(site), with_pin=with_pin)
        return self._fresh(made)

    async def schedule(self, plan: LinkPlan) -> Mapping[str, object]:
        if plan.queue not in self._queues:
            raise NotFound("no_such_queue", "This queue is not known here.")
        made = await self._links.schedule(
            Plan(
                made_by=plan.made_by,
                site=self._site(plan.site),
                agent_id=plan.agent_id,
                agent_name=plan.agent_name,
                queue=plan.queue,
                opens_at=plan.opens_at,
                closes_at=plan.closes_at,
                with_pin=plan.with_pin,
            )
        )
        return self._fresh(made)

    def _site(self, site: str) -> str:
        chosen = site or next(iter(self._sites), "")
        if chosen not in self._sites:
            raise NotFound("no_such_site", "This site is not known here.")
        return chosen

    def _address(self, link: Link, token: str) -> str:
        return address_of(self._url, link.site, token)

    def _fresh(self, made: Made) -> Mapping[str, object]:
        address = self._address(made.link, made.token)
        picture = segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
        return {**_told(made.link), "url": address, "pin": made.pin or None, "qr": picture}

    async def of_agent(self, agent_id: str) -> Sequence[Mapping[str, object]]:
        return [_told(link) for link in await self._links.of_agent(AgentId(agent_id))]

    async def revoke(self, made_by: str, link_id: str) -> None:
        await self._links.revoke(made_by, link_id)

    async def calendar(self, link_id: str, token: str, language: str) -> bytes:
        link = await self._links.look(token)
        if link.link_id != link_id:
            raise NotFound("link_unknown", "There is no such link.")
        address = self._address(link, token.strip())
        summary = _SUMMARY[language]
        if link.agent_name:
            summary = f"{summary} {_WITH[language]} {link.agent_name}"
        return calendar.written(
            calendar.Appointment(
                uid=f"{link.link_id}@{urlsplit(self._url).hostname}",
                made_at=link.made_at,
                starts_at=link.opens_at,
                ends_at=link.closes_at,
                summary=summary,
                description=f"{_OPEN_IT[language]}\n{address}",
                url=address,
            )
        )

    async def look(self, token: str) -> Mapping[str, object]:
        link = await self._links.look(token)
        return {
            "site": link.site,
            "link_id": link.link_id,
            "agent_name": link.agent_name,
            "by_phone": link.queue == QUEUE,
            "needs_pin": bool(link.pin_digest),
            "opens_at": _iso(link.opens_at),
            "opens_in_s": max(0.0, (link.opens_at - self._clock.now()).total_seconds()),
            "closes_at": _iso(link.closes_at),
            "place": asdict(self._places.standing(link)) if link.place_of is not None else None,
        }

    async def place(self, token: str) -> Mapping[str, object]:
        return asdict(await self._places.look(token))

    async def give_up_place(self, token: str) -> None:
        await self._places.cancel(token)

    async def invitation(self, token: str, pin: str) -> Invitation:
        return await self._links.invitation(token, pin)

    async def count_opening(self, token: str) -> None:
        await self._links.count_opening(token)


def address_of(url: str, site: str, token: str) -> str:
    """What a customer opens. The token is in the fragment: a browser sends it to nobody, so it is in no log."""
    return f"{url}/widget/?site={site}#link={token}"


def _told(link: Link) -> dict[str, object]:
    return {
        "link_id": link.link_id,
        "site": link.site,
        "agent_id": link.agent_id,
        "queue": link.queue,
        "made_at": _iso(link.made_at),
        "opens_at": _iso(link.opens_at),
        "closes_at": _iso(link.closes_at),
        "needs_pin": bool(link.pin_digest),
        "openings": link.openings,
    }


def _iso(moment: datetime) -> str:
    return iso(moment.astimezone(UTC))
