"""What the database could not take, on disk: a file of JSON lines that outlives the process.

Used only while the database is away: the outbox appends what is not kept yet, and removes the file when everything is
written. What a dead process left is read at the next start; rows that had been written after all meet their unique
key. Blocking calls: run in a thread.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.base.log import get_logger
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.records.columns import clean

_log = get_logger("spill")

MAX_BYTES: Final = 256_000_000  # half a million events: a day of a busy center

_events: TypeAdapter[JournalEvent] = TypeAdapter(JournalEvent)
_summaries: TypeAdapter[ContactSummary] = TypeAdapter(ContactSummary)


class Spill:
    """One file of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, events: Iterable[JournalEvent], summaries: Iterable[ContactSummary]) -> None:
        """Append, and return when it is on the disk. Raises OSError; the file over its limit is one (EFBIG)."""
        lines = [_line("event", event) for event in events] + [_line("summary", each) for each in summaries]
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            if file.tell() > MAX_BYTES:
                raise OSError(27, os.strerror(27))
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def load(self) -> tuple[list[JournalEvent], list[ContactSummary]]:
        """What was kept, in order. A line that can't be read (cut off by the crash) is passed over and logged."""
        events: list[JournalEvent] = []
        summaries: list[ContactSummary] = []
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    _take(number, line, events, summaries)
        except FileNotFoundError:
            pass
        except OSError as error:
            _log.error("spill.unreadable", error=error.strerror)
        return events, summaries

    def clear(self) -> None:
        """Everything is in the database. Raises OSError."""
        self._path.unlink(missing_ok=True)


def _line(kind: str, item: JournalEvent | ContactSummary) -> str:
    values = {field.name: clean(getattr(item, field.name)) for field in fields(item)}
    return json.dumps({kind: values}, default=_written, separators=(",", ":")) + "\n"


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is nothing a journal holds")


def _take(number: int, line: bytes, events: list[JournalEvent], summaries: list[ContactSummary]) -> None:
    try:
        found = json.loads(line)
        if "event" in found:
            events.append(_events.validate_python(found["event"]))
        else:
            summaries.append(_summaries.validate_python(found["summary"]))
    except (ValueError, KeyError, TypeError, ValidationError):
        _log.error("spill.line_lost", line=number, size_bytes=len(line))
