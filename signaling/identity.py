"""Who the site says a customer is: a JSON Web Token that the site's server signs (RFC 7519; HS256, RFC 7518 §3.2).

Only what was agreed is taken: this algorithm, this site's secret, a token that ends within a day. Everything else is
refused the same way, and the contact goes in without a name. Pure.
"""

import base64
import binascii
import hmac
import json
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.base.errors import NotSignedIn
from gateway.config import SiteSettings
from gateway.parties import Identity

TOKEN_LIMIT: Final = 4000
LONGEST_S: Final = 86_400.0
"""A token must end within this: one that was copied somewhere is worth nothing tomorrow."""

LEEWAY_S: Final = 60.0
"""How far the site's clock may be off."""

_UNPRINTABLE: Final = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029]
)


def _line(text: str) -> str:
    return text.translate(_UNPRINTABLE).strip()


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    alg: str
    typ: str = "JWT"
    kid: Annotated[str, Field(max_length=200)] = ""


class _Claims(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)
    sub: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_line), Field(min_length=1)]
    exp: float
    nbf: float = 0.0
    aud: str | None = None
    name: Annotated[str, Field(max_length=80), AfterValidator(_line)] = ""
    verified: bool = True


def identity_of(token: str, site: SiteSettings, *, now_s: float) -> Identity:
    """Who the token of this site names. `now_s`: seconds of the epoch.

    Raises NotSignedIn (`identity_refused`), the same whatever is wrong with it.
    """
    secret = site.identity_secret.get_secret_value()
    try:
        signed, _, signature = token.rpartition(".")
        header, _, claims = signed.partition(".")
        if not secret or len(token) > TOKEN_LIMIT or not signed.isascii():
            raise _refused()
        expected = _encoded(hmac.new(secret.encode(), signed.encode(), "sha256").digest())
        if not hmac.compare_digest(expected, signature.encode()):  # as text: it has one form only
            raise _refused()
        if _Header.model_validate(_object(header)).alg != "HS256":
            raise _refused()
        said = _Claims.model_validate(_object(claims))
    except (ValueError, binascii.Error, ValidationError, RecursionError):
        raise _refused() from None
    in_time = said.nbf - LEEWAY_S <= now_s < said.exp + LEEWAY_S and said.exp <= now_s + LONGEST_S + LEEWAY_S
    if not in_time or said.aud not in (None, site.id):
        raise _refused()
    realm = site.identity_realm or site.id
    return Identity(realm=realm, subject=said.sub, name=said.name, verified=said.verified)


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(part: str) -> bytes:
    """base64url without padding (RFC 7515 §2), and nothing else: no other alphabet, no padding, no line breaks."""
    if not part.isascii() or not part.replace("-", "a").replace("_", "a").isalnum():
        raise ValueError("no base64url")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _object(part: str) -> Any:
    return json.loads(_decoded(part))


def _refused() -> NotSignedIn:
    return NotSignedIn("identity_refused", "The identity token is not valid.")
