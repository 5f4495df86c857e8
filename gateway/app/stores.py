"""What a node writes into: the live state, the records, and what is written into these all the time."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from gateway.base.clock import Clock
from gateway.config import Settings
from gateway.live.store import Live, open_live
from gateway.records.chat import SqlChat
from gateway.records.database import Database, open_database
from gateway.records.journal import SqlJournal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Open, and written into."""

    live: Live
    database: Database
    journal: SqlJournal
    chat: SqlChat


async def open_stores(settings: Settings, clock: Clock, stack: AsyncExitStack, data_dir: Path) -> Stores:
    """Each is closed by the stack. SetupError when the records can't be had."""
    live = open_live(settings.live)
    stack.push_async_callback(live.aclose)
    database = await open_database(settings.records, data_dir)
    stack.push_async_callback(database.aclose)
    journal = SqlJournal(database, clock, outbox_limit=settings.records.outbox_limit)
    journal.start()
    stack.push_async_callback(journal.aclose)
    chat = SqlChat(database, clock)
    chat.start()
    stack.push_async_callback(chat.aclose)
    return Stores(live=live, database=database, journal=journal, chat=chat)
