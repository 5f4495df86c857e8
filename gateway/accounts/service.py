"""Signing in: by password, by one-time link, as a robot; and who a session belongs to.

Answers say the same, after the same time, whether or not the account exists. What is asked of the live state and of the
records is bounded there; PortFailure comes through.
"""

import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

from gateway.accounts.model import (
    Account,
    AccountStore,
    Role,
    SignedIn,
    StoredAccount,
    checked_display_name,
    checked_languages,
    checked_name,
    checked_password,
    checked_queues,
    checked_roles,
    checked_skills,
    seat_account,
)
from gateway.accounts.passwords import Passwords
from gateway.base.clock import Clock
from gateway.base.errors import BadInput, NotFound, NotSignedIn, PortFailure, StateConflict, TooManyRequests
from gateway.base.ids import AccountId, AgentId, new_id
from gateway.base.log import get_logger
from gateway.config import LimitSettings, SessionSettings
from gateway.live.rates import Rate, RateLimiter
from gateway.live.sessions import SessionStore

_log = get_logger("accounts")

FRESH_S: Final = 5.0  # a changed account acts on open sessions after this at the latest
MAX_KEPT: Final = 5000  # accounts remembered for `FRESH_S`
IN_CALL_HOLD: Final = timedelta(seconds=30)  # of a sign-in that came of age in a call, from the last time it was asked
LINK_TTL: Final = timedelta(hours=1)
QUARTER: Final = timedelta(minutes=15)
ADDRESS_FACTOR: Final = 5  # an office behind one address has more people than one who forgot

_ACCOUNT: Final = "account"


class AccountService:
    """Accounts and sign-ins. `canary_digest` (see `token_digest`) empty: no robots."""

    def __init__(
        self,
        *,
        store: AccountStore,
        sessions: SessionStore,
        limiter: RateLimiter,
        passwords: Passwords,
        clock: Clock,
        session_settings: SessionSettings,
        limits: LimitSettings,
        canary_digest: str = "",
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._limiter = limiter
        self._passwords = passwords
        self._clock = clock
        self._session_settings = session_settings
        self._per_person = Rate(limits.sign_ins_per_quarter, QUARTER)
        self._per_address = Rate(limits.sign_ins_per_quarter * ADDRESS_FACTOR, QUARTER)
        self._canary_digest = canary_digest
        self._kept: OrderedDict[AccountId, tuple[float, Account | None]] = OrderedDict()

    # ------------------------------------------------------------ signing in

    async def sign_in(self, name: str, password: str, *, address: str) -> SignedIn:
        """A new session. NotSignedIn `sign_in_failed`, TooManyRequests `too_many_sign_ins`, PortFailure."""
        try:
            known_as = checked_name(name)
        except BadInput:
            known_as = ""
        counted = ((f"{known_as}\n{address}", self._per_person), (address, self._per_address))
        await self._count_attempt(counted)
        async with self._not_counted_without_records(counted):
            stored = await self._store.by_name(known_as) if known_as else None
        password_hash = stored.password_hash if stored is not None else None
        fits = await self._passwords.verify(password_hash, password)
        if stored is None or password_hash is None or not fits:
            _log.info("sign_in.failed")
            raise _failed()
        await self._forgive_attempt(counted)
        if self._passwords.is_weak(password_hash):
            await self._store.set_password(stored.account.account_id, await self._passwords.hash(password))
        return await self._open(stored.account)

    async def sign_in_by_link(self, link_token: str, *, address: str) -> SignedIn:
        """Use up a one-time link. Raises as `sign_in`."""
        counted = ((address, self._per_address),)
        await self._count_attempt(counted)
        async with self._not_counted_without_records(counted):
            taken = await self._store.take_link(token_digest(link_token), self._clock.now())
        if taken is None:
            raise _failed()
        try:
            stored = await self._store.by_id(taken.account_id)
            if stored is None:
                raise _failed()
            await self._forgive_attempt(counted)
            return await self._open(stored.account)
        except PortFailure:  # it has opened nothing: it is good again
            await self._store.add_link(token_digest(link_token), taken.account_id, taken.expires_at)
            raise

    async def create_link(self, account_id: AccountId, *, ttl: timedelta = LINK_TTL) -> str:
        """A token that signs in once, within `ttl`. NotFound `no_such_account`."""
        if await self._store.by_id(account_id) is None:
            raise _no_such_account()
        token = secrets.token_urlsafe(32)
        await self._store.add_link(token_digest(token), account_id, self._clock.now() + ttl)
        return token

    async def signed_in(self, token: str, *, in_call: bool = False) -> Account:
        """Whose session this is; it counts as activity. NotSignedIn `not_signed_in`, PortFailure.

        Asked every few seconds with `in_call`, a session does not run out over a call; it can still be ended.
        The account is as the records have it (at most `FRESH_S` old); while they are away, as it was at the sign-in.
        """
        session = await self._sessions.check(token, hold=IN_CALL_HOLD if in_call else timedelta())
        if session is None:
            raise _not_signed_in()
        account = _read(session.data[_ACCOUNT])
        if account.canary:
            return account
        try:
            current = await self._current(account.account_id)
        except PortFailure:
            return account
        if current is None:
            await self._sessions.revoke(token)
            raise _not_signed_in()
        return current

    async def sign_out(self, token: str) -> None:
        """End the session. Nothing happens when there is none."""
        await self._sessions.revoke(token)

    async def sign_out_everywhere(self, account_id: AccountId) -> int:
        """End every session of the account; how many there were."""
        return await self._sessions.revoke_all(account_id)

    async def _open(self, account: Account) -> SignedIn:
        token = await self._sessions.create(
            account.account_id,
            absolute=self._session_settings.agent_absolute,
            idle=self._session_settings.agent_idle,
            data={_ACCOUNT: _written(account)},
        )
        _log.info("sign_in.done", account_id=account.account_id)
        return SignedIn(token=token, account=account)

    async def _count_attempt(self, counted: Sequence[tuple[str, Rate]]) -> None:
        """Count before the password is looked at: many attempts at once must not pass together."""
        for index, (who, rate) in enumerate(counted):
            decision = await self._limiter.spend("sign-in", who, rate)
            if not decision.allowed:
                await self._forgive_attempt(counted[:index])
                raise TooManyRequests(
                    "too_many_sign_ins",
                    "Too many failed sign-ins; try again later.",
                    retry_after_s=max(1, round(decision.retry_after_s)),
                )

    @asynccontextmanager
    async def _not_counted_without_records(self, counted: Sequence[tuple[str, Rate]]) -> AsyncIterator[None]:
        """Nothing was tried when they did not answer; who tried again all the while would wait once they do."""
        try:
            yield
        except PortFailure:
            await self._forgive_attempt(counted)
            raise

    async def _forgive_attempt(self, counted: Sequence[tuple[str, Rate]]) -> None:
        for who, rate in counted:
            await self._limiter.give_back("sign-in", who, rate)

    async def _current(self, account_id: AccountId) -> Account | None:
        now = self._clock.monotonic()
        kept = self._kept.get(account_id)
        if kept is not None and now - kept[0] < FRESH_S:
            return kept[1]
        stored = await self._store.by_id(account_id)
        account = stored.account if stored is not None else None
        self._kept[account_id] = (now, account)
        self._kept.move_to_end(account_id)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return account

    # ------------------------------------------------------------ robots

    async def is_canary(self, canary_token: str) -> bool:
        """Whether this is the token of `visavis canary`."""
        return bool(self._canary_digest) and hmac.compare_digest(token_digest(canary_token), self._canary_digest)

    async def canary_seat(self, canary_token: str, seat: int) -> SignedIn:
        """Sign in robot agent `seat`, who is in no records. NotSignedIn `canary_refused`, BadInput `canary_seat`."""
        if not await self.is_canary(canary_token):
            raise NotSignedIn("canary_refused", "This is not the canary's token.")
        return await self._open(seat_account(seat))

    # ------------------------------------------------------------ looking after accounts

    async def add_user(
        self,
        *,
        name: str,
        display_name: str,
        roles: list[str],
        queues: list[str],
        password: str | None,
        skills: Mapping[str, int] | None = None,
        languages: Sequence[str] = (),
    ) -> Account:
        """A new account; `password` None: only one-time links open it. BadInput `account_…`, StateConflict
        `account_exists`."""
        able = (checked_skills(skills or {}), checked_languages(languages))
        return await self._add(name, display_name, roles, queues, password, None, able)

    async def ensure_account(
        self,
        *,
        name: str,
        display_name: str,
        roles: list[str],
        queues: list[str],
        password: str | None = None,
        agent_id: AgentId | None = None,
    ) -> Account:
        """The account of that name, made if it is missing; an existing one gets these roles and queues and keeps its
        password, its agent id, and what it can."""
        try:
            return await self._add(name, display_name, roles, queues, password, agent_id)
        except StateConflict:
            stored = await self._store.by_name(checked_name(name))
            if stored is None:
                raise  # the agent id is taken, by another name
        account = _made(
            stored.account.account_id,
            stored.account.name,
            display_name,
            roles,
            queues,
            stored.account.agent_id or agent_id,
            (stored.account.skills, stored.account.languages),
        )
        await self._store.update(account)
        self._kept.pop(account.account_id, None)
        return account

    async def change_agent(
        self,
        agent_id: AgentId,
        *,
        queues: list[str] | None = None,
        skills: Mapping[str, int] | None = None,
        languages: Sequence[str] | None = None,
    ) -> Account:
        """What an agent serves and can; None: as it was. It acts from their panel's next connection on.
        NotFound `no_such_agent`, BadInput `account_…`, PortFailure."""
        stored = await self._store.by_agent(agent_id)
        if stored is None:
            raise NotFound("no_such_agent", "There is no such agent.")
        account = replace(
            stored.account,
            queues=stored.account.queues if queues is None else checked_queues(queues),
            skills=stored.account.skills if skills is None else checked_skills(skills),
            languages=stored.account.languages if languages is None else checked_languages(languages),
        )
        await self._store.update(account)
        self._kept.pop(account.account_id, None)
        return account

    async def agent_named(self, name: str) -> Account:
        """The agent who signs in with that name. NotFound `no_such_agent`, PortFailure."""
        stored = await self._store.by_name(checked_name(name))
        if stored is None or stored.account.agent_id is None:
            raise NotFound("no_such_agent", "There is no agent of that name.")
        return stored.account

    async def set_password(self, account_id: AccountId, password: str) -> None:
        """A new password; every session of the account ends. NotFound `no_such_account`, BadInput."""
        checked_password(password)
        if await self._store.by_id(account_id) is None:
            raise _no_such_account()
        await self._store.set_password(account_id, await self._passwords.hash(password))
        await self._sessions.revoke_all(account_id)

    async def agents(self) -> Sequence[Account]:
        """The people with the role agent, by display name. PortFailure."""
        return await self._store.with_role(Role.AGENT)

    async def _add(
        self,
        name: str,
        display_name: str,
        roles: list[str],
        queues: list[str],
        password: str | None,
        agent_id: AgentId | None,
        able: tuple[Mapping[str, int], tuple[str, ...]] = ({}, ()),
    ) -> Account:
        account = _made(AccountId(new_id("ac")), checked_name(name), display_name, roles, queues, agent_id, able)
        password_hash = None if password is None else await self._passwords.hash(checked_password(password))
        await self._store.add(StoredAccount(account=account, password_hash=password_hash, created_at=self._clock.now()))
        return account


def new_token() -> str:
    """A random secret of 256 bits, for the canary's credential."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """What is kept of a random token: its SHA-256, hex. (A password would need more.)"""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _made(
    account_id: AccountId,
    name: str,
    display_name: str,
    roles: list[str],
    queues: list[str],
    agent_id: AgentId | None,
    able: tuple[Mapping[str, int], tuple[str, ...]],
) -> Account:
    held = checked_roles(roles)
    is_agent = Role.AGENT.value in held
    return Account(
        account_id=account_id,
        name=name,
        display_name=checked_display_name(display_name),
        roles=held,
        agent_id=(agent_id or AgentId(new_id("ag"))) if is_agent else None,
        queues=checked_queues(queues) if is_agent else (),
        skills=able[0] if is_agent else {},
        languages=able[1] if is_agent else (),
    )


def _written(account: Account) -> str:
    return json.dumps(
        {
            "account_id": account.account_id,
            "name": account.name,
            "display_name": account.display_name,
            "roles": sorted(account.roles),
            "agent_id": account.agent_id,
            "queues": account.queues,
            "canary": account.canary,
            "skills": dict(account.skills),
            "languages": account.languages,
        }
    )


def _read(text: str) -> Account:
    values = json.loads(text)
    lists = {name: tuple(values.get(name, ())) for name in ("queues", "languages")}
    return Account(**(values | {"roles": frozenset(values["roles"])} | lists))


def _failed() -> NotSignedIn:
    return NotSignedIn("sign_in_failed", "The name or the password is wrong, or the link is used or too old.")


def _not_signed_in() -> NotSignedIn:
    return NotSignedIn("not_signed_in", "Sign in first.")


def _no_such_account() -> NotFound:
    return NotFound("no_such_account", "There is no such account.")
