"""Credentials for the operator's TURN server: made anew for whoever asks, good for a short while, stored nowhere.

The scheme is coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): the user name says when it ends, the
password is its HMAC-SHA1 with a secret that the TURN server shares. They go to pages over the WebSocket alone, never
into an address or a log. What the TURN server may relay to is its own configuration: deploy/coturn.conf.
"""

import base64
import hmac
from dataclasses import dataclass, field
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import SetupError
from gateway.config import MediaSettings
from gateway.parties import AgentParty, CustomerParty, Party
from signaling.messages import IceServer

_SCHEMES: Final = ("turn:", "turns:")
_MIN_SECRET: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The TURN server of this gateway. Without `urls` there is none, and pages are told of none."""

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    lifetime_s: float = 0.0

    def servers_for(self, party: Party, clock: Clock) -> list[IceServer]:
        """What the page of `party` may use for `lifetime_s` from now. Watchers of the board have no media."""
        if not self.urls or not isinstance(party, CustomerParty | AgentParty):
            return []
        name = party.contact_id if isinstance(party, CustomerParty) else party.agent_id
        username = f"{int(clock.now().timestamp() + self.lifetime_s)}:{name}"
        password = base64.b64encode(hmac.digest(self.secret.encode(), username.encode(), "sha1")).decode()
        return [IceServer(urls=list(self.urls), username=username, credential=password)]


NO_TURN: Final = Turn()


def turn_of(settings: MediaSettings) -> Turn:
    """The TURN server as the settings have it. Reads the secret's file. SetupError `turn_…` when it can't be used."""
    if not settings.turn_urls:
        return NO_TURN
    for url in settings.turn_urls:
        if not url.startswith(_SCHEMES):
            raise SetupError("turn_url", f"media.turn_urls: {url} does not begin with turn: or turns:.")
    secret = settings.turn_secret.get_secret_value()
    if settings.turn_secret_file is not None:
        if secret:
            raise SetupError("turn_secret_twice", "Set media.turn_secret or media.turn_secret_file, not both.")
        try:
            secret = settings.turn_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError("turn_secret_file", f"media.turn_secret_file can't be read: {error}.") from error
    if len(secret) < _MIN_SECRET:
        raise SetupError("turn_secret", f"The secret shared with the TURN server needs {_MIN_SECRET} characters.")
    return Turn(urls=settings.turn_urls, secret=secret, lifetime_s=settings.turn_lifetime.total_seconds())
