"""What the widget asks before there is a contact: is video offered, and may I come in?

No cookie is read here, so no page can act in somebody's name; what can be abused is counted per address.
"""

from datetime import timedelta
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.base.errors import CapacityExceeded, NotSignedIn, Refused, TooManyRequests
from gateway.base.log import get_logger
from gateway.config import SiteSettings
from gateway.live.rates import Rate
from gateway.parties import Entry, Identity
from signaling.address import limit_key
from signaling.guards import address_of, is_canary, read_body
from signaling.identity import TOKEN_LIMIT, identity_of
from signaling.services import Services, context_of

_log = get_logger("signaling.widget")

_AVAILABILITY_FACTOR: Final = 10  # a page asks whether video is offered far more often than anybody comes in
_MAX_FORM_FIELDS: Final = 20

# Line breaks and controls would forge lines in logs and lists; directional overrides turn a name into another one.
_UNPRINTABLE: Final = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029]
)


def _printable(text: str) -> str:
    return text.translate(_UNPRINTABLE).strip()


Line40 = Annotated[str, Field(max_length=40), AfterValidator(_printable)]
Line80 = Annotated[str, Field(max_length=80), AfterValidator(_printable)]
Line200 = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
Line2000 = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]
LinkToken = Annotated[str, Field(max_length=60)]
SiteId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
VisitorKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class AvailabilityRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    site: SiteId
    visitor_key: VisitorKey


class EntryRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    site: SiteId
    visitor_key: VisitorKey
    language: Literal["en", "fr", "es"]
    page_url: Line2000 = ""
    page_title: Line200 = ""
    form: Annotated[dict[Line40, Line200], Field(max_length=_MAX_FORM_FIELDS)] = {}
    display_name: Line80 = ""
    notice_version: Line40 = ""
    identity: Annotated[str, Field(max_length=TOKEN_LIMIT)] = ""
    link: LinkToken = ""
    pin: Annotated[str, Field(max_length=20)] = ""


def _site(services: Services, site_id: str) -> SiteSettings | None:
    return next((site for site in services.settings.sites if site.id == site_id), None)


async def limit(request: web.Request, kind: str, limit: int) -> None:
    rate = Rate(limit, timedelta(minutes=1))
    decision = await context_of(request).services.limiter.spend(kind, limit_key(address_of(request)), rate)
    if not decision.allowed:
        raise TooManyRequests(
            "too_many_requests", "Too many requests from here. Wait a little.", retry_after_s=decision.retry_after_s
        )


async def availability(request: web.Request) -> web.Response:
    """`POST /api/v1/widget/availability`: whether the button is shown, and what it must say of recording."""
    services = context_of(request).services
    canary = await is_canary(request)
    if not canary:
        await limit(request, "availability", services.settings.limits.entries_per_minute * _AVAILABILITY_FACTOR)
    asked = await read_body(request, AvailabilityRequest)
    site = _site(services, asked.site)
    code: str | None = None
    try:
        await services.admission.check(asked.site, asked.visitor_key, canary=canary)
    except (Refused, CapacityExceeded) as error:
        code = error.code
    recording = services.settings.recording
    return web.json_response(
        {
            "offered": code is None,
            "code": code,
            "site_name": site.name if site is not None else "",
            "recording": {"consent": services.recording_notice, "notice_version": recording.notice_version},
        }
    )


async def entry(request: web.Request) -> web.Response:
    """`POST /api/v1/widget/entry`: a ticket for the WebSocket, used once, within minutes."""
    services = context_of(request).services
    canary = await is_canary(request)
    if not canary:
        await limit(request, "entry", services.settings.limits.entries_per_minute)
    asked = await read_body(request, EntryRequest)
    await services.admission.check(asked.site, asked.visitor_key, canary=canary, invited=bool(asked.link))
    invitation = await services.links.invitation(asked.link, asked.pin) if asked.link else None
    identity = _identity(services, asked)
    place = invitation.place if invitation is not None else None
    if place is not None and identity is None:
        identity = place.identity
    token = await services.entry_tokens.issue(
        Entry(
            site=invitation.site if invitation is not None else asked.site,
            visitor_key=asked.visitor_key,
            language=asked.language,
            page_url=asked.page_url or (place.page_url if place is not None else ""),
            page_title=asked.page_title or (place.page_title if place is not None else ""),
            form=asked.form or (place.form if place is not None else {}),
            display_name=_name(asked, identity) or (place.display_name if place is not None else ""),
            notice_version=asked.notice_version,
            canary=canary,
            identity=identity,
            invitation=invitation,
        )
    )
    if asked.link:  # not before there is a ticket: where none can be had, no opening is used up
        await services.links.count_opening(asked.link)
    expires_s = services.settings.sessions.entry_token / timedelta(seconds=1)
    answer = {"entry_token": token, "expires_s": expires_s, "identified": identity is not None}
    return web.json_response(answer, status=201)


def _name(asked: EntryRequest, identity: Identity | None) -> str:
    """A name that was checked before one that was typed."""
    checked = identity.name if identity is not None and identity.verified else ""
    return checked or asked.display_name


def _identity(services: Services, asked: EntryRequest) -> Identity | None:
    """Who the site says it is. A token that is not good names nobody, and keeps nobody out."""
    site = _site(services, asked.site)
    if not asked.identity or site is None:
        return None
    try:
        return identity_of(asked.identity, site, now_s=services.clock.now().timestamp())
    except NotSignedIn as error:
        _log.warning("entry.identity_refused", site=site.id, code=error.code)
        return None


def routes() -> list[web.RouteDef]:
    return [web.post("/api/v1/widget/availability", availability), web.post("/api/v1/widget/entry", entry)]
