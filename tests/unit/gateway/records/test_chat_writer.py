"""Lines while the database is away: kept in order, tried again with back-off, and lost by nobody who is patient."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId
from gateway.parties import ChatLine
from gateway.records.chat import LAST_RETRY_S, SqlChat
from gateway.records.database import Database
from tests.support.clock import FakeClock, at_rest
from tests.support.contracts.chat_store import ONE, written
from tests.support.records import open_records

Batch = Sequence[tuple[ContactId, ChatLine]]


class Flaky(SqlChat):
    """A store that can be away. Writes nothing: `taken` has what it would have written."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        super().__init__(database, clock)
        self.away = False
        self.tries = 0
        self.taken: list[int] = []

    async def _write(self, lines: Batch) -> None:
        self.tries += 1
        if self.away:
            raise PortFailure("records_unavailable", "Away.")
        self.taken += [line.number for _, line in lines]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_records(tmp_path)
    yield opened
    await opened.aclose()


async def test_lines_of_an_outage_are_written_after_it_in_order_and_once(database: Database) -> None:
    clock = FakeClock()
    chat = Flaky(database, clock)
    chat.start()
    chat.away = True
    for number in (1, 2):
        chat.append(ONE, written(number))
        await at_rest()
    await clock.run(60)
    assert chat.taken == []
    assert 60 / LAST_RETRY_S <= chat.tries <= 60 / LAST_RETRY_S + 10, "it backs off"
    assert [line.number for line in await chat.read(ONE)] == [1, 2]
    chat.away = False
    chat.append(ONE, written(3))
    await clock.run(LAST_RETRY_S)
    assert chat.taken == [1, 2, 3]
    await chat.aclose()
