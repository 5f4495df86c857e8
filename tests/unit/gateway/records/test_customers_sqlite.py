"""Customers on SQLite: the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config import RecordsSettings
from gateway.records.database import Database, open_database
from tests.support.contracts.customer_records import CustomerRecordsContract


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(RecordsSettings(), tmp_path)
    yield opened
    await opened.aclose()


class TestSqliteCustomers(CustomerRecordsContract):
    pass
