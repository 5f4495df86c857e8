"""Who works here and who may come in, for a signaling node: accounts, entries, links, admission, rates."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.base.errors import GatewayError, NotAuthorised, NotFound, NotSignedIn, StateConflict
from gateway.base.ids import AccountId, AgentId
from gateway.links.model import MOST_OPENINGS
from gateway.live.rates import Decision, Rate
from gateway.parties import Entry, Invitation, KeptPlace
from signaling.ports import Account, LinkPlan, SignedIn

CANARY = "canary-token-for-tests"


def account(name: str, *roles: str, canary: bool = False) -> Account:
    agent = "agent" in roles
    return Account(
        account_id=AccountId(f"ac_{name}00000000"),
        name=name,
        display_name=name.title(),
        roles=frozenset(roles),
        agent_id=AgentId(f"ag_{name}00000000") if agent else None,
        queues=("sales",) if agent else (),
        canary=canary,
    )


@dataclass
class FakeAccounts:
    """Everybody's password is their name. `signed` maps tokens to accounts."""

    people: dict[str, Account] = field(
        default_factory=lambda: {
            a.name: a
            for a in (
                account("ann", "agent"),
                account("bob", "agent"),
                account("root", "admin"),
                account("vera", "supervisor"),
            )
        }
    )
    signed: dict[str, Account] = field(default_factory=dict)
    asked_in_call: list[bool] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    fail: GatewayError | None = None

    def _sign(self, who: Account) -> SignedIn:
        token = secrets.token_urlsafe(24)
        self.signed[token] = who
        return SignedIn(token=token, account=who)

    async def sign_in(self, name: str, password: str, *, address: str) -> SignedIn:
        if name not in self.people or password != name:
            raise NotSignedIn("sign_in_failed", "Wrong name or password.")
        return self._sign(self.people[name])

    async def sign_in_by_link(self, link_token: str, *, address: str) -> SignedIn:
        name = self.links.pop(link_token, None)
        if name is None:
            raise NotSignedIn("sign_in_failed", "This link was used or is too old.")
        return self._sign(self.people[name])

    async def signed_in(self, token: str, *, in_call: bool = False) -> Account:
        self.asked_in_call.append(in_call)
        if self.fail is not None:
            raise self.fail
        if token not in self.signed:
            raise NotSignedIn("not_signed_in", "Sign in first.")
        return self.signed[token]

    async def sign_out(self, token: str) -> None:
        self.signed.pop(token, None)

    async def canary_seat(self, canary_token: str, seat: int) -> SignedIn:
        if canary_token != CANARY:
            raise NotSignedIn("canary_refused", "This is not the canary's token.")
        return self._sign(account(f"canary-{seat}", "agent", canary=True))

    async def is_canary(self, canary_token: str) -> bool:
        return canary_token == CANARY

    async def agents(self) -> Sequence[Account]:
        return [who for who in self.people.values() if who.agent_id is not None]

    async def change_agent(
        self,
        agent_id: AgentId,
        *,
        queues: Sequence[str],
        skills: Mapping[str, int],
        languages: Sequence[str],
        by: str,
    ) -> Account:
        name = next((name for name, who in self.people.items() if who.agent_id == agent_id), None)
        if name is None:
            raise NotFound("no_such_agent", "There is no such agent.")
        changed = replace(self.people[name], queues=tuple(queues), skills=dict(skills), languages=tuple(languages))
        self.people[name] = changed
        return changed


@dataclass
class FakeEntryTokens:
    entries: dict[str, Entry] = field(default_factory=dict)

    async def issue(self, entry: Entry) -> str:
        token = secrets.token_urlsafe(24)
        self.entries[token] = entry
        return token

    async def redeem(self, token: str) -> Entry:
        if token not in self.entries:
            raise NotSignedIn("entry_token_invalid", "This entry is used or too old. Start again.")
        return self.entries.pop(token)


@dataclass
class FakeLinks:
    """One link, `good`, with the PIN 123456; `made` holds what was asked for."""

    made: list[tuple[str, str, bool]] = field(default_factory=list)
    planned: list[LinkPlan] = field(default_factory=list)
    revoked: list[tuple[str, str]] = field(default_factory=list)
    opened: int = 0
    given_up: int = 0
    kept: KeptPlace | None = None

    async def make(self, agent_id: str, agent_name: str, site: str, *, with_pin: bool) -> Mapping[str, object]:
        self.made.append((agent_id, site, with_pin))
        return {"link_id": "lk_first0000", "url": "https://video.example/widget/#link=good", "pin": "123456", "qr": ""}

    async def schedule(self, plan: LinkPlan) -> Mapping[str, object]:
        self.planned.append(plan)
        return {"link_id": "lk_first0000", "url": "https://video.example/widget/#link=good", "pin": None, "qr": ""}

    async def calendar(self, link_id: str, token: str, language: str) -> bytes:
        await self.look(token)
        return f"{link_id} {language}".encode()

    async def of_agent(self, agent_id: str) -> Sequence[Mapping[str, object]]:
        return [{"link_id": "lk_first0000"}]

    async def revoke(self, made_by: str, link_id: str) -> None:
        self.revoked.append((made_by, link_id))

    async def look(self, token: str) -> Mapping[str, object]:
        if token != "good":
            raise NotFound("link_unknown", "There is no such link.")
        return {"site": "shop", "agent_name": "Ann", "needs_pin": True}

    async def place(self, token: str) -> Mapping[str, object]:
        await self.look(token)
        return {"state": "kept", "place": 2}

    async def give_up_place(self, token: str) -> None:
        await self.look(token)
        self.given_up += 1

    async def invitation(self, token: str, pin: str) -> Invitation:
        await self.look(token)
        if pin != "123456":
            raise NotAuthorised("pin_wrong", "The PIN is not right.")
        return Invitation(
            link_id="lk_first0000", site="shop", agent_id=AgentId("ag_ann00000000"), queue="by-link", place=self.kept
        )

    async def count_opening(self, token: str) -> None:
        await self.look(token)
        if self.opened == MOST_OPENINGS:
            raise StateConflict("link_over", "This link is over.")
        self.opened += 1


@dataclass
class FakeAdmission:
    refusal: GatewayError | None = None

    async def check(self, site: str, visitor_key: str, *, canary: bool, invited: bool = False) -> None:
        if self.refusal is not None:
            raise self.refusal


@dataclass
class FakeLimiter:
    """Allows `rate.times` for ever: time never passes."""

    spent: dict[tuple[str, str], int] = field(default_factory=dict)

    async def spend(self, what: str, who: str, rate: Rate) -> Decision:
        count = self.spent[what, who] = self.spent.get((what, who), 0) + 1
        return Decision(count <= rate.times, 7.0)
