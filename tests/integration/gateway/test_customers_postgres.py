"""Customers on a real PostgreSQL: the contract."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from gateway.config import RecordsSettings
from gateway.records.database import Database, open_database
from tests.support.contracts.customer_records import CustomerRecordsContract
from tests.support.records import PATIENT_S
from tests.support.servers import PostgresServer


@pytest.fixture
async def database(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Database]:
    url = postgres_server.create_database(f"t{uuid4().hex[:12]}")
    opened = await open_database(RecordsSettings(url=SecretStr(url)), tmp_path, wait_s=PATIENT_S)
    yield opened
    await opened.aclose()


class TestPostgresCustomers(CustomerRecordsContract):
    pass
