"""Our own records behind the CRM port, on SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.base.clock import SystemClock
from gateway.crm.own import OwnCrm
from gateway.crm.port import CrmPort
from gateway.records.customers import SqlCustomers
from gateway.records.interactions import SqlInteractions
from tests.support.contracts.crm import CrmContract
from tests.support.records import open_records


class TestOwnCrm(CrmContract):
    @pytest.fixture
    async def crm(self, tmp_path: Path) -> AsyncIterator[CrmPort]:
        database = await open_records(tmp_path)
        yield OwnCrm(SqlCustomers(database), SqlInteractions(database), SystemClock())
        await database.aclose()
