"""Recordings: the list, one with its proof, its files in parts, holds, erasure, and the switch other systems have.

Supervisors watch, admins also take away, hold and erase, robots watch what robots made. Every opening is in the audit
before the first byte leaves. Files are found by id and a word of ours; no part of an address ever becomes a path.
"""

from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.base.errors import NotAuthorised
from gateway.base.ids import looks_like_id
from signaling import ranges
from signaling.guards import (
    address_of,
    no_such_thing,
    read_body,
    require_own_page,
    require_reader,
    require_role,
    require_token,
)
from signaling.ports import RecordingsFilter
from signaling.routes.records import dump, read_query
from signaling.services import context_of

CONTROL: Final = "recording.control"
"""The scope of a token that may start, stop and pause."""

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class RecordingsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Annotated[str, Field(max_length=60)] | None = None
    queue: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    state: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None
    agent_id: Annotated[str, Field(pattern=r"^ag_[0-9a-z]{8,40}$")] | None = None
    contact_id: Annotated[str, Field(pattern=r"^ct_[0-9a-z]{8,40}$")] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    incomplete: bool = False


class MediaQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    view: Literal["all", "customer", "agent", "together", "poster"] = "all"
    download: bool = False


class ReasonRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    reason: Reason


class ErasureRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    subject: Annotated[str, Field(pattern=r"^((rc|ct)_[0-9a-z]{8,40}|[0-9a-f]{32})$")]
    reason: Reason


class ControlRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    state: Literal["on", "paused", "off"]
    reason: Annotated[str, Field(max_length=200)] = ""


def _id(request: web.Request, name: str, prefix: str) -> str:
    found = request.match_info[name]
    if not looks_like_id(found, prefix):
        raise no_such_thing()
    return found


# ---------------------------------------------------------------- reading


async def recordings(request: web.Request) -> web.Response:
    """`GET /api/v1/recordings`: a page, newest first."""
    await require_role(request, "supervisor", "admin")
    query = read_query(request, RecordingsQuery)
    wanted = RecordingsFilter(**query.model_dump())
    page = await context_of(request).services.recordings.page(wanted)
    return web.json_response({"recordings": list(page.recordings), "next_before": page.next_before}, dumps=dump)


async def recording(request: web.Request) -> web.Response:
    """`GET /api/v1/recordings/{recording_id}`: one, with its files, holds and manifest."""
    await require_role(request, "supervisor", "admin")
    found = await context_of(request).services.recordings.one(_id(request, "recording_id", "rc"))
    if found is None:
        raise no_such_thing()
    return web.json_response(dict(found), dumps=dump)


async def recording_media(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/recordings/{recording_id}/media`: the file, in parts if asked for (RFC 9110 §14)."""
    reader = await require_reader(request)
    recording_id = _id(request, "recording_id", "rc")
    query = read_query(request, MediaQuery)
    context = context_of(request)
    store = context.services.recordings
    found = await store.media(recording_id, query.view)
    if found is None or not reader.may_watch(canary=found.canary):
        raise no_such_thing()
    if query.download and not reader.may_download:
        raise NotAuthorised("not_allowed", "Your account may not do this.")
    try:
        part = ranges.wanted_part(request, found)
    except ranges.NotSatisfiable:
        return ranges.refuse(found)
    address = address_of(request)
    opening = (reader.name, recording_id, query.view, query.download, address)
    if request.method == "GET" and query.view != "poster" and not context.openings.is_known(opening):
        await store.opened(recording_id, by=reader.name, view=query.view, address=address, download=query.download)
        context.openings.note(opening)
    how = "attachment" if query.download else "inline"
    headers = {
        "Content-Disposition": f'{how}; filename="{found.file_name}"',
        "Cache-Control": "private, no-store",
    }
    return await ranges.send(request, found, part, headers)


# ---------------------------------------------------------------- holds and erasure


async def hold(request: web.Request) -> web.Response:
    """`POST /api/v1/recordings/{recording_id}/holds`: it may not be erased until the hold is lifted."""
    require_own_page(request)
    account = await require_role(request, "admin")
    recording_id = _id(request, "recording_id", "rc")
    asked = await read_body(request, ReasonRequest)
    made = await context_of(request).services.recordings.hold(recording_id, by=account.name, reason=asked.reason)
    return web.json_response(dict(made), status=201, dumps=dump)


async def lift(request: web.Request) -> web.Response:
    """`DELETE /api/v1/holds/{hold_id}`."""
    require_own_page(request)
    account = await require_role(request, "admin")
    hold_id = _id(request, "hold_id", "hd")
    asked = await read_body(request, ReasonRequest)
    await context_of(request).services.recordings.lift(hold_id, by=account.name, reason=asked.reason)
    return web.Response(status=204)


async def erase(request: web.Request) -> web.Response:
    """`POST /api/v1/erasures`: a recording, a contact's or a person's; the signed receipt is the answer."""
    require_own_page(request)
    account = await require_role(request, "admin")
    asked = await read_body(request, ErasureRequest)
    receipt = await context_of(request).services.recordings.erase(asked.subject, by=account.name, reason=asked.reason)
    return web.json_response(dict(receipt), dumps=dump)


# ---------------------------------------------------------------- other systems


async def recording_of_call(request: web.Request) -> web.Response:
    """`GET /api/v1/contacts/{contact_id}/recording`, with a token: what is true in the call now."""
    name = require_token(request, CONTROL)
    contact_id = _id(request, "contact_id", "ct")
    found = await context_of(request).services.recordings.control(contact_id, None, by=f"rest:{name}", reason="")
    return web.json_response(dict(found), dumps=dump)


async def control_recording(request: web.Request) -> web.Response:
    """`PUT /api/v1/contacts/{contact_id}/recording`, with a token: `on`, `paused` or `off`. Sent twice, it is done
    once.
    """
    name = require_token(request, CONTROL)
    contact_id = _id(request, "contact_id", "ct")
    asked = await read_body(request, ControlRequest)
    found = await context_of(request).services.recordings.control(
        contact_id, asked.state, by=f"rest:{name}", reason=asked.reason
    )
    return web.json_response(dict(found), dumps=dump)


# ---------------------------------------------------------------- one picture of it


async def compose(request: web.Request) -> web.Response:
    """`POST /api/v1/recordings/{recording_id}/together`: have the side-by-side file made."""
    require_own_page(request)
    reader = await require_role(request, "supervisor", "admin")
    recording_id = _id(request, "recording_id", "rc")
    composing = await context_of(request).services.recordings.compose(recording_id, by=reader.name)
    return web.json_response(dict(composing), status=202, dumps=dump)


async def composing(request: web.Request) -> web.Response:
    """`GET /api/v1/recordings/{recording_id}/together`: how far it is."""
    await require_role(request, "supervisor", "admin")
    found = await context_of(request).services.recordings.composing(_id(request, "recording_id", "rc"))
    if found is None:
        raise no_such_thing()
    return web.json_response(dict(found), dumps=dump)


async def stop_composing(request: web.Request) -> web.Response:
    """`DELETE /api/v1/recordings/{recording_id}/together`: stop making it."""
    require_own_page(request)
    await require_role(request, "supervisor", "admin")
    if not await context_of(request).services.recordings.stop_composing(_id(request, "recording_id", "rc")):
        raise no_such_thing()
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/recordings", recordings),
        web.get("/api/v1/recordings/{recording_id}", recording),
        web.get("/api/v1/recordings/{recording_id}/media", recording_media),
        web.post("/api/v1/recordings/{recording_id}/together", compose),
        web.get("/api/v1/recordings/{recording_id}/together", composing),
        web.delete("/api/v1/recordings/{recording_id}/together", stop_composing),
        web.post("/api/v1/recordings/{recording_id}/holds", hold),
        web.delete("/api/v1/holds/{hold_id}", lift),
        web.post("/api/v1/erasures", erase),
        web.get("/api/v1/contacts/{contact_id}/recording", recording_of_call),
        web.put("/api/v1/contacts/{contact_id}/recording", control_recording),
    ]
