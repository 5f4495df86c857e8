"""Where the gateway and an ACD believed different things of a contact after a cut."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from signaling.guards import require_role
from signaling.routes.records import dump, read_query
from signaling.services import context_of


class DisagreementsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    limit: Annotated[int, Field(ge=1, le=500)] = 100


async def disagreements(request: web.Request) -> web.Response:
    """`GET /api/v1/acd/disagreements`: of this node since its start, newest first."""
    await require_role(request, "admin")
    query = read_query(request, DisagreementsQuery)
    found = context_of(request).services.disagreements.found(query.limit)
    return web.json_response({"disagreements": list(found)}, dumps=dump)


def routes() -> list[web.RouteDef]:
    return [web.get("/api/v1/acd/disagreements", disagreements)]
