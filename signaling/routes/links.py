"""Links into video calls: made, listed and taken back by agents; looked at by whoever has one.

A token comes and goes in bodies only. Who guesses is slowed down per address, and a link ends after a few wrong PINs.
"""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from gateway.base.errors import NotAuthorised
from gateway.base.ids import AgentId
from signaling.guards import read_body, require_own_page, require_role
from signaling.ports import Account
from signaling.routes.widget import LinkToken, SiteId, limit
from signaling.services import context_of


class MakeLinkRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    site: SiteId | None = None
    pin: bool = False


class LookRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    link: Annotated[LinkToken, Field(min_length=1)]


async def _agent(request: web.Request) -> tuple[Account, AgentId]:
    account = await require_role(request, "agent")
    if account.agent_id is None:
        raise NotAuthorised("not_allowed", "Your account may not do this.")
    return account, account.agent_id


async def make(request: web.Request) -> web.Response:
    """`POST /api/v1/links`: a link to this agent, with its address, its QR code and, once, its PIN."""
    require_own_page(request)
    account, agent_id = await _agent(request)
    asked = await read_body(request, MakeLinkRequest)
    links = context_of(request).services.links
    made = await links.make(agent_id, account.display_name, asked.site or "", with_pin=asked.pin)
    return web.json_response(made, status=201)


async def listed(request: web.Request) -> web.Response:
    """`GET /api/v1/links`: what this agent has made and is still good."""
    _, agent_id = await _agent(request)
    return web.json_response({"links": list(await context_of(request).services.links.of_agent(agent_id))})


async def revoke(request: web.Request) -> web.Response:
    """`DELETE /api/v1/links/{link_id}`: it opens nothing from now on; who came by it stays."""
    require_own_page(request)
    _, agent_id = await _agent(request)
    await context_of(request).services.links.revoke(agent_id, request.match_info["link_id"])
    return web.Response(status=204)


async def look(request: web.Request) -> web.Response:
    """`POST /api/v1/widget/link`: who invites, and whether a PIN is asked for."""
    services = context_of(request).services
    await limit(request, "link", services.settings.limits.entries_per_minute)
    asked = await read_body(request, LookRequest)
    return web.json_response(await services.links.look(asked.link))


def routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/links", make),
        web.get("/api/v1/links", listed),
        web.delete(r"/api/v1/links/{link_id:lk_[0-9a-z]{8,40}}", revoke),
        web.post("/api/v1/widget/link", look),
    ]
