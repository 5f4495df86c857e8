"""Making links and letting people in by them.

A PIN is told on the telephone: who finds the link alone has nothing, and five wrong ones end it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.acd.outside import QUEUE
from gateway.base.clock import Clock
from gateway.base.errors import BadInput, CapacityExceeded, NotAuthorised, NotFound, StateConflict
from gateway.base.ids import AgentId, new_id
from gateway.links.model import (
    KEPT_AFTER,
    LEAST_LENGTH,
    MOST_AHEAD,
    MOST_LENGTH,
    MOST_OF_AGENT,
    MOST_OF_TOKEN,
    Link,
    LinkId,
    LinkStore,
    Plan,
)
from gateway.links.places import invitation_of
from gateway.links.tokens import digest_of, new_token, read_token, spelled
from gateway.parties import Invitation

_PIN_DIGITS: Final = 6
OTHER_SYSTEM: Final = "token:"
"""Begins what stands for an API token that made a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A fresh link. `token` and `pin` are told once."""

    link: Link
    token: str
    pin: str


class Links:
    """The links of a gateway. Every method may raise PortFailure."""

    def __init__(
        self, store: LinkStore, clock: Clock, lasts: timedelta, *, reminded_before: timedelta | None = None
    ) -> None:
        """`lasts`: a link without a time. `reminded_before`: how long before they open; None: nobody is reminded."""
        self._store = store
        self._clock = clock
        self._lasts = lasts
        self._reminded_before = reminded_before

    async def make(self, agent_id: AgentId, agent_name: str, site: str, *, with_pin: bool) -> Made:
        """A link to this agent. CapacityExceeded (`links_full`) when they have too many that are still good."""
        now = self._clock.now()
        plan = Plan(
            made_by=agent_id,
            site=site,
            agent_id=agent_id,
            agent_name=agent_name,
            queue=QUEUE,
            opens_at=now,
            closes_at=now + self._lasts,
            with_pin=with_pin,
        )
        return await self._make(plan, now)

    async def schedule(self, plan: Plan) -> Made:
        """A link for a time. BadInput (`link_time`) for one that is past, too far away, too short or too long;
        CapacityExceeded as `make`.
        """
        now = self._clock.now()
        length = plan.closes_at - plan.opens_at
        if not (LEAST_LENGTH <= length <= MOST_LENGTH and now < plan.closes_at and plan.opens_at <= now + MOST_AHEAD):
            raise BadInput("link_time", "A link opens for 5 minutes to a day, within a year from now.")
        # Made later than that: reminded of at once.
        remind_at = plan.opens_at - self._reminded_before if self._reminded_before is not None else None
        return await self._make(plan, now, remind_at)

    async def _make(self, plan: Plan, now: datetime, remind_at: datetime | None = None) -> Made:
        _ = await self._store.forget(now - KEPT_AFTER)
        most = MOST_OF_TOKEN if plan.made_by.startswith(OTHER_SYSTEM) else MOST_OF_AGENT
        if await self._store.count_good(plan.made_by, now) >= most:
            raise CapacityExceeded("links_full", "Too many links are still good. Take some back.", retry_after_s=60)
        token = new_token()
        pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS)) if plan.with_pin else ""
        link = Link(
            link_id=LinkId(new_id("lk")),
            digest=digest_of(token),
            pin_digest=_pin_digest(token, pin) if pin else "",
            site=plan.site,
            made_by=plan.made_by,
            agent_id=plan.agent_id,
            agent_name=plan.agent_name,
            queue=plan.queue,
            made_at=now,
            opens_at=plan.opens_at,
            closes_at=plan.closes_at,
            remind_at=remind_at,
        )
        await self._store.add(link)
        return Made(link=link, token=spelled(token), pin=pin)

    async def look(self, text: str) -> Link:
        """The link of a token as somebody typed it; it may be early. NotFound (`link_unknown`), StateConflict
        (`link_over`), but not for one to a kept place, which says itself why it is over.
        """
        link, _ = await self._find(text)
        if link.place_of is None:
            self._check_good(link)
        return link

    async def invitation(self, text: str, pin: str) -> Invitation:
        """What it leads to, for who may come in now. Raises as `look`, NotAuthorised (`pin_wrong`), StateConflict
        (`link_early`). Nobody is let in before `count_opening`.
        """
        link, token = await self._find(text)
        self._check_good(link)
        if link.is_early(self._clock.now()):
            raise StateConflict("link_early", "This link does not open yet.")
        if link.pin_digest and not hmac.compare_digest(link.pin_digest, _pin_digest(token, pin.strip())):
            await self._store.count_wrong_pin(link.digest)
            raise NotAuthorised("pin_wrong", "The PIN is not right. The agent can read it to you.")
        return invitation_of(link)

    async def count_opening(self, text: str) -> None:
        """Somebody is let in. Raises as `look`: of many who ask at once no more than it opens for."""
        link, _ = await self._find(text)
        if not await self._store.count_opening(link.digest):
            raise StateConflict("link_over", "This link is over.")

    async def of_agent(self, agent_id: AgentId) -> Sequence[Link]:
        """What this agent has made and is still good, newest first."""
        now = self._clock.now()
        return [link for link in await self._store.of_maker(agent_id, now) if not link.is_over(now)]

    async def revoke(self, made_by: str, link_id: str) -> None:
        """Take a link back. Who is in a call by it stays. NotFound (`link_unknown`) for one of somebody else."""
        if not await self._store.revoke(made_by, LinkId(link_id)):
            raise NotFound("link_unknown", "There is no such link.")

    async def _find(self, text: str) -> tuple[Link, str]:
        token = read_token(text)
        link = await self._store.by_digest(digest_of(token)) if token is not None else None
        if link is None or token is None:
            raise NotFound("link_unknown", "There is no such link.")
        return link, token

    def _check_good(self, link: Link) -> None:
        if link.is_over(self._clock.now()):
            raise StateConflict("link_over", "This link is over.")


def _pin_digest(token: str, pin: str) -> str:
    return hashlib.sha256(f"{token}:{pin}".encode("utf-8", "surrogatepass")).hexdigest()
