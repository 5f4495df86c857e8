"""What happened: contacts with their journal. An admin reads all, a robot what robots made."""

import json
from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.base.errors import BadInput
from gateway.base.ids import ContactId, looks_like_id
from signaling.guards import no_such_thing, require_reader, require_role
from signaling.ports import ContactFilter
from signaling.services import context_of

_DEFAULT_LIMIT: Final = 50

Q = TypeVar("Q", bound=BaseModel)


class ContactsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    limit: Annotated[int, Field(ge=1, le=200)] = _DEFAULT_LIMIT
    before: Annotated[str, Field(max_length=200)] | None = None
    state: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None


def read_query(request: web.Request, model: type[Q]) -> Q:
    try:
        return model.model_validate({name: value for name, value in request.query.items() if value != ""})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = "" if fault["type"] == "extra_forbidden" else ".".join(str(part) for part in fault["loc"])
        raise BadInput(
            "bad_query", f"The parameter {where} is not right." if where else "There is no such parameter."
        ) from None


def dump(value: object) -> str:
    return json.dumps(value, default=_plain, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


async def contacts(request: web.Request) -> web.Response:
    """`GET /api/v1/contacts`: a page of contacts, newest first."""
    await require_role(request, "admin")
    query = read_query(request, ContactsQuery)
    wanted = ContactFilter(limit=query.limit, before=query.before, state=query.state)
    page = await context_of(request).services.history.contacts(wanted)
    return web.json_response({"contacts": list(page.contacts), "next_before": page.next_before}, dumps=dump)


async def contact(request: web.Request) -> web.Response:
    """`GET /api/v1/contacts/{contact_id}`: one contact with its journal and recording."""
    reader = await require_reader(request)
    contact_id = request.match_info["contact_id"]
    if not looks_like_id(contact_id, "ct"):
        raise no_such_thing()
    found = await context_of(request).services.history.contact(ContactId(contact_id))
    if found is None or not reader.may_read(canary=found.canary):
        raise no_such_thing()
    return web.json_response(dict(found.body), dumps=dump)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/contacts", contacts),
        web.get("/api/v1/contacts/{contact_id}", contact),
    ]
