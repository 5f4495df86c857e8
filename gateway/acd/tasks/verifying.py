"""Who sent this webhook: checked over the bytes, before anything in them is read.

Three ways: our own signatures (`gateway.base.signing`, with a key id), Twilio's, and a secret in a header for event
buses that sign nothing. Secrets stay in here: no message, log line or error contains one.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import parse_qsl

from gateway.base.errors import NotSignedIn
from gateway.base.signing import verify

KEY_HEADER: Final = "Visavis-Key"
"""The name of the secret that was used, so that it can be changed without an hour in which nothing works."""

MAX_FIELDS: Final = 200  # of a form


class Verifier(Protocol):
    """`headers` are aiohttp's, asked for without regard to case. `url` is the address as the other side called it."""

    def check(self, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        """NotSignedIn (`signature_invalid`), the same whatever is wrong."""
        ...


class SignatureVerifier:
    """Our own signatures. `secrets` by key id: two while one takes over from the other."""

    def __init__(self, secrets: Mapping[str, str], window_s: float) -> None:
        self._secrets = dict(secrets)
        self._window_s = window_s

    def check(self, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        named = headers.get(KEY_HEADER)
        meant = [secret for key_id, secret in self._secrets.items() if named is None or key_id == named]
        verify(meant or self._secrets.values(), headers, body, now_s=now_s, window_s=self._window_s)


class TwilioVerifier:
    """`X-Twilio-Signature`: HMAC-SHA1 over the address as called and the form's fields in the order of their names
    (https://www.twilio.com/docs/usage/security)."""

    def __init__(self, auth_token: str) -> None:
        self._auth_token = auth_token.encode()

    def check(self, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        try:
            fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise _refused() from None
        signed = url + "".join(name + value for name, value in sorted(fields))
        digest = hmac.new(self._auth_token, signed.encode("utf-8", "replace"), hashlib.sha1).digest()
        if not _same(base64.b64encode(digest).decode(), headers.get("X-Twilio-Signature", "")):
            raise _refused()


class HeaderVerifier:
    """A secret in a header (an EventBridge API destination sends one). Only as good as the TLS around it."""

    def __init__(self, header: str, secrets: Sequence[str]) -> None:
        self._header = header
        self._secrets = tuple(secrets)

    def check(self, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        given = headers.get(self._header, "")
        fits = [_same(secret, given) for secret in self._secrets]  # all of them: the time says nothing
        if not any(fits):
            raise _refused()


def _refused() -> NotSignedIn:
    return NotSignedIn("signature_invalid", "The signature is missing, wrong or too old.")


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode("utf-8", "replace"), given.encode("utf-8", "replace"))
