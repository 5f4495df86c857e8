"""Our own records behind the CRM port, on SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.base.clock import SystemClock
from gateway.config import RecordsSettings
from gateway.crm.own import OwnCrm
from gateway.crm.port import CrmPort
from gateway.records.customers import SqlCustomers
from gateway.records.database import open_database
from gateway.records.interactions import SqlInteractions
from tests.support.contracts.crm import CrmContract


class TestOwnCrm(CrmContract):
    @pytest.fixture
    async def crm(self, tmp_path: Path) -> AsyncIterator[CrmPort]:
        database = await open_database(RecordsSettings(), tmp_path)
        yield OwnCrm(SqlCustomers(database), SqlInteractions(database), SystemClock())
        await database.aclose()
