"""What the lines of chats do on every database, and in memory. A subclass gives the fixture `database`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.base.clock import SystemClock
from gateway.base.ids import ContactId
from gateway.parties import ChatLine
from gateway.records.chat import SqlChat
from gateway.records.database import Database

ONE, TWO = ContactId("ct_one00000"), ContactId("ct_two00000")
NINE = datetime(2026, 3, 2, 9, 0, 0, 123_456, tzinfo=UTC)


def written(number: int, text: str = "Größe 42, s’il vous plaît 🟦\nmerci", **changes: object) -> ChatLine:
    values: dict[str, object] = {"by": "customer", "name": "Zoë", "at": NINE + timedelta(seconds=number)}
    return ChatLine(**({"number": number, "text": text} | values | changes))  # type: ignore[arg-type]


class ChatStoreContract:
    @pytest.fixture
    async def chat(self, database: Database) -> AsyncIterator[SqlChat]:
        opened = SqlChat(database, SystemClock())
        opened.start()
        yield opened
        await opened.aclose()

    async def test_lines_come_back_as_they_were_in_order(self, chat: SqlChat) -> None:
        lines = [written(number, by="agent" if number == 2 else "customer") for number in (1, 2, 3)]
        for line in (lines[1], lines[0], lines[2]):
            chat.append(ONE, line)
        chat.append(TWO, written(1, "elsewhere"))
        await chat.flushed()
        assert await chat.read(ONE) == lines
        assert [line.text for line in await chat.read(TWO)] == ["elsewhere"]

    async def test_a_line_not_written_yet_is_read_too(self, chat: SqlChat) -> None:
        chat.append(ONE, written(1))
        await chat.flushed()
        chat.append(ONE, written(2))
        assert [line.number for line in await chat.read(ONE)] == [1, 2]

    async def test_a_line_written_twice_is_there_once(self, chat: SqlChat) -> None:
        for text in ("first", "second"):
            chat.append(ONE, written(1, text))
            await chat.flushed()
        assert [line.text for line in await chat.read(ONE)] == ["first"]

    async def test_times_are_in_utc_to_the_microsecond(self, chat: SqlChat) -> None:
        chat.append(ONE, written(1, at=NINE.astimezone(timezone(timedelta(hours=5)))))
        await chat.flushed()
        (found,) = await chat.read(ONE)
        assert (found.at, found.at.utcoffset()) == (NINE, timedelta(0))

    async def test_a_line_that_can_not_be_written_harms_no_other(self, chat: SqlChat) -> None:
        chat.append(ONE, written(1))
        chat.append(ONE, written(2, at=datetime(2026, 3, 2, 9, 0)))  # noqa: DTZ001 (naive: our own bug)
        chat.append(ONE, written(3, "a\x00b"))
        await chat.flushed()
        assert [line.number for line in await chat.read(ONE)] == [1, 3]
        assert (await chat.read(ONE))[1].text == "a\ufffdb"

    async def test_a_contact_in_which_nothing_was_written_has_no_lines(self, chat: SqlChat) -> None:
        assert await chat.read(TWO) == []

    async def test_hundreds_of_lines_are_all_written(self, chat: SqlChat) -> None:
        for number in range(1, 301):
            chat.append(ONE, written(number))
        await chat.flushed()
        assert [line.number for line in await chat.read(ONE)] == list(range(1, 301))

    async def test_too_many_that_are_not_written_are_full_until_they_are(self, database: Database) -> None:
        chat = SqlChat(database, SystemClock(), limit=2)
        chat.append(ONE, written(1))
        assert not chat.full
        chat.append(ONE, written(2))
        assert chat.full
        chat.start()
        await chat.flushed()
        assert not chat.full
        await chat.aclose()

    async def test_closing_writes_the_rest(self, database: Database, chat: SqlChat) -> None:
        chat.append(ONE, written(1))
        await chat.aclose()
        assert len(await SqlChat(database, SystemClock()).read(ONE)) == 1
