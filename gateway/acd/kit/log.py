"""Everything that was said and asked in one scenario, in order, and waiting for what must come."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.acd.events import AcdEvent, AgentEvent
from gateway.acd.port import CutCause
from gateway.base.clock import Clock
from gateway.base.ids import ContactId, OfferId

T = TypeVar("T")


class Missed(Exception):
    """Something that must happen did not, or something happened that must not. The text is for people."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event of a contact came from the adapter. `life` counts the adapters that were built."""

    at_s: float
    life: int
    event: AcdEvent


@dataclass(frozen=True, slots=True)
class SaidOfAgent:
    at_s: float
    event: AgentEvent


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that was given to the adapter. Written down twice: when it is given, and when it has returned."""

    at_s: float
    command: str
    contact_id: ContactId | None
    detail: str
    offer_id: OfferId | None = None
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What the stand was asked to do."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Back:
    """The adapter said that its ACD is back after a cut."""

    at_s: float
    cause: CutCause


Entry = Said | SaidOfAgent | Asked | Done | Back


@dataclass(slots=True)
class Log:
    """Grows with one scenario and ends with it."""

    clock: Clock
    entries: list[Entry] = field(default_factory=list)
    life: int = 0
    _by_contact: dict[ContactId, list[AcdEvent]] = field(default_factory=lambda: defaultdict(list))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, event: AcdEvent) -> None:
        self._by_contact[event.contact_id].append(event)
        self.add(Said(self.clock.monotonic(), self.life, event))

    def heard_of_agent(self, event: AgentEvent) -> None:
        self.add(SaidOfAgent(self.clock.monotonic(), event))

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._changed.set()

    def said(self) -> list[AcdEvent]:
        return [entry.event for entry in self.entries if isinstance(entry, Said)]

    def said_of(self, contact_id: ContactId) -> Sequence[AcdEvent]:
        return self._by_contact[contact_id]

    def bodies(self, contact_id: ContactId, *kinds: type[T]) -> list[T]:
        return [event.body for event in self.said_of(contact_id) if isinstance(event.body, kinds)]

    async def until(self, found: Callable[[], T | None], what: str, within_s: float) -> T:
        """What `found` gives, as soon as it gives something. Missed when that takes too long."""
        try:
            async with asyncio.timeout(within_s):
                while (thing := found()) is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Missed(f"{what} did not come within {within_s:g} s") from None
        return thing


def trace(entries: Iterable[Entry]) -> list[str]:
    """The log as lines for people: seconds from the start, who, what."""
    lines: list[str] = []
    began_s: float | None = None
    for entry in entries:
        began_s = entry.at_s if began_s is None else began_s
        lines.append(f"{entry.at_s - began_s:8.3f} {_line(entry)}")
    return lines


def _line(entry: Entry) -> str:
    match entry:
        case Said(event=event):
            mark = " (made up)" if event.synthesized else ""
            return f"<- {event.contact_id} #{event.seq} {event.body}{mark}"
        case SaidOfAgent(event=event):
            return f"<- agent {event.agent.ref} {event.state} {event.reason or ''}".rstrip()
        case Asked():
            end = " returned" if entry.returned else ""
            return f"-> {entry.contact_id or ''} {entry.command}{end} {entry.detail}".rstrip()
        case Done():
            return f"** {entry.text}"
        case Back():
            return f"<- back after a cut: {entry.cause}"
