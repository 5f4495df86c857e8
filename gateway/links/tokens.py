"""The tokens of links: 80 random bits in an alphabet that can be read aloud, of which only a digest is kept."""

import hashlib
import re
import secrets
from typing import Final

_ALPHABET: Final = "0123456789abcdefghijkmnpqrstvwxyz"  # as in ids: no l, o, u
_LENGTH: Final = 16  # 33**16 > 2**80
_GROUP: Final = 4
_TOKEN = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}", re.ASCII)


def new_token() -> str:
    """As it is digested: without dashes."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def spelled(token: str) -> str:
    """As people read it."""
    return "-".join(token[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def read_token(text: str) -> str | None:
    """What somebody typed or opened, without dashes; None for what can be no token."""
    token = text.strip().lower().replace("-", "")
    return token if _TOKEN.fullmatch(token) else None


def digest_of(token: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(token.encode()).hexdigest()
