"""A CRM behind HTTP: signed JSON by POST, one address for both questions (`docs/integrator/crm.md`).

Nothing it does harms us: every request is bounded (`gateway.base.outbound`), an answer is believed only as far as its
schema goes, and a server that fails again and again is left alone (`gateway.base.breaker`).
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway.base.breaker import Breaker
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import new_id
from gateway.base.outbound import NOT_NOW, Outbound, Reply, Unanswered
from gateway.base.signing import sign
from gateway.crm.port import SHOWN_CONTACTS, CrmDeclined, Interaction, Visit
from gateway.parties import CustomerHistory, PastContact

ANSWER_LIMIT_BYTES: Final = 65_536
CONNECTIONS: Final = 16
_RETRY_AFTER_LIMIT_S: Final = 3600

# Line breaks and controls would forge rows; directional overrides turn a name into another one.
_UNPRINTABLE: Final = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029]
)


def _line(text: str) -> str:
    return text.translate(_UNPRINTABLE).strip()


def _page(url: str) -> str:
    """A page that may stand behind a link; anything else is no page."""
    return url if url.startswith(("https://", "http://")) and url.isprintable() and " " not in url else ""


Line80 = Annotated[str, Field(max_length=80), AfterValidator(_line)]


class _Past(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    at: AwareDatetime
    queue: Line80 = ""
    agent: Line80 = ""
    disposition: Line80 = ""


class _Customer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    name: Line80 = ""
    url: Annotated[str, Field(max_length=500), AfterValidator(_page)] = ""
    contacts: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    last: Annotated[list[_Past], Field(max_length=100)] = []


class _Found(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    customer: _Customer | None


class WebhookCrm:
    """`CrmPort` over HTTP. Made on the loop it is used on; `aclose` it."""

    def __init__(
        self,
        *,
        url: str,
        secret: str,
        authorization: str = "",
        timeout_s: float,
        clock: Clock,
        breaker: Breaker | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._authorization: dict[str, str] = {"Authorization": authorization} if authorization else {}
        self._clock = clock
        self._breaker = breaker or Breaker()
        self._outbound = Outbound(connections=CONNECTIONS, timeout_s=timeout_s, reply_limit_bytes=ANSWER_LIMIT_BYTES)

    @property
    def breaker(self) -> Breaker:
        return self._breaker

    def rests_s(self) -> float:
        """Seconds until it may be asked; 0 now."""
        return self._breaker.opens_in(self._clock.monotonic())

    async def aclose(self) -> None:
        await self._outbound.aclose()

    # ------------------------------------------------------------ the port

    async def find(self, visit: Visit) -> CustomerHistory | None:
        """Who this is; None when the CRM does not know them, or there is nothing to know them by."""
        if visit.identity is None and not visit.form:
            return None
        key = new_id("rq")
        asked = {"type": "customer.find", "id": key, "contact_id": visit.contact_id, **_who(visit)}
        body = await self._post(asked, key)
        if not body:
            return None
        try:
            found = _Found.model_validate_json(body).customer
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise CrmDeclined(
                "crm_answer_bad", f"The CRM's answer can't be read{f' at {where}' if where else ''}."
            ) from None
        return None if found is None else _history(found, visit)

    async def log(self, interactions: Sequence[Interaction], visit: Visit) -> None:
        for each in interactions:
            told = {"type": "interaction.log", "id": each.interaction_id, **_what(each), **_who(visit)}
            await self._post(told, each.interaction_id, known_is_done=True)

    # ------------------------------------------------------------ HTTP

    async def _post(self, message: Mapping[str, Any], key: str, *, known_is_done: bool = False) -> bytes:
        """The body of the answer, empty for 204 and 404. PortFailure: ask again; CrmDeclined: do not."""
        if not self._breaker.admits(self._clock.monotonic()):
            raise PortFailure(
                "crm_resting", "The CRM is left alone for a while after many failures.", retry_after_s=self.rests_s()
            )
        body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        headers: dict[str, str] = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            **sign(self._secret, int(self._clock.now().timestamp()), body),
            **self._authorization,
        }
        try:
            reply = await self._outbound.post(self._url, headers, body)
        except Unanswered as error:
            self._breaker.failed(self._clock.monotonic())
            code = "crm_timeout" if error.reason == "timeout" else "crm_unreachable"
            raise PortFailure(code, f"The CRM did not answer ({error.reason}).") from None
        except asyncio.CancelledError:
            self._breaker.gave_up(self._clock.monotonic())
            raise
        return self._judge(reply, known_is_done=known_is_done)

    def _judge(self, reply: Reply, *, known_is_done: bool) -> bytes:
        now_s, status = self._clock.monotonic(), reply.status
        if status >= 500 or status in NOT_NOW or 300 <= status < 400:
            self._breaker.failed(now_s)
            if 300 <= status < 400:
                raise PortFailure("crm_redirects", "The CRM answers with a redirect, which is not followed.")
            asked_s = None if reply.retry_after_s is None else min(reply.retry_after_s, _RETRY_AFTER_LIMIT_S)
            raise PortFailure(f"crm_status_{status}", f"The CRM answered {status}.", retry_after_s=asked_s)
        self._breaker.succeeded(now_s)
        if status == 404 and not known_is_done:
            return b""
        if status == 409 and known_is_done:  # it has this id already
            return b""
        if status >= 400 or status < 200:
            raise CrmDeclined(f"crm_status_{status}", f"The CRM declined with {status}.")
        if reply.body is None:
            if known_is_done:
                return b""  # it was taken, whatever else it had to say
            raise CrmDeclined("crm_answer_too_large", f"The CRM's answer is larger than {ANSWER_LIMIT_BYTES} bytes.")
        return b"" if status == 204 else reply.body


def _who(visit: Visit) -> dict[str, Any]:
    identity = visit.identity
    return {
        "site": visit.site,
        "language": visit.language,
        "customer": {
            "id": visit.customer_id,
            "realm": None if identity is None else identity.realm,
            "subject": None if identity is None else identity.subject,
            "verified": identity is not None and identity.verified,
            "name": (identity.name if identity is not None else "") or visit.display_name,
        },
        "page": {"url": visit.page_url, "title": visit.page_title},
        "form": dict(visit.form),
    }


def _what(interaction: Interaction) -> dict[str, Any]:
    return {
        "contact_id": interaction.contact_id,
        "segment": interaction.segment,
        "channel": "video",
        "queue": interaction.queue,
        "agent": interaction.agent_id,
        "started_at": _time(interaction.started_at),
        "ended_at": _time(interaction.ended_at),
        "end_reason": interaction.end_reason,
        "wait_s": interaction.wait_s,
        "talk_s": interaction.talk_s,
        "hold_s": interaction.hold_s,
        "wrap_up_s": interaction.wrap_up_s,
        "disposition": interaction.disposition,
        "notes": interaction.notes,
        "menu_path": list(interaction.menu_path),
        "chat": [
            {"by": line.by, "name": line.name, "at": _time(line.at), "text": line.text} for line in interaction.chat
        ],
    }


def _history(found: _Customer, visit: Visit) -> CustomerHistory:
    last = sorted(found.last, key=lambda past: past.at, reverse=True)
    verified = visit.identity is not None and visit.identity.verified
    return CustomerHistory(
        customer_id=visit.customer_id or "",
        name=found.name,
        known_by="identity" if verified else "claimed",
        contacts=max(found.contacts, len(last)),
        last=tuple(
            PastContact(
                at=past.at.astimezone(UTC),
                queue_name=past.queue,
                agent_name=past.agent,
                disposition=past.disposition,
            )
            for past in last[:SHOWN_CONTACTS]
        ),
        url=found.url,
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
