"""Signing in and out, and the robot's seat."""

from datetime import timedelta
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.base.errors import NotFound, NotSignedIn
from gateway.base.log import get_logger
from gateway.parties import AgentParty
from signaling.guards import (
    address_of,
    canary_token,
    cookie_name,
    read_body,
    require_account,
    require_own_page,
    sign_in_token,
)
from signaling.ports import Account, SignedIn
from signaling.services import Context, context_of

MAX_SEATS: Final = 200

_log = get_logger("signaling.account")


class SignInRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    password: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    link_token: Annotated[str, Field(min_length=16, max_length=256)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SignInRequest":
        by_password = self.name is not None and self.password is not None and self.link_token is None
        by_link = self.link_token is not None and self.name is None and self.password is None
        if not by_password and not by_link:
            raise ValueError("either name and password, or link_token")
        return self


class SeatRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    seat: Annotated[int, Field(ge=0, lt=MAX_SEATS)]


def _shown(account: Account) -> dict[str, object]:
    return {
        "account": {
            "id": account.account_id,
            "name": account.name,
            "display_name": account.display_name,
            "roles": sorted(account.roles),
            "agent_id": account.agent_id,
        }
    }


def _answer(context: Context, signed_in: SignedIn) -> web.Response:
    response = web.json_response(_shown(signed_in.account))
    secure = context.origins.secure
    response.set_cookie(
        cookie_name(secure=secure),
        signed_in.token,
        max_age=int(context.services.settings.sessions.agent_absolute / timedelta(seconds=1)),
        path="/",
        secure=secure,
        httponly=True,
        samesite="Strict",
    )
    return response


async def sign_in(request: web.Request) -> web.Response:
    """`POST /api/v1/session`. The cookie is always a new one: one that was there before can't be planted."""
    require_own_page(request)
    context = context_of(request)
    asked = await read_body(request, SignInRequest)
    accounts = context.services.accounts
    address = address_of(request)
    if asked.link_token is not None:
        return _answer(context, await accounts.sign_in_by_link(asked.link_token, address=address))
    return _answer(context, await accounts.sign_in(asked.name or "", asked.password or "", address=address))


async def who(request: web.Request) -> web.Response:
    """`GET /api/v1/session`."""
    return web.json_response(_shown(await require_account(request)))


async def sign_out(request: web.Request) -> web.Response:
    """`DELETE /api/v1/session`: the agent is logged off first, which is refused while they are on a contact."""
    require_own_page(request)
    context = context_of(request)
    services = context.services
    token = sign_in_token(request)
    try:
        account: Account | None = await require_account(request)
    except NotSignedIn:
        account = None  # over already: the cookie still has to go
    if account is not None:
        if account.agent_id is not None:
            owner = AgentParty(agent_id=account.agent_id)
            if not any(socket.carries(owner) and socket.sign_in != token for socket in context.sockets):
                try:
                    await services.desk.agent_logged_off(account.agent_id)
                except NotFound:
                    _log.debug("sign_out.without_panel")
                panel = services.sessions.of(owner)
                if panel is not None:
                    services.sessions.drop(panel, "signed_out", "You signed out.")
        await services.accounts.sign_out(token)
        context.sockets.cut_signed_out(token)
    response = web.Response(status=204)
    secure = context.origins.secure
    response.del_cookie(cookie_name(secure=secure), path="/", secure=secure or None, httponly=True, samesite="Strict")
    return response


async def canary_seat(request: web.Request) -> web.Response:
    """`POST /api/v1/canary/seat`: a robot agent signs in with the canary's token, which no page has."""
    context = context_of(request)
    token = canary_token(request)
    if not token:
        raise NotSignedIn("canary_refused", "This is not the canary's token.")
    asked = await read_body(request, SeatRequest)
    return _answer(context, await context.services.accounts.canary_seat(token, asked.seat))


def routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/session", sign_in),
        web.get("/api/v1/session", who),
        web.delete("/api/v1/session", sign_out),
        web.post("/api/v1/canary/seat", canary_seat),
    ]
