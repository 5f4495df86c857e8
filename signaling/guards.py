"""Who asks and what they sent: the checks before a route does anything.

Roles are checked per route, rights per object: a thing that is not yours answers exactly like one that is not there.
"""

import asyncio
import hashlib
import hmac
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.base.errors import BadInput, NotAuthorised, NotFound, NotSignedIn
from gateway.base.log import get_logger
from signaling.address import client_address
from signaling.ports import Account
from signaling.services import context_of

BODY_BYTES: Final = 65_536
BODY_TIMEOUT_S: Final = 10.0
CSRF_HEADER: Final = "X-Visavis"
_CANARY_SCHEME: Final = "Canary "
_BEARER_SCHEME: Final = "Bearer "
_MAX_TOKEN: Final = 512

_log = get_logger("signaling.guards")

B = TypeVar("B", bound=BaseModel)


class _BodyLate(BadInput):
    http_status = 408


class _WrongMediaType(BadInput):
    http_status = 415


async def read_body(request: web.Request, model: type[B]) -> B:
    """The JSON body as `model`. Raises BadInput (`not_json`, `body_timeout`, `bad_body`); a large one is a 413."""
    if request.content_type != "application/json":
        raise _WrongMediaType("not_json", "Send application/json.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            raw = await request.read()
    except TimeoutError:
        raise _BodyLate("body_timeout", "The body did not come in time.") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        known = fault["type"] != "extra_forbidden"
        where = ".".join(str(part) for part in fault["loc"][:2]) if known else ""
        detail = f"The field {where} is not right: {fault['type']}." if where else "The body is not what is asked for."
        raise BadInput("bad_body", detail) from None


def cookie_name(*, secure: bool) -> str:
    """`__Host-`: only over https, only for this host, not to be set by a neighbour (RFC 6265bis §4.1.3.2)."""
    return "__Host-visavis_session" if secure else "visavis_session"


def sign_in_token(request: web.Request) -> str:
    """The cookie's value, empty when there is none of a sensible size."""
    token = request.cookies.get(cookie_name(secure=context_of(request).origins.secure), "")
    return token if len(token) <= _MAX_TOKEN else ""


def require_own_page(request: web.Request) -> None:
    """A state-changing request comes from a page of ours: same `Origin`, and a header no form can send."""
    origins = context_of(request).origins
    if not origins.is_own(request.headers.getall("Origin", [])) or request.headers.get(CSRF_HEADER) != "1":
        _log.warning("request.foreign", path=request.path[:100], origin=request.headers.get("Origin", "")[:200])
        raise NotAuthorised("origin_refused", "This request must come from a page of this gateway.")


async def require_account(request: web.Request) -> Account:
    """Who is signed in. Raises NotSignedIn (`not_signed_in`)."""
    token = sign_in_token(request)
    if not token:
        raise NotSignedIn("not_signed_in", "Sign in first.")
    return await context_of(request).services.accounts.signed_in(token)


async def require_role(request: web.Request, *roles: str) -> Account:
    """Who is signed in with one of these roles. Raises NotSignedIn, or NotAuthorised (`not_allowed`)."""
    account = await require_account(request)
    if account.roles.isdisjoint(roles):
        raise NotAuthorised("not_allowed", "Your account may not do this.")
    return account


def canary_token(request: web.Request) -> str:
    """The token of `Authorization: Canary …`; empty when there is none."""
    value = request.headers.get("Authorization", "")
    token = value.removeprefix(_CANARY_SCHEME)
    return token if value.startswith(_CANARY_SCHEME) and len(token) <= _MAX_TOKEN else ""


async def is_canary(request: web.Request) -> bool:
    """Whether a robot asks. Raises NotSignedIn (`canary_refused`) for a wrong token: it would not know why it fails."""
    token = canary_token(request)
    if not token:
        return False
    if not await context_of(request).services.accounts.is_canary(token):
        raise NotSignedIn("canary_refused", "This is not the canary's token.")
    return True


class Reader:
    """Somebody who may read contacts and recordings: an admin all, a supervisor recordings, a robot those of robots."""

    def __init__(self, name: str, *, everything: bool, recordings: bool = False) -> None:
        self.name = name
        self._everything = everything
        self._recordings = recordings

    def may_read(self, *, canary: bool) -> bool:
        return self._everything or canary

    def may_watch(self, *, canary: bool) -> bool:
        """A recording."""
        return self._everything or self._recordings or canary

    @property
    def may_download(self) -> bool:
        """Take a recording away."""
        return self._everything


async def require_reader(request: web.Request) -> Reader:
    """Who may read single contacts. Anybody else is told what they would be told of a contact that is not there."""
    if await is_canary(request):
        return Reader("canary", everything=False)
    account = await require_account(request)
    if "admin" in account.roles:
        return Reader(account.name, everything=True)
    if account.canary:
        return Reader(account.name, everything=False)
    if "supervisor" in account.roles:
        return Reader(account.name, everything=False, recordings=True)
    raise no_such_thing()


def require_token(request: web.Request, scope: str) -> str:
    """The name of the API token that was sent (`Authorization: Bearer …`).

    Raises NotSignedIn (`token_refused`), or NotAuthorised (`scope_missing`) for one that is good for something else.
    """
    value = request.headers.get("Authorization", "")
    token = value.removeprefix(_BEARER_SCHEME)
    if value.startswith(_BEARER_SCHEME) and 0 < len(token) <= _MAX_TOKEN:
        digest = hashlib.sha256(token.encode()).hexdigest()
        for known in context_of(request).services.settings.api_tokens:
            if hmac.compare_digest(known.sha256, digest):
                if scope not in known.scopes:
                    raise NotAuthorised("scope_missing", f"This token has not the scope {scope}.")
                return known.name
    raise NotSignedIn("token_refused", "Send a token of this gateway as Authorization: Bearer.")


def no_such_thing() -> NotFound:
    """The one answer for what is not there and for what is not yours."""
    return NotFound("not_found", "There is nothing here.")


def address_of(request: web.Request) -> str:
    return client_address(request, context_of(request).proxies)
