"""Customers: who they are, what was done for them, and the end of it. For admins."""

from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from signaling.guards import no_such_thing, read_body, require_own_page, require_role
from signaling.routes.records import dump, read_query
from signaling.services import context_of

Cursor = Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,80}$")]


class CustomersQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    key: Annotated[str, Field(max_length=200), AfterValidator(str.strip)] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Cursor | None = None


class TimelineQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Cursor | None = None


class ErasureRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    reason: Annotated[str, Field(min_length=1, max_length=200)]


async def customers(request: web.Request) -> web.Response:
    """`GET /api/v1/customers`: by the site's name of them, an id, or the beginning of their name; last seen first."""
    await require_role(request, "admin")
    query = read_query(request, CustomersQuery)
    page = await context_of(request).services.customers.page(query.key, before=query.before, limit=query.limit)
    return web.json_response({"customers": list(page.customers), "next_before": page.next_before}, dumps=dump)


async def timeline(request: web.Request) -> web.Response:
    """`GET /api/v1/customers/{customer_id}/timeline`: what was done for them, newest first. Written into the audit."""
    account = await require_role(request, "admin")
    query = read_query(request, TimelineQuery)
    page = await context_of(request).services.customers.timeline(
        request.match_info["customer_id"], before=query.before, limit=query.limit, by=account.name
    )
    if page is None:
        raise no_such_thing()
    body = {"customer": page.customer, "timeline": list(page.entries), "next_before": page.next_before}
    return web.json_response(body, dumps=dump)


async def erase(request: web.Request) -> web.Response:
    """`DELETE /api/v1/customers/{customer_id}`: everything of them; answers with the signed receipt."""
    require_own_page(request)
    account = await require_role(request, "admin")
    asked = await read_body(request, ErasureRequest)
    receipt = await context_of(request).services.customers.erase(
        request.match_info["customer_id"], by=account.name, reason=asked.reason
    )
    return web.json_response(dict(receipt), dumps=dump)


async def redeliver(request: web.Request) -> web.Response:
    """`POST /api/v1/crm/redeliveries`: tell the CRM outside again what it did not take."""
    require_own_page(request)
    account = await require_role(request, "admin")
    count = await context_of(request).services.customers.redeliver(by=account.name)
    return web.json_response({"interactions": count}, status=202)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/customers", customers),
        web.get("/api/v1/customers/{customer_id}/timeline", timeline),
        web.delete("/api/v1/customers/{customer_id}", erase),
        web.post("/api/v1/crm/redeliveries", redeliver),
    ]
