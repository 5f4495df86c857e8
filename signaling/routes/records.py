"""What happened: contacts with their journal, and recordings.

An admin reads all, a robot what robots made. Files are found by id; no part of an address ever becomes a path.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.base.errors import BadInput
from gateway.base.ids import ContactId, looks_like_id
from signaling.guards import no_such_thing, require_reader, require_role
from signaling.ports import ContactFilter, RecordingFile
from signaling.services import context_of

_DEFAULT_LIMIT: Final = 50

Q = TypeVar("Q", bound=BaseModel)


class ContactsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    limit: Annotated[int, Field(ge=1, le=200)] = _DEFAULT_LIMIT
    before: Annotated[str, Field(max_length=200)] | None = None
    state: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None


class MediaQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    view: Literal["all", "customer", "agent"] = "all"


def _query(request: web.Request, model: type[Q]) -> Q:
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
    query = _query(request, ContactsQuery)
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


async def recording_media(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/recordings/{recording_id}/media`: the file, in parts if asked for. Each opening is journalled."""
    reader = await require_reader(request)
    recording_id = request.match_info["recording_id"]
    if not looks_like_id(recording_id, "rc"):
        raise no_such_thing()
    view = _query(request, MediaQuery).view
    recordings = context_of(request).services.recordings
    found = await recordings.media(recording_id, view)
    if found is None or not reader.may_read(canary=found.canary) or not await _is_plain_file(found):
        raise no_such_thing()
    if _opens(request):
        await recordings.opened(recording_id, by=reader.name, view=view)
    return web.FileResponse(
        found.path,
        headers={
            "Content-Type": found.media_type,
            "Content-Disposition": f'inline; filename="{found.file_name}"',
            "Cache-Control": "private, no-store",
        },
    )


async def _is_plain_file(found: RecordingFile) -> bool:
    return await asyncio.to_thread(lambda: found.path.is_file() and not found.path.is_symlink())


def _opens(request: web.Request) -> bool:
    """A player asks for many parts of one file: only the first is an opening."""
    wanted = request.headers.get("Range", "")
    return request.method == "GET" and (not wanted or wanted.replace(" ", "").startswith("bytes=0-"))


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/contacts", contacts),
        web.get("/api/v1/contacts/{contact_id}", contact),
        web.get("/api/v1/recordings/{recording_id}/media", recording_media),
    ]
