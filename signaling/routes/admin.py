"""The pilot switch and the list of agents."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from gateway.base.ids import AgentId
from signaling.guards import no_such_thing, read_body, require_own_page, require_role
from signaling.messages import Id, ShortText
from signaling.ports import Account, PilotChange
from signaling.routes.records import dump
from signaling.services import context_of


class PilotRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    enabled: bool
    share_percent: Annotated[int, Field(ge=0, le=100)]
    agents: Annotated[list[Id], Field(max_length=1000)]
    version: Annotated[int, Field(ge=0, le=2**53 - 1)]


class AgentRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    queues: Annotated[list[ShortText], Field(max_length=50)]
    skills: Annotated[dict[ShortText, int], Field(max_length=30)]
    languages: Annotated[list[ShortText], Field(max_length=20)]


async def pilot_groups(request: web.Request) -> web.Response:
    """`GET /api/v1/pilot-groups`."""
    await require_role(request, "admin")
    groups = await context_of(request).services.pilots.groups()
    return web.json_response({"groups": list(groups)}, dumps=dump)


async def change_pilot_group(request: web.Request) -> web.Response:
    """`PUT /api/v1/pilot-groups/{group_id}`: the whole group as it shall be, with the version that was seen."""
    require_own_page(request)
    account = await require_role(request, "admin")
    group_id = request.match_info["group_id"]
    if len(group_id) > 64:
        raise no_such_thing()
    asked = await read_body(request, PilotRequest)
    change = PilotChange(
        enabled=asked.enabled,
        share_percent=asked.share_percent,
        agents=tuple(AgentId(agent_id) for agent_id in asked.agents),
        version=asked.version,
    )
    group = await context_of(request).services.pilots.change(group_id, change, by=account.name)
    return web.json_response(dict(group), dumps=dump)


async def agents(request: web.Request) -> web.Response:
    """`GET /api/v1/agents`: the people who may be in a pilot group."""
    await require_role(request, "admin")
    found = await context_of(request).services.accounts.agents()
    return web.json_response({"agents": [_shown(account) for account in found]})


async def change_agent(request: web.Request) -> web.Response:
    """`PUT /api/v1/agents/{agent_id}`: what an agent serves and can, as it shall be."""
    require_own_page(request)
    account = await require_role(request, "admin")
    agent_id = request.match_info["agent_id"]
    if len(agent_id) > 64:
        raise no_such_thing()
    asked = await read_body(request, AgentRequest)
    changed = await context_of(request).services.accounts.change_agent(
        AgentId(agent_id), queues=asked.queues, skills=asked.skills, languages=asked.languages, by=account.name
    )
    return web.json_response(_shown(changed))


def _shown(account: Account) -> dict[str, object]:
    return {
        "agent_id": account.agent_id,
        "name": account.name,
        "display_name": account.display_name,
        "queues": list(account.queues),
        "skills": dict(account.skills),
        "languages": list(account.languages),
    }


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/pilot-groups", pilot_groups),
        web.put("/api/v1/pilot-groups/{group_id}", change_pilot_group),
        web.get("/api/v1/agents", agents),
        web.put("/api/v1/agents/{agent_id}", change_agent),
    ]
