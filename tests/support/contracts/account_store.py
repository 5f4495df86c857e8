"""What every `AccountStore` does. A subclass gives the fixture `database`."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from gateway.accounts.model import Account, Role, StoredAccount, TakenLink
from gateway.base.errors import StateConflict
from gateway.base.ids import AccountId, AgentId
from gateway.records.accounts import SqlAccounts
from gateway.records.database import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def stored(name: str, agent: str | None = None, **changes: object) -> StoredAccount:
    account = Account(
        account_id=AccountId(f"ac_{name}"),
        name=name,
        display_name=name.title(),
        roles=frozenset({"agent"} if agent else {"admin"}),
        agent_id=AgentId(agent) if agent else None,
        queues=("sales", "support") if agent else (),
        skills={"french": 7} if agent else {},
        languages=("fr", "en") if agent else (),
    )
    return StoredAccount(account=dataclasses.replace(account, **changes), password_hash="hash", created_at=NOW)  # type: ignore[arg-type]


class AccountStoreContract:
    @pytest.fixture
    def store(self, database: Database) -> SqlAccounts:
        return SqlAccounts(database)

    async def test_an_account_comes_back_as_it_was(self, store: SqlAccounts):
        anna = stored("anna", "ag_anna0000")
        await store.add(anna)
        assert await store.by_name("anna") == anna
        assert await store.by_id(anna.account.account_id) == anna
        assert await store.by_agent(AgentId("ag_anna0000")) == anna
        assert await store.by_agent(AgentId("ag_other000")) is None

    async def test_what_is_not_there_is_none(self, store: SqlAccounts):
        for odd in ("nobody", "", "a\x00b", "\ud800", "x' OR '1'='1"):
            assert await store.by_name(odd) is None
            assert await store.by_id(AccountId(odd)) is None

    async def test_a_name_or_an_agent_is_taken_once(self, store: SqlAccounts):
        await store.add(stored("anna", "ag_anna0000"))
        with pytest.raises(StateConflict, match="account_exists"):
            await store.add(stored("anna", "ag_other000", account_id=AccountId("ac_other")))
        with pytest.raises(StateConflict, match="account_exists"):
            await store.add(stored("ben", "ag_anna0000"))
        await store.add(stored("admin1"))
        await store.add(stored("admin2"))

    async def test_agents_are_listed_by_display_name(self, store: SqlAccounts):
        await store.add(stored("zoe", "ag_zoe00000", display_name="Adele"))
        await store.add(stored("anna", "ag_anna0000"))
        await store.add(stored("boss"))
        assert [account.name for account in await store.with_role(Role.AGENT)] == ["zoe", "anna"]
        assert [account.name for account in await store.with_role(Role.ADMIN)] == ["boss"]

    async def test_an_update_keeps_name_and_password(self, store: SqlAccounts):
        anna = stored("anna", "ag_anna0000")
        await store.add(anna)
        changed = dataclasses.replace(anna.account, display_name="Änne", queues=("parts",))
        assert await store.update(changed)
        assert await store.by_name("anna") == dataclasses.replace(anna, account=changed)
        assert not await store.update(stored("nobody").account)

    async def test_a_password_is_replaced(self, store: SqlAccounts):
        await store.add(stored("anna", "ag_anna0000"))
        await store.set_password(AccountId("ac_anna"), "new")
        found = await store.by_name("anna")
        assert found is not None
        assert found.password_hash == "new"

    async def test_a_link_is_good_once_until_its_time(self, store: SqlAccounts):
        await store.add_link("d1", AccountId("ac_anna"), NOW + timedelta(minutes=10))
        await store.add_link("d2", AccountId("ac_anna"), NOW + timedelta(minutes=10))
        taken = TakenLink(account_id=AccountId("ac_anna"), expires_at=NOW + timedelta(minutes=10))
        assert await store.take_link("d1", NOW) == taken
        assert await store.take_link("d1", NOW) is None
        assert await store.take_link("d2", NOW + timedelta(minutes=10)) is None
        assert await store.take_link("unknown", NOW) is None

    async def test_of_many_who_take_a_link_at_once_one_gets_it(self, store: SqlAccounts):
        await store.add_link("d1", AccountId("ac_anna"), NOW + timedelta(minutes=10))
        taken = await asyncio.gather(*(store.take_link("d1", NOW) for _ in range(8)))
        assert [found.account_id for found in taken if found is not None] == ["ac_anna"]
