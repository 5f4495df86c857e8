"""What a contact was, as its CRM shall remember it: a fold over the journal, one interaction per agent. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.base.ids import AgentId
from gateway.contacts.fold import fold_contact, intervals
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.contacts.states import ContactState
from gateway.crm.port import Interaction

_WITH_AGENT = (ContactState.ACTIVE, ContactState.HELD, ContactState.WRAP_UP)


@dataclass(slots=True)
class _Stretch:
    """One agent's time with the contact, while the journal is read."""

    agent_id: AgentId
    start_s: float
    started_at: datetime
    length_s: dict[ContactState, float] = field(default_factory=dict)
    end_s: float = 0.0


def interactions_of(events: Sequence[JournalEvent]) -> tuple[Interaction, ...]:
    """The interactions of a contact that has ended, in order; one without an agent when none had it.

    BadInput (`journal_broken`) when the journal does not begin with `initiated`.
    """
    summary = fold_contact(events)
    stretches = _stretches(events)
    if not stretches:
        path = next((_path(event) for event in reversed(events) if event.name == "enqueued"), ())
        return (of_summary(summary, path),)
    return tuple(_of(stretch, number, stretches, summary, events) for number, stretch in enumerate(stretches, 1))


def of_summary(summary: ContactSummary, menu_path: tuple[str, ...] = ()) -> Interaction:
    """The whole contact as one interaction: nobody's, or everybody's whose parts can't be told apart."""
    return Interaction(
        interaction_id=f"{summary.contact_id}.0",
        contact_id=summary.contact_id,
        segment=0,
        site=summary.site,
        language=summary.language,
        queue=summary.queue,
        agent_id=summary.agent_id if summary.answered_at is not None else None,
        started_at=summary.started_at,
        ended_at=summary.ended_at or summary.started_at,
        end_reason=summary.end_reason,
        wait_s=summary.wait_s,
        talk_s=summary.talk_s,
        hold_s=summary.hold_s,
        wrap_up_s=summary.wrap_up_s,
        disposition=summary.disposition,
        notes=summary.notes,
        menu_path=menu_path,
    )


def _stretches(events: Sequence[JournalEvent]) -> list[_Stretch]:
    until_s = events[-1].mono_s
    found: list[_Stretch] = []
    joined = False  # to the interval before
    for each in intervals(events):
        if each.state not in _WITH_AGENT or each.agent_id is None:
            joined = False
            continue
        if not joined or found[-1].agent_id != each.agent_id:
            found.append(_Stretch(each.agent_id, each.start_s, each.started_at))
        joined = True
        length_s = each.length_s(until_s)
        found[-1].length_s[each.state] = found[-1].length_s.get(each.state, 0.0) + length_s
        found[-1].end_s = each.start_s + length_s
    return found


def _of(
    stretch: _Stretch,
    number: int,
    stretches: Sequence[_Stretch],
    summary: ContactSummary,
    events: Sequence[JournalEvent],
) -> Interaction:
    last = number == len(stretches)
    next_s = float("inf") if last else stretches[number].start_s
    wrapped = [event for event in events if event.name == "wrap_up_submitted"]
    own = [event for event in wrapped if stretch.start_s <= event.mono_s < next_s]
    queued = [event for event in events if event.name == "enqueued" and event.mono_s <= stretch.start_s]
    ended = next((event.at for event in events if event.mono_s >= stretch.end_s), events[-1].at)
    return Interaction(
        interaction_id=f"{summary.contact_id}.{number}",
        contact_id=summary.contact_id,
        segment=number,
        site=summary.site,
        language=summary.language,
        queue=_text(queued[-1], "queue") if queued else summary.queue,
        agent_id=stretch.agent_id,
        started_at=stretch.started_at,
        ended_at=ended,
        end_reason=summary.end_reason if last else None,
        wait_s=summary.wait_s if number == 1 else None,
        talk_s=stretch.length_s.get(ContactState.ACTIVE, 0.0),
        hold_s=stretch.length_s.get(ContactState.HELD, 0.0),
        wrap_up_s=stretch.length_s.get(ContactState.WRAP_UP, 0.0),
        disposition=_text(own[-1], "disposition") or None if own else None,
        notes=_text(own[-1], "notes") if own else "",
        menu_path=_path(queued[-1]) if queued else (),
    )


def _text(event: JournalEvent, key: str) -> str:
    value = event.data.get(key)
    return value if isinstance(value, str) else ""


def _path(event: JournalEvent) -> tuple[str, ...]:
    value = event.data.get("path")
    return tuple(value) if isinstance(value, list) else ()
