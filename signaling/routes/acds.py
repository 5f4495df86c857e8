"""Webhooks of foreign ACDs, and what could not be told to them.

A webhook is handed on as bytes: whose it is and what it says is decided behind the port, after its signature.
"""

import asyncio
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from gateway.base.errors import BadInput
from gateway.base.ids import looks_like_id
from signaling.guards import BODY_TIMEOUT_S, no_such_thing, require_own_page, require_role
from signaling.routes.records import dump, read_query
from signaling.services import context_of

_MAX_NAME: Final = 40
_LETTER: Final = "le"


class LettersQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    limit: Annotated[int, Field(ge=1, le=500)] = 100


async def webhook(request: web.Request) -> web.Response:
    """`POST /api/v1/acds/{acd}/events`: 204 when it is taken, also for what was told before or means nothing here."""
    context = context_of(request)
    acd = request.match_info["acd"]
    if len(acd) > _MAX_NAME:
        raise no_such_thing()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.read()
    except TimeoutError:
        raise BadInput("body_timeout", "The body did not come in time.") from None
    url = context.origins.public + request.raw_path  # as the other side calls it: some sign it
    context.services.task_acds.receive(acd, url, request.headers, body)
    return web.Response(status=204)


async def dead_letters(request: web.Request) -> web.Response:
    """`GET /api/v1/dead-letters`: what could not be told, newest first."""
    await require_role(request, "admin")
    query = read_query(request, LettersQuery)
    letters = await context_of(request).services.task_acds.dead_letters(query.limit)
    return web.json_response({"letters": list(letters)}, dumps=dump)


async def retry_letter(request: web.Request) -> web.Response:
    """`POST /api/v1/dead-letters/{letter_id}/retry`: send it once more."""
    require_own_page(request)
    account = await require_role(request, "admin")
    await context_of(request).services.task_acds.retry_letter(_letter_id(request), by=account.name)
    return web.Response(status=204)


async def drop_letter(request: web.Request) -> web.Response:
    """`DELETE /api/v1/dead-letters/{letter_id}`: it shall not be sent any more."""
    require_own_page(request)
    account = await require_role(request, "admin")
    await context_of(request).services.task_acds.drop_letter(_letter_id(request), by=account.name)
    return web.Response(status=204)


def _letter_id(request: web.Request) -> str:
    letter_id = request.match_info["letter_id"]
    if not looks_like_id(letter_id, _LETTER):
        raise no_such_thing()
    return letter_id


def routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/acds/{acd}/events", webhook),
        web.get("/api/v1/dead-letters", dead_letters),
        web.post("/api/v1/dead-letters/{letter_id}/retry", retry_letter),
        web.delete("/api/v1/dead-letters/{letter_id}", drop_letter),
    ]
