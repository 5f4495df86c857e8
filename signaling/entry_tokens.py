"""A customer's ticket from the button to the socket, kept in the live state so that any node takes it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gateway.base.errors import NotSignedIn
from gateway.live.tokens import Json, TokenStore
from gateway.parties import Entry

_KIND: Final = "entry"
_entries: TypeAdapter[Entry] = TypeAdapter(Entry)


class LiveEntryTokens:
    """`signaling.ports.EntryTokens` over one-time tokens. `ttl` is the time from the button to the socket."""

    def __init__(self, tokens: TokenStore, *, ttl: timedelta) -> None:
        self._tokens = tokens
        self._ttl = ttl

    async def issue(self, entry: Entry) -> str:
        payload: Mapping[str, Json] = {**asdict(entry), "form": dict(entry.form)}
        return await self._tokens.create(_KIND, payload, ttl=self._ttl)

    async def redeem(self, token: str) -> Entry:
        """Raises NotSignedIn (`entry_token_invalid`); the same for unknown, used, expired and unreadable."""
        payload = await self._tokens.take(_KIND, token)
        try:
            return _entries.validate_python(payload)
        except ValidationError:
            raise NotSignedIn("entry_token_invalid", "This entry is used or too old. Start again.") from None
