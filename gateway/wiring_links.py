"""What signaling asks of links, as the JSON of `docs/developer/rest.md`. Decides nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import segno

from gateway.base.errors import NotFound
from gateway.base.ids import AgentId
from gateway.links.model import Link
from gateway.links.service import Links
from gateway.parties import Invitation


class LinksForSignaling:
    """`signaling.ports.Links` over the service. `url` is what people type to reach us."""

    def __init__(self, links: Links, url: str, sites: Sequence[str]) -> None:
        self._links = links
        self._url = url
        self._sites = sites

    async def make(self, agent_id: str, agent_name: str, site: str, *, with_pin: bool) -> Mapping[str, object]:
        chosen = site or next(iter(self._sites), "")
        if chosen not in self._sites:
            raise NotFound("no_such_site", "This site is not known here.")
        made = await self._links.make(AgentId(agent_id), agent_name, chosen, with_pin=with_pin)
        # In the fragment: a browser sends it to nobody, so it is in no log of ours or of a proxy's.
        address = f"{self._url}/widget/?site={chosen}#link={made.token}"
        picture = segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
        return {**_told(made.link), "url": address, "pin": made.pin or None, "qr": picture}

    async def of_agent(self, agent_id: str) -> Sequence[Mapping[str, object]]:
        return [_told(link) for link in await self._links.of_agent(AgentId(agent_id))]

    async def revoke(self, agent_id: str, link_id: str) -> None:
        await self._links.revoke(AgentId(agent_id), link_id)

    async def look(self, token: str) -> Mapping[str, object]:
        link = await self._links.look(token)
        return {
            "site": link.site,
            "agent_name": link.agent_name,
            "needs_pin": bool(link.pin_digest),
            "closes_at": _iso(link.closes_at),
        }

    async def open(self, token: str, pin: str) -> Invitation:
        return await self._links.open(token, pin)


def _told(link: Link) -> dict[str, object]:
    return {
        "link_id": link.link_id,
        "site": link.site,
        "made_at": _iso(link.made_at),
        "closes_at": _iso(link.closes_at),
        "needs_pin": bool(link.pin_digest),
        "openings": link.openings,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
