"""Links into video calls: made and taken back by agents and other systems; looked at by whoever has one.

A token comes and goes in bodies and headers only. Who guesses is slowed down per address, and a link ends after a few
wrong PINs.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from aiohttp import hdrs, web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.base.errors import BadInput, NotAuthorised, NotFound
from gateway.base.ids import AgentId
from signaling.guards import read_body, require_own_page, require_role, require_token
from signaling.ports import Account, LinkPlan
from signaling.routes.records import read_query
from signaling.routes.widget import LinkToken, SiteId, limit
from signaling.services import context_of

CREATE: Final = "links.create"
"""The scope of a token that may make links for a time, and take back its own."""

LINK_HEADER: Final = "Visavis-Link"

_PLACE_FACTOR: Final = 10  # a page that waits for its turn asks six times a minute; 80 random bits are not guessed


class MakeLinkRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    site: SiteId | None = None
    pin: bool = False
    opens_at: AwareDatetime | None = None
    closes_at: AwareDatetime | None = None
    queue: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    agent_id: Annotated[str, Field(pattern=r"^ag_[0-9a-z]{8,40}$")] | None = None

    @property
    def is_for_a_time(self) -> bool:
        return any(given is not None for given in (self.opens_at, self.closes_at, self.queue, self.agent_id))


class CalendarQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    language: Literal["en", "fr", "es"] = "en"


class LookRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    link: Annotated[LinkToken, Field(min_length=1)]


async def _agent(request: web.Request) -> tuple[Account, AgentId]:
    account = await require_role(request, "agent")
    if account.agent_id is None:
        raise NotAuthorised("not_allowed", "Your account may not do this.")
    return account, account.agent_id


def _by_token(request: web.Request) -> bool:
    return hdrs.AUTHORIZATION in request.headers


async def _maker(request: web.Request) -> tuple[str, Account | None]:
    """Who makes or takes back: `token:NAME`, or an agent's id and account."""
    if _by_token(request):
        return f"token:{require_token(request, CREATE)}", None
    require_own_page(request)
    account, agent_id = await _agent(request)
    return agent_id, account


async def make(request: web.Request) -> web.Response:
    """`POST /api/v1/links`: a link now or for a time, with its address, its QR code and, once, its PIN."""
    made_by, account = await _maker(request)
    asked = await read_body(request, MakeLinkRequest)
    return web.json_response(await _made(request, made_by, account, asked), status=201)


async def _made(
    request: web.Request, made_by: str, account: Account | None, asked: MakeLinkRequest
) -> Mapping[str, object]:
    services = context_of(request).services
    if account is not None and not asked.is_for_a_time:
        return await services.links.make(made_by, account.display_name, asked.site or "", with_pin=asked.pin)
    if asked.opens_at is None or asked.closes_at is None:
        raise BadInput("link_time", "Say from when and until when it opens.")
    if account is None:
        agent = await _agent_called(request, asked.agent_id) if asked.agent_id is not None else None
        queues = agent.queues if agent is not None else ()
    else:
        if asked.agent_id not in (None, account.agent_id):
            raise NotAuthorised("not_allowed", "Agents make links to themselves and to their queues.")
        agent = account if asked.queue is None or asked.agent_id is not None else None
        queues = account.queues
    queue = asked.queue or next(iter(queues), "")
    if not queue or ((account is not None or agent is not None) and queue not in queues):
        raise BadInput("link_queue", "Name a queue that the agent serves.")
    return await services.links.schedule(
        LinkPlan(
            made_by=made_by,
            site=asked.site or "",
            agent_id=agent.agent_id if agent is not None else None,
            agent_name=agent.display_name if agent is not None else "",
            queue=queue,
            opens_at=asked.opens_at,
            closes_at=asked.closes_at,
            with_pin=asked.pin,
        )
    )


async def _agent_called(request: web.Request, agent_id: str) -> Account:
    for account in await context_of(request).services.accounts.agents():
        if account.agent_id == agent_id:
            return account
    raise NotFound("no_such_agent", "There is no such agent.")


async def listed(request: web.Request) -> web.Response:
    """`GET /api/v1/links`: what this agent has made and is still good."""
    _, agent_id = await _agent(request)
    return web.json_response({"links": list(await context_of(request).services.links.of_agent(agent_id))})


async def revoke(request: web.Request) -> web.Response:
    """`DELETE /api/v1/links/{link_id}`: it opens nothing from now on; who came by it stays."""
    made_by, _ = await _maker(request)
    await context_of(request).services.links.revoke(made_by, request.match_info["link_id"])
    return web.Response(status=204)


async def look(request: web.Request) -> web.Response:
    """`POST /api/v1/widget/link`: who invites, and whether a PIN is asked for."""
    services = context_of(request).services
    await limit(request, "link", services.settings.limits.entries_per_minute)
    asked = await read_body(request, LookRequest)
    return web.json_response(await services.links.look(asked.link))


async def place(request: web.Request) -> web.Response:
    """`POST /api/v1/widget/place`: where the kept place of this link stands. Pages that wait for it ask often."""
    services = context_of(request).services
    await limit(request, "place", services.settings.limits.entries_per_minute * _PLACE_FACTOR)
    asked = await read_body(request, LookRequest)
    return web.json_response(await services.links.place(asked.link))


async def give_up_place(request: web.Request) -> web.Response:
    """`POST /api/v1/widget/place/give-up`: the place is for others."""
    services = context_of(request).services
    await limit(request, "link", services.settings.limits.entries_per_minute)
    asked = await read_body(request, LookRequest)
    await services.links.give_up_place(asked.link)
    return web.Response(status=204)


async def calendar(request: web.Request) -> web.Response:
    """`GET /api/v1/links/{link_id}.ics`: an iCalendar file, for who has the token (header `Visavis-Link`)."""
    services = context_of(request).services
    await limit(request, "link", services.settings.limits.entries_per_minute)
    language = read_query(request, CalendarQuery).language
    token = request.headers.get(LINK_HEADER, "")
    body = await services.links.calendar(request.match_info["link_id"], token, language)
    return web.Response(
        body=body,
        content_type="text/calendar",
        charset="utf-8",
        headers={hdrs.CONTENT_DISPOSITION: 'attachment; filename="video-call.ics"'},
    )


def routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/links", make),
        web.get("/api/v1/links", listed),
        web.delete(r"/api/v1/links/{link_id:lk_[0-9a-z]{8,40}}", revoke),
        web.get(r"/api/v1/links/{link_id:lk_[0-9a-z]{8,40}}.ics", calendar),
        web.post("/api/v1/widget/link", look),
        web.post("/api/v1/widget/place", place),
        web.post("/api/v1/widget/place/give-up", give_up_place),
    ]
