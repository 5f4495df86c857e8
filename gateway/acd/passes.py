"""Claims of one contact's panel: what an agent's desktop opens it with, once, for a moment.

A claim is 256 random bits, bound to the contact and the agent that the ACD named. The node keeps them in memory: a
contact never outlives its node. Whether the contact is still that agent's is asked of the desk, not of these.
"""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import NotFound, StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId

LIMIT: Final = 10_000
"""Claims that are remembered, used and expired ones included. Full: the oldest is forgotten and opens nothing."""

MAX_TOKEN: Final = 200  # characters; ours have 43


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSeat:
    """What a claim opens: this contact's panel for this agent, because of this offer. `acd`: who named them."""

    acd: str
    contact_id: ContactId
    agent_id: AgentId
    offer_id: OfferId


@dataclass(slots=True)
class _Claim:
    seat: PanelSeat
    token: str
    ends_s: float
    used: bool = False


class PanelPasses:
    """The claims of one node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._claims: OrderedDict[bytes, _Claim] = OrderedDict()
        self._of: dict[PanelSeat, bytes] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def issue(self, seat: PanelSeat, lasts_s: float) -> tuple[str, int]:
        """A token and the whole seconds it is good for. Asked again (a call to the ACD is repeated), the same one, as
        long as it lives; a newer one makes the older worthless."""
        now = self._clock.monotonic()
        digest = self._of.get(seat)
        known = self._claims.get(digest) if digest is not None else None
        if known is None or known.ends_s <= now:
            if digest is not None:
                self._claims.pop(digest, None)
            token = secrets.token_urlsafe(32)
            digest = _digest(token)
            known = self._claims[digest] = _Claim(seat, token, now + lasts_s)
            self._of[seat] = digest
            while len(self._claims) > LIMIT:
                _, oldest = self._claims.popitem(last=False)
                self._of.pop(oldest.seat, None)
        return known.token, int(known.ends_s - now)

    def redeem(self, token: str) -> PanelSeat:
        """What it opens; it opens nothing a second time.

        NotFound (`panel_claim_unknown`), StateConflict (`panel_claim_used`, `panel_claim_expired`).
        """
        claim = self._claims.get(_digest(token)) if 0 < len(token) <= MAX_TOKEN else None
        if claim is None:
            raise NotFound("panel_claim_unknown", "This address opens no call.")
        if claim.used:
            raise StateConflict("panel_claim_used", "This address was opened before.")
        if claim.ends_s <= self._clock.monotonic():
            raise StateConflict("panel_claim_expired", "This address is too old.")
        claim.used = True
        return claim.seat

    def give_back(self, token: str) -> None:
        """It was redeemed and could not be made use of: it may be tried again while it lives."""
        claim = self._claims.get(_digest(token))
        if claim is not None:
            claim.used = False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
