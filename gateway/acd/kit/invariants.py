"""What holds in every scenario, checked over its whole log. Pure: a list of flaws, empty when all is well."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.acd.events import (
    RAW_LIMIT_BYTES,
    Abandoned,
    Accepted,
    AcdEvent,
    Connected,
    Ended,
    NoAnswer,
    Queued,
    QueueExit,
    Rejected,
    Reserved,
    Transferred,
    Unrecognised,
    WrapUpDone,
    WrapUpStarted,
)
from gateway.acd.kit.log import Asked, Entry, Said
from gateway.acd.port import AcdCapabilities
from gateway.base.ids import ContactId, OfferId

CLOSING: Final = (Abandoned, QueueExit, Ended)
AFTERWARDS: Final = (WrapUpStarted, WrapUpDone, Unrecognised)
"""What may still be said of a contact that is over."""

_ENDS_RINGING: Final = ("requeue", "confirm_media", "cancel", "end", "claimed")

Counts = Callable[[ContactId], Mapping[str, int] | None]


@dataclass(frozen=True, slots=True)
class Flaw:
    rule: str
    text: str


def flaws(entries: Sequence[Entry], capabilities: AcdCapabilities, said: Counts) -> list[Flaw]:
    """Every breach of the rules in `entries`; `said` is `Stand.said`."""
    found = [*_ids(entries), *_times(entries)]
    by_contact: dict[ContactId, list[Entry]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, Said):
            by_contact[entry.event.contact_id].append(entry)
        elif isinstance(entry, Asked) and entry.contact_id is not None:
            by_contact[entry.contact_id].append(entry)
    for contact_id, of_contact in by_contact.items():
        found += _envelopes(contact_id, of_contact)
        found += _numbers(contact_id, of_contact)
        found += _one_close(contact_id, of_contact)
        found += _one_offer(contact_id, of_contact)
        found += _places(contact_id, of_contact, capabilities)
        found += _marks(contact_id, of_contact, said(contact_id))
    return found


def _events(entries: Sequence[Entry]) -> list[AcdEvent]:
    return [entry.event for entry in entries if isinstance(entry, Said)]


def _ids(entries: Sequence[Entry]) -> Iterator[Flaw]:
    """Every event has an id of its own, by which a repetition is harmless."""
    for event_id, count in Counter(event.event_id for event in _events(entries)).items():
        if count > 1:
            yield Flaw("ids", f"event {event_id} came {count} times")
        if not event_id:
            yield Flaw("ids", "an event has no id")


def _times(entries: Sequence[Entry]) -> Iterator[Flaw]:
    """`received_at` is our clock: it never goes back. `occurred_at` is the ACD's: only that it has a zone."""
    events = _events(entries)
    for before, after in itertools.pairwise(events):
        if after.received_at < before.received_at:
            yield Flaw("times", f"{_of(after)} was received before the event that came before it")
    for event in events:
        if event.received_at.tzinfo is None or event.occurred_at.tzinfo is None:
            yield Flaw("times", f"{_of(event)} has a time without a zone")


def _envelopes(contact_id: ContactId, entries: Sequence[Entry]) -> Iterator[Flaw]:
    offered = any(isinstance(entry, Asked) and entry.command == "offer" for entry in entries)
    events = _events(entries)
    if events and not offered:
        yield Flaw("strangers", f"{_of(events[0])} is of a contact that was never offered")
    if len({event.acd_ref for event in events}) > 1 or any(not event.acd_ref for event in events):
        yield Flaw("refs", f"events of {contact_id} carry several refs, or none")
    for event in events:
        if not event.source:
            yield Flaw("sources", f"{_of(event)} does not say which adapter it is from")
        if sum(len(key) + len(value) for key, value in event.raw.items()) > RAW_LIMIT_BYTES:
            yield Flaw("raw", f"{_of(event)} carries more of its original than {RAW_LIMIT_BYTES} bytes")
    rung = 0
    for event in events:
        rung += isinstance(event.body, Reserved)
        if isinstance(event.body, Reserved) and event.attempt != rung:
            yield Flaw("attempts", f"{_of(event)} is offer {rung} and says attempt {event.attempt}")


def _numbers(contact_id: ContactId, entries: Sequence[Entry]) -> Iterator[Flaw]:
    """1, 2, 3, … per contact, as long as one adapter lives."""
    lives: dict[int, list[int]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, Said):
            lives[entry.life].append(entry.event.seq)
    for life, numbers in lives.items():
        right = list(range(1, len(numbers) + 1)) if life == 1 else sorted(set(numbers))
        if numbers != right:
            yield Flaw("numbers", f"events of {contact_id} are numbered {numbers}")


def _one_close(contact_id: ContactId, entries: Sequence[Entry]) -> Iterator[Flaw]:
    """A contact is closed once: by the ACD's word or by our command, and after it only after-call work is told."""
    closed_by = ""
    for entry in entries:
        if isinstance(entry, Asked) and entry.returned and entry.command in ("cancel", "end", "complete_wrap_up"):
            closed_by = closed_by or entry.command
        elif isinstance(entry, Asked) and entry.returned and entry.command == "offer":
            closed_by = closed_by if closed_by not in ("cancel", "QueueExit", "Abandoned") else ""  # offered anew
        elif isinstance(entry, Said):
            if closed_by and not isinstance(entry.event.body, AFTERWARDS):
                yield Flaw("one_close", f"{_of(entry.event)} came after {contact_id} was closed by {closed_by}")
            if isinstance(entry.event.body, CLOSING):
                closed_by = closed_by or type(entry.event.body).__name__


def _one_offer(contact_id: ContactId, entries: Sequence[Entry]) -> Iterator[Flaw]:
    """A contact rings at one agent at a time, and answers name the offer they are to."""
    ringing: OfferId | None = None
    taken: OfferId | None = None  # by us: the ACD may still say that it is not so
    known: set[OfferId] = set()
    for entry in entries:
        if isinstance(entry, Asked):
            answered = entry.command in ("accept", "decline") and entry.offer_id == ringing
            if answered and entry.command == "accept":
                taken = ringing
            if answered or entry.command in _ENDS_RINGING:
                ringing = None
            continue
        if not isinstance(entry, Said):
            continue
        match entry.event.body:
            case Reserved(offer_id=offer_id):
                if ringing is not None:
                    yield Flaw("one_offer", f"{contact_id} was offered as {offer_id} while {ringing} still rings")
                if offer_id in known:
                    yield Flaw("offer_ids", f"{contact_id} was offered twice as {offer_id}")
                known.add(offer_id)
                ringing = offer_id
            case Rejected(offer_id=offer_id) | NoAnswer(offer_id=offer_id) | Accepted(offer_id=offer_id):
                if offer_id not in (ringing, taken):
                    yield Flaw("offer_ids", f"{_of(entry.event)} is not of the offer that rings")
                ringing = taken = None
            case Connected() | Transferred() | Abandoned() | QueueExit() | Ended():
                ringing = None
            case _:
                pass


def _places(contact_id: ContactId, entries: Sequence[Entry], capabilities: AcdCapabilities) -> Iterator[Flaw]:
    """A place is 1 or more and told only by an ACD that knows it; an estimate is never negative."""
    for event in _events(entries):
        match event.body:
            case Queued(place=place, estimate_s=estimate_s):
                if place is not None and (place < 1 or not capabilities.gives_position):
                    yield Flaw("places", f"{contact_id} was told place {place}")
                if estimate_s is not None and (estimate_s < 0 or not capabilities.gives_estimate):
                    yield Flaw("places", f"{contact_id} was told a wait of {estimate_s} s")
            case _:
                pass


def _marks(contact_id: ContactId, entries: Sequence[Entry], said: Mapping[str, int] | None) -> Iterator[Flaw]:
    """What the ACD did not say is marked as made up."""
    if said is None:
        return
    told = Counter(type(event.body).__name__ for event in _events(entries) if not event.synthesized)
    for name, count in told.items():
        if name != Unrecognised.__name__ and count > said.get(name, 0):
            yield Flaw(
                "marks", f"{contact_id}: {name} was told {count} times unmarked, the ACD said it {said.get(name, 0)}"
            )


def _of(event: AcdEvent) -> str:
    return f"{type(event.body).__name__} #{event.seq} of {event.contact_id}"
