"""Accounts and their one-time links in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.accounts.model import Account, Role, StoredAccount, TakenLink
from gateway.base.errors import StateConflict
from gateway.base.ids import AccountId, AgentId
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import accounts, sign_in_links

MAX_LISTED = 10_000


class SqlAccounts:
    """`AccountStore` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, stored: StoredAccount) -> None:
        values = {
            "account_id": stored.account.account_id,
            "name": stored.account.name,
            "password_hash": stored.password_hash,
            "created_at": stored.created_at,
        }
        await self._guarded(insert(accounts).values(**values, **_changeable(stored.account)))

    async def update(self, account: Account) -> bool:
        changed = await self._guarded(
            update(accounts).where(accounts.c.account_id == account.account_id).values(**_changeable(account))
        )
        return changed == 1

    async def _guarded(self, statement: Any) -> int:
        try:
            async with self._database.writing() as connection:
                return int((await connection.execute(statement)).rowcount)
        except IntegrityError as error:
            raise StateConflict("account_exists", "There is an account of that name or agent already.") from error

    async def by_name(self, name: str) -> StoredAccount | None:
        return _first(await self._database.rows(select(accounts).where(accounts.c.name == clean(name))))

    async def by_id(self, account_id: AccountId) -> StoredAccount | None:
        return _first(await self._database.rows(select(accounts).where(accounts.c.account_id == clean(account_id))))

    async def by_agent(self, agent_id: AgentId) -> StoredAccount | None:
        return _first(await self._database.rows(select(accounts).where(accounts.c.agent_id == clean(agent_id))))

    async def with_role(self, role: Role) -> list[Account]:
        rows = await self._database.rows(
            select(accounts).order_by(accounts.c.display_name, accounts.c.name).limit(MAX_LISTED)
        )
        return [_stored(row).account for row in rows if role.value in row.roles]

    async def set_password(self, account_id: AccountId, password_hash: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(accounts).where(accounts.c.account_id == account_id).values(password_hash=password_hash)
            )

    async def add_link(self, digest: str, account_id: AccountId, expires_at: datetime) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                insert(sign_in_links).values(digest=digest, account_id=account_id, expires_at=expires_at)
            )

    async def take_link(self, digest: str, now: datetime) -> TakenLink | None:
        async with self._database.writing() as connection:
            await connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now))
            taken = await connection.execute(
                delete(sign_in_links)
                .where(sign_in_links.c.digest == digest)
                .returning(sign_in_links.c.account_id, sign_in_links.c.expires_at)
            )
            row = taken.one_or_none()
        return None if row is None else TakenLink(account_id=AccountId(row.account_id), expires_at=row.expires_at)


def _changeable(account: Account) -> dict[str, Any]:
    return {
        "display_name": clean(account.display_name),
        "roles": sorted(account.roles),
        "agent_id": account.agent_id,
        "queues": list(account.queues),
        "skills": dict(account.skills),
        "languages": list(account.languages),
    }


def _first(rows: list[Row[Any]]) -> StoredAccount | None:
    return _stored(rows[0]) if rows else None


def _stored(row: Row[Any]) -> StoredAccount:
    return StoredAccount(
        account=Account(
            account_id=AccountId(row.account_id),
            name=row.name,
            display_name=row.display_name,
            roles=frozenset(row.roles),
            agent_id=None if row.agent_id is None else AgentId(row.agent_id),
            queues=tuple(row.queues),
            skills=dict(row.skills),
            languages=tuple(row.languages),
        ),
        password_hash=row.password_hash,
        created_at=row.created_at,
    )
