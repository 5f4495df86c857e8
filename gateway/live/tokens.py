"""Tokens that open something once: a customer's entry, a sign-in link.

A token is 256 random bits; only its SHA-256 is stored, with what it stands for. Taking it is one step: of two who take
at once, one gets it. A token is of a kind, and opens nothing of another.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import BadInput
from gateway.live.store import Live

MAX_PAYLOAD_BYTES: Final = 32_768  # an entry with its form steps; they are limited where they come in
MAX_TOKEN: Final = 200  # characters; ours have 43

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class TokenStore:
    """Makes and takes one-time tokens. Every method may raise PortFailure `live_unavailable`."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock

    async def create(self, kind: str, payload: Mapping[str, Json], *, ttl: timedelta) -> str:
        """A token for `payload`, good once and for `ttl`. BadInput `token_payload_too_large` over 32 kB."""
        token = secrets.token_urlsafe(32)
        expires_ms = self._now_ms() + ttl // timedelta(milliseconds=1)
        stored = json.dumps({"expires": expires_ms, "payload": dict(payload)}, separators=(",", ":"))
        if len(stored.encode()) > MAX_PAYLOAD_BYTES:
            raise BadInput("token_payload_too_large", f"More than {MAX_PAYLOAD_BYTES} bytes to keep with a token.")
        await self._live.ask(self._live.client.set(self._key(kind, token), stored, px=ttl))
        return token

    async def take(self, kind: str, token: str) -> dict[str, Json] | None:
        """What the token stands for, and the token is used up. None: wrong, used, expired, or of another kind."""
        if not token or len(token) > MAX_TOKEN:
            return None
        stored = await self._live.ask(self._live.client.getdel(self._key(kind, token)))
        if stored is None:
            return None
        found = json.loads(stored)
        payload: dict[str, Json] = found["payload"]
        return payload if self._now_ms() < found["expires"] else None

    def _key(self, kind: str, token: str) -> str:
        return self._live.key("token", kind, hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
