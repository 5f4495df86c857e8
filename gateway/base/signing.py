"""Signed HTTP bodies, both ways: what we send to an integrator's server, and what it sends to us.

HMAC-SHA256 (RFC 2104) with a shared secret over `<timestamp>.<body>`: the body can't be changed, and an old request
can't be sent again after the replay window. Within the window a repetition is possible; there the message's own id,
which is part of the body, must make it harmless. Knows neither HTTP client nor server.

    Visavis-Timestamp: 1767344400
    Visavis-Signature: v1=5f2c…          (hex; several, separated by commas, while a secret is being changed)
"""

import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.base.errors import NotSignedIn, SetupError

TIMESTAMP_HEADER: Final = "Visavis-Timestamp"
SIGNATURE_HEADER: Final = "Visavis-Signature"
REPLAY_WINDOW_S: Final = 300
"""How far the two clocks may be apart, and how long a request can be repeated."""

LEAST_SECRET_BYTES: Final = 16

_VERSION: Final = "v1"
_MOST_SIGNATURES: Final = 8  # of one request: a forger gets no more guesses than that for one body
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def sign(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that go with `body`. `timestamp`: whole seconds of the epoch, now.

    SetupError (`secret_short`) for a secret that can be guessed: nothing is ever signed with an empty one.
    """
    return {
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: f"{_VERSION}={_digest(secret, str(timestamp), body)}",
    }


def verify(
    secrets: Iterable[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now_s: float,
    window_s: float = REPLAY_WINDOW_S,
) -> None:
    """Return when one of `secrets` signed exactly this body within `window_s` of `now_s` (seconds of the epoch).

    Raises NotSignedIn (`signature_invalid`), the same whatever is wrong. Compares in constant time, every secret with
    every signature. `headers` are looked up by name without regard to case when they are aiohttp's; otherwise as they
    stand in TIMESTAMP_HEADER and SIGNATURE_HEADER. SetupError (`secret_short`) as in `sign`.
    """
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    readable = _TIMESTAMP.fullmatch(timestamp) is not None
    in_time = readable and abs(now_s - int(timestamp)) <= window_s
    given = _signatures(headers.get(SIGNATURE_HEADER, ""))
    matched = False
    for secret in secrets:
        expected = _digest(secret, timestamp if readable else "", body).encode()
        for signature in given:
            matched |= hmac.compare_digest(signature, expected)
    if not (matched and in_time):
        raise NotSignedIn("signature_invalid", "The signature is missing, wrong or too old.")


def _signatures(header: str) -> list[bytes]:
    """What the header holds of our version; other versions are somebody's future, not an error."""
    parts = (part.strip().partition("=") for part in header.split(",", _MOST_SIGNATURES)[:_MOST_SIGNATURES])
    return [value.encode("utf-8", "replace") for version, _, value in parts if version == _VERSION]


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    key = secret.encode()
    if len(key) < LEAST_SECRET_BYTES:
        raise SetupError("secret_short", f"A secret for signatures has at least {LEAST_SECRET_BYTES} bytes.")
    return hmac.new(key, timestamp.encode() + b"." + body, "sha256").hexdigest()
