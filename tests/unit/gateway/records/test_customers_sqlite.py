"""Customers on SQLite: the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.records.database import Database
from tests.support.contracts.customer_records import CustomerRecordsContract
from tests.support.records import open_records


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_records(tmp_path)
    yield opened
    await opened.aclose()


class TestSqliteCustomers(CustomerRecordsContract):
    pass
