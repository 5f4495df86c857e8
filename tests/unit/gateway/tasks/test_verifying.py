"""Webhooks prove themselves over their bytes; every wrong one gets the same answer."""

import pytest

from gateway.acd.tasks.verifying import KEY_HEADER, HeaderVerifier, SignatureVerifier, TwilioVerifier, Verifier
from gateway.base.errors import NotSignedIn
from gateway.base.signing import sign

NEW, OLD, NOW = "the secret of this year", "the secret of last year", 1_767_344_400


def check(verifier: Verifier, headers: dict[str, str], body: bytes = b"{}", url: str = "", now_s: float = NOW) -> None:
    verifier.check(url, headers, body, now_s)


def refused(
    verifier: Verifier, headers: dict[str, str], body: bytes = b"{}", url: str = "", now_s: float = NOW
) -> None:
    with pytest.raises(NotSignedIn, match="signature_invalid"):
        verifier.check(url, headers, body, now_s)


def test_two_keys_are_good_while_one_takes_over() -> None:
    verifier = SignatureVerifier({"2026": NEW, "2025": OLD}, 300)
    check(verifier, {KEY_HEADER: "2026", **sign(NEW, NOW, b"{}")})
    check(verifier, {KEY_HEADER: "2025", **sign(OLD, NOW, b"{}")})
    check(verifier, sign(OLD, NOW, b"{}"))
    refused(verifier, {KEY_HEADER: "2026", **sign(OLD, NOW, b"{}")})


def test_a_changed_body_an_old_timestamp_and_no_signature_are_refused() -> None:
    verifier = SignatureVerifier({"1": NEW}, 300)
    refused(verifier, sign(NEW, NOW, b"{}"), body=b"{ }")
    refused(verifier, sign(NEW, NOW, b"{}"), now_s=NOW + 301)
    refused(verifier, sign(NEW, NOW, b"{}"), now_s=NOW - 301)
    refused(verifier, {})


def test_twilios_signature_is_that_of_its_own_example() -> None:
    """The example of https://www.twilio.com/docs/usage/security, with the values published there."""
    body = b"Digits=1234&To=%2B18005551212&From=%2B12349013030&Caller=%2B12349013030&CallSid=CA1234567890ABCDE"
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    verifier = TwilioVerifier("12345")
    good = {"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}
    check(verifier, good, body, url)
    refused(verifier, good, body, url + "3")
    refused(verifier, good, body + b"&a=b", url)
    refused(verifier, good, b"\xff", url)
    refused(verifier, {}, body, url)


def test_a_secret_in_a_header_is_compared_whole() -> None:
    verifier = HeaderVerifier("X-Api-Key", [NEW, OLD])
    check(verifier, {"X-Api-Key": NEW})
    check(verifier, {"X-Api-Key": OLD})
    refused(verifier, {"X-Api-Key": NEW[:-1]})
    refused(verifier, {})
