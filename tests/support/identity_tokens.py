"""Identity tokens as a site's server makes them, with nothing of ours."""

import base64
import hmac
import json
from typing import Any

SECRET = "thirty-two characters, or a few more"


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any, *, header: Any = None, secret: str = SECRET) -> str:
    """A JSON Web Token of these claims."""
    text = f"{part(header if header is not None else {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{text}.{part(hmac.new(secret.encode(), text.encode(), 'sha256').digest())}"
