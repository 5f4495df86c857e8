"""What follows of what the ACD tells of a task.

Pure. The ACD's events may be missing, repeated, late or echoes of our own commands: what is missing is made up and
marked, what says nothing new is written down and moves nothing.
"""

from dataclasses import replace
from typing import Any, Final

from gateway.acd import events as e
from gateway.acd.events import ExitReason, Party, RejectReason, TargetKind, TransferMode
from gateway.acd.port import Phase
from gateway.acd.tasks.mapping import Told
from gateway.acd.tasks.moves import moved
from gateway.acd.tasks.task import IN_CALL, IN_LINE, Heard, Said, Task, taken_by_us
from gateway.base.ids import new_offer_id

LONGEST_S: Final = 7 * 86_400.0


def tell(task: Task, heard: Heard, *, by_claim: bool = False) -> list[Said]:
    """Apply what the ACD told to `task`; what the contact is told, in order. `by_claim` as in `moved`."""
    said = moved(task, heard, by_claim=by_claim)
    if said is None:
        said = _BY_EVENT[heard.told](task, heard)
    return heard.nothing if said is None else said


# ---------------------------------------------------------------- one by one; None: nothing follows of it


def _offered(task: Task, heard: Heard) -> list[Said] | None:
    if task.offered or task.phase is not Phase.QUEUED:
        return None
    task.offered = True
    return [Said(e.Offered())]


def _queued(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase is not Phase.QUEUED:
        return None
    place = _number(heard.fields.get("place"))
    return [
        Said(
            e.Queued(
                place=int(place) if place is not None and place >= 1 else None,
                estimate_s=_number(heard.fields.get("estimate_s")),
            )
        )
    ]


def _reserved(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase is Phase.RINGING and heard.reservation == task.reservation:
        return None
    if task.phase not in IN_LINE:
        return None
    said = _withdrawn(task)
    task.phase = Phase.RINGING
    task.offer_id = new_offer_id()
    task.reservation = heard.reservation
    task.agent = heard.agent
    task.attempt += 1
    said.append(
        Said(
            e.Reserved(
                offer_id=task.offer_id,
                agent_id=heard.agent_id,
                agent=task.agent,
                deadline_s=_number(heard.fields.get("deadline_s")),
            )
        )
    )
    return said


def _withdrawn(task: Task) -> list[Said]:
    """A reservation stands that must be over: another one is told of, or the end."""
    if task.phase is not Phase.RINGING or task.offer_id is None:
        return []
    said = [Said(e.Rejected(offer_id=task.offer_id, reason=RejectReason.WITHDRAWN), made_up=True)]
    task.phase = Phase.QUEUED
    task.free()
    return said


def _is_stale(task: Task, heard: Heard) -> bool:
    """Whether this is of a reservation that does not stand."""
    return task.phase is not Phase.RINGING or heard.reservation not in ("", task.reservation)


def _rejected(task: Task, heard: Heard) -> list[Said] | None:
    if _is_stale(task, heard) or task.offer_id is None:
        return None
    reason = _one_of(RejectReason, heard.fields.get("reason"), RejectReason.DECLINED)
    said = [Said(e.Rejected(offer_id=task.offer_id, reason=reason))]
    task.in_line_again()
    return said


def _no_answer(task: Task, heard: Heard) -> list[Said] | None:
    if _is_stale(task, heard) or task.offer_id is None:
        return None
    said = [Said(e.NoAnswer(offer_id=task.offer_id))]
    task.in_line_again()
    return said


def _accepted(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase not in IN_LINE:
        return None
    said: list[Said] = []
    if task.phase is Phase.QUEUED or heard.reservation not in ("", task.reservation):
        missing = _reserved(task, heard) or []
        said += [replace(each, made_up=True) for each in missing]
    if task.offer_id is None:
        return None
    said.append(Said(e.Accepted(offer_id=task.offer_id)))
    taken_by_us(task)
    return said


def _connected(task: Task, heard: Heard) -> list[Said] | None:
    said = []
    if task.phase in IN_LINE:
        said = [replace(each, made_up=True) for each in _accepted(task, heard) or []]
    if task.phase not in IN_CALL:
        return None
    return [*said, Said(e.Connected(agent=heard.agent or task.agent))]


def _held(task: Task, heard: Heard) -> list[Said] | None:
    if not _is_change(task, heard, held=True):
        return None
    if task.phase is not Phase.CONNECTED:
        return None
    task.phase = Phase.HELD
    return [Said(e.Held(by=_one_of(Party, heard.fields.get("by"), Party.AGENT)))]


def _is_change(task: Task, heard: Heard, *, held: bool) -> bool:
    """Whether the ACD changed its mind. A snapshot that was made before our own hold arrived there is no resumption."""
    changed = not heard.quiet or task.held_there is not held
    task.held_there = held
    return changed


def _resumed(task: Task, heard: Heard) -> list[Said] | None:
    if not _is_change(task, heard, held=False):
        return None
    if task.phase is not Phase.HELD:
        return None
    task.phase = Phase.CONNECTED
    return [Said(e.Resumed(by=_one_of(Party, heard.fields.get("by"), Party.AGENT)))]


def _transferring(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase not in IN_CALL:
        return None
    value = heard.fields.get("target", "")
    kind = _one_of(TargetKind, heard.fields.get("target_kind"), TargetKind.QUEUE)
    return [
        Said(
            e.Transferring(
                mode=_one_of(TransferMode, heard.fields.get("mode"), TransferMode.BLIND),
                target=e.TransferTarget(kind=kind, value=value) if value else None,
            )
        )
    ]


def _transferred(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase not in IN_CALL or heard.agent is not None:  # to another agent: `moved`
        return None
    task.in_line_again()
    return [Said(e.Transferred(queue=heard.fields.get("queue") or None))]


def _transfer_failed(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase not in IN_CALL:
        return None
    return [Said(e.TransferFailed(reason=_word(heard.fields.get("reason"), "refused")))]


def _abandoned(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase not in IN_LINE:
        return None
    said = [*_withdrawn(task), Said(e.Abandoned(waited_s=_number(heard.fields.get("waited_s"))))]
    task.phase = Phase.GONE
    return said


def _queue_exit(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase not in IN_LINE:
        return None
    said = [
        *_withdrawn(task),
        Said(e.QueueExit(reason=_one_of(ExitReason, heard.fields.get("reason"), ExitReason.WITHDRAWN))),
    ]
    task.phase = Phase.GONE
    return said


def _ended(task: Task, heard: Heard) -> list[Said] | None:
    if task.phase in IN_LINE:  # ended without an agent: it left the queue
        said = [*_withdrawn(task), Said(e.QueueExit(reason=ExitReason.WITHDRAWN), made_up=True)]
        task.phase = Phase.GONE
        return said
    if task.phase not in IN_CALL:
        return None
    task.phase = Phase.WRAP_UP
    by = _one_of(Party, heard.fields.get("by"), Party.UNKNOWN)
    return [Said(e.Ended(by=by, reason=_word(heard.fields.get("reason"), "normal")))]


def _wrap_up_started(task: Task, heard: Heard) -> list[Said] | None:
    said: list[Said] = []
    if task.phase in IN_CALL:
        said = [replace(each, made_up=True) for each in _ended(task, heard) or []]
    if task.phase is not Phase.WRAP_UP or task.wrapping:
        return said or None
    task.wrapping = True
    return [*said, Said(e.WrapUpStarted())]


def _wrap_up_done(task: Task, heard: Heard) -> list[Said] | None:
    said: list[Said] = []
    if task.phase in IN_CALL or task.phase in IN_LINE:
        said = [replace(each, made_up=True) for each in _ended(task, heard) or []]
    if task.phase is not Phase.WRAP_UP:
        return said or None
    task.phase = Phase.GONE
    return [*said, Said(e.WrapUpDone(disposition=_word(heard.fields.get("disposition"), "") or None))]


def _nothing(task: Task, heard: Heard) -> list[Said] | None:
    return None


_BY_EVENT: Final = {
    Told.OFFERED: _offered,
    Told.QUEUED: _queued,
    Told.RESERVED: _reserved,
    Told.REJECTED: _rejected,
    Told.NO_ANSWER: _no_answer,
    Told.ACCEPTED: _accepted,
    Told.CONNECTED: _connected,
    Told.HELD: _held,
    Told.RESUMED: _resumed,
    Told.TRANSFERRING: _transferring,
    Told.TRANSFERRED: _transferred,
    Told.TRANSFER_FAILED: _transfer_failed,
    Told.ABANDONED: _abandoned,
    Told.QUEUE_EXIT: _queue_exit,
    Told.ENDED: _ended,
    Told.WRAP_UP_STARTED: _wrap_up_started,
    Told.WRAP_UP_DONE: _wrap_up_done,
    Told.AGENT_STATE: _nothing,
    Told.RESTARTED: _nothing,
    Told.IGNORED: _nothing,
}


# ---------------------------------------------------------------- reading fields


def _number(text: str | None) -> float | None:
    """A number of seconds or places that can be meant; None for anything else."""
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value <= LONGEST_S else None


def _word(text: str | None, otherwise: str) -> str:
    return (text or otherwise)[:80]


def _one_of(kind: Any, text: str | None, otherwise: Any) -> Any:
    return kind(text) if text in tuple(kind) else otherwise
