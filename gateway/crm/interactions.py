"""What a contact was, as its CRM shall remember it: a fold over the journal, one interaction per agent. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from gateway.contacts.fold import Segment, fold_contact, segments
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.contacts.states import IN_CALL
from gateway.crm.port import Interaction
from gateway.parties import ChatLine


def interactions_of(events: Sequence[JournalEvent], chat: Sequence[ChatLine] = ()) -> tuple[Interaction, ...]:
    """The interactions of a contact that has ended, in order; one without an agent when none had it.

    `chat`: what was written in it; each line goes to the agent who had the contact then.

    BadInput (`journal_broken`) when the journal does not begin with `initiated`.
    """
    summary = fold_contact(events)
    found = segments(events)
    if not found:
        return (of_summary(summary, _path(events), chat),)
    return tuple(
        _of(segment, number, summary, part, _path(events), lines, last=number == len(found))
        for number, (segment, part, lines) in enumerate(
            zip(found, _parts(found, events), _lines(found, chat), strict=True), 1
        )
    )


def of_summary(summary: ContactSummary, menu_path: tuple[str, ...] = (), chat: Sequence[ChatLine] = ()) -> Interaction:
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
        chat=tuple(chat),
    )


def _lines(found: Sequence[Segment], chat: Sequence[ChatLine]) -> list[tuple[ChatLine, ...]]:
    """The lines of each segment. Whoever takes a contact may write before the pictures are there: that is the first's
    or, later on, still the one before."""
    parts: list[list[ChatLine]] = [[] for _ in found]
    for line in chat:
        began = sum(segment.started_at <= line.at for segment in found)
        parts[max(0, began - 1)].append(line)
    return [tuple(part) for part in parts]


def _parts(found: Sequence[Segment], events: Sequence[JournalEvent]) -> Iterator[Sequence[JournalEvent]]:
    """The journal from the beginning of each segment to that of the next."""
    starts: list[int] = []
    for segment in found:
        after = starts[-1] + 1 if starts else 0
        starts.append(
            next(
                (
                    index
                    for index in range(after, len(events))
                    if events[index].at == segment.started_at and events[index].state in IN_CALL
                ),
                after,
            )
        )
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        yield events[start:end]


def _of(
    segment: Segment,
    number: int,
    summary: ContactSummary,
    part: Sequence[JournalEvent],
    menu_path: tuple[str, ...],
    chat: tuple[ChatLine, ...],
    *,
    last: bool,
) -> Interaction:
    wrapped = [event for event in part if event.name == "wrap_up_submitted"]
    length_s = segment.talk_s + segment.hold_s + segment.wrap_up_s
    return Interaction(
        interaction_id=f"{summary.contact_id}.{number}",
        contact_id=summary.contact_id,
        segment=number,
        site=summary.site,
        language=summary.language,
        queue=segment.queue or summary.queue,
        agent_id=segment.agent_id,
        started_at=segment.started_at,
        ended_at=segment.started_at + timedelta(seconds=length_s),
        end_reason=summary.end_reason if last else None,
        wait_s=summary.wait_s if number == 1 else None,
        talk_s=segment.talk_s,
        hold_s=segment.hold_s,
        wrap_up_s=segment.wrap_up_s,
        disposition=_text(wrapped[-1], "disposition") or None if wrapped else None,
        notes=_text(wrapped[-1], "notes") if wrapped else "",
        menu_path=menu_path,
        chat=chat,
    )


def _text(event: JournalEvent, key: str) -> str:
    value = event.data.get(key)
    return value if isinstance(value, str) else ""


def _path(events: Sequence[JournalEvent]) -> tuple[str, ...]:
    """What was chosen in the menu."""
    value = next((event.data.get("path") for event in events if event.name == "enqueued"), None)
    return tuple(value) if isinstance(value, list) else ()
