"""Identity tokens: what the site's server signed, for now, for this site, and nothing else."""

import base64
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.base.errors import NotSignedIn
from gateway.config import SiteSettings
from gateway.parties import Identity
from signaling.identity import LEEWAY_S, LONGEST_S, TOKEN_LIMIT, identity_of
from tests.support.identity_tokens import SECRET, part, signed

SHOP = SiteSettings(id="shop", name="Shop", identity_secret=SecretStr(SECRET))
NOW = 1_767_344_400.0


def token(claims: Any = None, *, header: Any = None, secret: str = SECRET, **more: object) -> str:
    given = {"sub": "anna@shop.example", "exp": NOW + 300} | more if claims is None else claims
    return signed(given, header=header, secret=secret)


def refused(text: str, site: SiteSettings = SHOP, now_s: float = NOW) -> bool:
    try:
        identity_of(text, site, now_s=now_s)
    except NotSignedIn:
        return True
    return False


def test_who_the_site_signed_for_is_who_it_is() -> None:
    assert identity_of(token(), SHOP, now_s=NOW) == Identity(realm="shop", subject="anna@shop.example")
    named = identity_of(token(name="Anna\u202e A.\n", verified=False, aud="shop", iat=1, more=[1]), SHOP, now_s=NOW)
    assert named == Identity(realm="shop", subject="anna@shop.example", name="Anna A.", verified=False)


def test_a_token_made_by_another_implementation_is_read() -> None:
    """RFC 7515 appendix A.1's key signs here the claims of RFC 7519 §3.1, with `exp` in seconds of 2011."""
    key = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    text = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    content, _, signature = text.rpartition(".")
    assert part(hmac.new(key, content.encode(), "sha256").digest()) == signature


def test_sites_of_one_realm_have_the_same_customers() -> None:
    outlet = SHOP.model_copy(update={"id": "outlet", "identity_realm": "shop"})
    assert identity_of(token(), outlet, now_s=NOW).realm == "shop"


@pytest.mark.parametrize(
    "text",
    [
        token(secret="another secret of the same length!!"),
        token(secret=""),
        token(header={"alg": "none"}).rpartition(".")[0] + ".",
        token(header={"alg": "none"}),
        token(header={"alg": "HS512"}),
        token(header={"alg": "hs256"}),
        token(header={"alg": "HS256", "crit": ["exp"]}),
        token(header={"typ": "JWT"}),
        token(header=[]),
        token(header=b"\xff"),
        token([]),
        token("text"),
        token(b"[" * 1500),
        token({}),
        token({"exp": NOW + 300}),
        token({"sub": "anna"}),
        token(sub=""),
        token(sub=" \n"),
        token(sub=5),
        token(sub="x" * 201),
        token(exp="never"),
        token(exp=None),
        token({"sub": "anna", "exp": float("nan")}),
        token({"sub": "anna", "exp": float("inf")}),
        token(exp=NOW - LEEWAY_S - 1),
        token(exp=NOW + LONGEST_S + LEEWAY_S + 1),
        token(nbf=NOW + LEEWAY_S + 1),
        token(aud="outlet"),
        token(aud=["shop"]),
        token(name="x" * 81),
        token(verified="yes"),
        token() + "=",
        token() + "\n",
        " " + token(),
        token().replace(".", ".."),
        token()[:-4],
        token(name="Ä" * 5000),
        "",
        ".",
        "..",
        "x" * (TOKEN_LIMIT + 1),
    ],
)
def test_anything_else_names_nobody(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("off_s", [0, LEEWAY_S + 299, LEEWAY_S * -1, 300 - LONGEST_S])
def test_clocks_may_be_a_minute_apart(off_s: float) -> None:
    assert not refused(token(), now_s=NOW + off_s)


def test_a_site_without_a_secret_can_name_nobody() -> None:
    assert refused(token(secret=""), SiteSettings(id="shop", name="Shop"))
    assert refused(token(), SiteSettings(id="shop", name="Shop"))


@given(st.text(max_size=300))
def test_no_text_whatever_is_more_than_refused(text: str) -> None:
    assert refused(text)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_is_signed_and_is_no_token_is_refused(header: bytes, claims: bytes) -> None:
    """A site's own mistake is no error of ours."""
    assert refused(token(claims, header=header))


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_no_changed_byte_is_accepted(where: int, byte: int) -> None:
    text = token()
    at = where % len(text)
    changed = text[:at] + chr(byte) + text[at + 1 :]
    assert changed == text or refused(changed)
