"""Folds over the journal: the contacts list, the figures and the tests read a contact with this same code. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.base.errors import BadInput
from gateway.base.ids import AgentId
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.contacts.states import IN_CALL, ContactState

INITIATED: Final = "initiated"
CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Half-open `[start_s, end_s)` on the contact's monotonic clock; `end_s` None while it lasts."""

    state: ContactState
    start_s: float
    end_s: float | None
    started_at: datetime
    agent_id: AgentId | None
    queue: str = ""

    def length_s(self, until_s: float) -> float:
        return (until_s if self.end_s is None else self.end_s) - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One agent's handling of the contact, from the bridge on. A requeued or transferred contact has several."""

    agent_id: AgentId
    queue: str
    started_at: datetime
    talk_s: float
    hold_s: float
    wrap_up_s: float


def intervals(events: Iterable[JournalEvent]) -> tuple[Interval, ...]:
    """The states the contact was in, one after another. Events that change no state are passed over."""
    found: list[Interval] = []
    agent_id: AgentId | None = None
    queue = ""
    for event in events:
        agent_id = _agent_of(event, agent_id)
        if event.name in ("enqueued", "transferred"):
            queue = _text(event, "queue") or queue
        state = ContactState(event.state)
        if found and found[-1].state is state:
            continue
        if found:
            found.append(replace(found.pop(), end_s=event.mono_s))
        found.append(
            Interval(state=state, start_s=event.mono_s, end_s=None, started_at=event.at, agent_id=agent_id, queue=queue)
        )
    return tuple(found)


def talk_intervals(events: Iterable[JournalEvent]) -> tuple[Interval, ...]:
    """When two people were on the call, held times included: what a complete recording covers."""
    return tuple(each for each in intervals(events) if each.state in IN_CALL)


def segments(events: Sequence[JournalEvent]) -> tuple[Segment, ...]:
    """Agent time per agent and stretch, in order."""
    until_s = events[-1].mono_s if events else 0.0
    found: list[Segment] = []
    open_for: AgentId | None = None
    for each in intervals(events):
        if each.state not in IN_CALL | {ContactState.WRAP_UP} or each.agent_id is None:
            open_for = None
            continue
        length_s = each.length_s(until_s)
        talk_s = length_s if each.state is ContactState.ACTIVE else 0.0
        hold_s = length_s if each.state in IN_CALL - {ContactState.ACTIVE} else 0.0
        wrap_up_s = length_s if each.state is ContactState.WRAP_UP else 0.0
        queue, started_at = each.queue, each.started_at
        if open_for == each.agent_id:
            last = found.pop()
            talk_s, hold_s, wrap_up_s = last.talk_s + talk_s, last.hold_s + hold_s, last.wrap_up_s + wrap_up_s
            queue, started_at = last.queue, last.started_at
        found.append(
            Segment(
                agent_id=each.agent_id,
                queue=queue,
                started_at=started_at,
                talk_s=talk_s,
                hold_s=hold_s,
                wrap_up_s=wrap_up_s,
            )
        )
        open_for = each.agent_id
    return tuple(found)


def fold_contact(events: Sequence[JournalEvent]) -> ContactSummary:
    """The contact as its journal tells it. BadInput (`journal_broken`) when it does not begin with `initiated`."""
    if not events or events[0].name != INITIATED:
        raise BadInput("journal_broken", "A journal begins with `initiated`.")
    first, last = events[0], events[-1]
    queued = next((event for event in events if event.name == "enqueued"), None)
    answered = next((event for event in events if _answers(event)), None)
    closed = next((event for event in events if event.name == CLOSED), None)
    wrapped = next((event for event in events if event.name == "wrap_up_submitted"), None)
    language = queued.data.get("language") if queued is not None else None
    wait_s = None
    if queued is not None:
        left = next((event for event in events if event.state in ("wrap_up", CLOSED)), last)
        wait_s = (answered or left).mono_s - queued.mono_s
    agent_id: AgentId | None = None
    for event in events:
        agent_id = _agent_of(event, agent_id, keep=True)
    parts = segments(events)
    found = intervals(events)
    return ContactSummary(
        contact_id=first.contact_id,
        version=last.seq,
        site=_text(first, "site"),
        visitor_hash=_text(first, "visitor_hash"),
        language=language if isinstance(language, str) else _text(first, "language"),
        display_name=_text(first, "display_name"),
        canary=first.data.get("canary") is True,
        state=last.state,
        end_reason=closed.reason if closed is not None else None,
        queue=found[-1].queue if queued is not None else None,
        agent_id=agent_id,
        started_at=first.at,
        queued_at=queued.at if queued is not None else None,
        answered_at=answered.at if answered is not None else None,
        ended_at=closed.at if closed is not None else None,
        wait_s=wait_s,
        talk_s=sum(part.talk_s for part in parts),
        hold_s=sum(part.hold_s for part in parts),
        wrap_up_s=sum(part.wrap_up_s for part in parts),
        disposition=_text(wrapped, "disposition") if wrapped is not None else None,
        notes=_text(wrapped, "notes") if wrapped is not None else "",
    )


def _answers(event: JournalEvent) -> bool:
    """Whether an agent has the customer from here on: by video, or as far as the ACD told by voice."""
    return event.name == "bridged" or (event.name == "voice_only" and event.reason == "connected")


def _text(event: JournalEvent, key: str) -> str:
    value = event.data.get(key, "")
    return value if isinstance(value, str) else ""


def _agent_of(event: JournalEvent, agent_id: AgentId | None, *, keep: bool = False) -> AgentId | None:
    """Who the contact is with after the event; `keep`: who it was with last."""
    if event.name in ("offer_accepted", "claimed", "transfer_completed"):
        return AgentId(_text(event, "agent_id"))
    if not keep and event.state in (ContactState.QUEUED, ContactState.OFFERED, ContactState.VOICE):
        return None
    return agent_id
