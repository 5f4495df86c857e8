"""The random values of a description: fragments, passwords, SSRCs. Strong, from the operating system."""

import base64
import secrets
from collections.abc import Callable


def new_ufrag() -> str:
    """96 bits in 16 ice-chars: nobody finds a link by guessing (RFC 8445 §5.3 asks for 24 bits)."""
    return base64.b64encode(secrets.token_bytes(12)).decode()


def new_password() -> str:
    """192 bits in 32 ice-chars (RFC 8445 §5.3 asks for 128 bits)."""
    return base64.b64encode(secrets.token_bytes(24)).decode()


def ssrc_source() -> Callable[[], int]:
    """A function that gives random, non-zero SSRCs, none twice (RFC 3550 §8.1)."""
    used = {0}

    def next_ssrc() -> int:
        while (ssrc := secrets.randbits(32)) in used:
            continue
        used.add(ssrc)
        return ssrc

    return next_ssrc
