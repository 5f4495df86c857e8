"""One contact as a task at the ACD: how far it is, and what follows of what the ACD tells.

Pure. The ACD's events may be missing, repeated, late or echoes of our own commands: what is missing is made up and
marked, what says nothing new is written down and moves nothing. At most one reservation stands at any time, and the
task ends once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.acd import events as e
from gateway.acd.events import AcdEventBody, AgentName, ExitReason, Party, RejectReason, TargetKind, TransferMode
from gateway.acd.port import ContactOffer, Phase
from gateway.acd.tasks.mapping import Told
from gateway.base.ids import AgentId, OfferId, new_offer_id

IN_LINE: Final = frozenset({Phase.QUEUED, Phase.RINGING})
IN_CALL: Final = frozenset({Phase.CONNECTED, Phase.HELD})
MAX_KEPT: Final = 20
MAX_ROUNDS_KNOWN: Final = 16
LONGEST_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Said:
    """One event for the contact. `made_up`: nobody told it, it follows from what was told."""

    body: AcdEventBody
    made_up: bool = False


@dataclass(slots=True, kw_only=True)
class Task:
    """`offer` is as the contact gave it, with its attributes as they are now."""

    offer: ContactOffer
    ref: str = ""  # the ACD's own name; empty until it answered
    round: int = 1  # grows when the same contact becomes a new task there
    former_refs: list[str] = field(default_factory=list)
    phase: Phase = Phase.QUEUED
    taken: bool = False  # an agent had it in this round
    confirmed: bool = False  # and customer and agent see and hear each other
    offer_id: OfferId | None = None
    reservation: str = ""
    agent: AgentName | None = None
    kept: dict[str, str] = field(default_factory=dict)
    letters: int = 0  # sent so far
    seq: int = 0  # events told so far
    attempt: int = 0
    offered: bool = False  # told
    wrapping: bool = False  # told
    held_there: bool = False  # as the ACD's last snapshot had it

    def is_former(self, ref: str) -> bool:
        """Whether `ref` names an earlier round of this contact."""
        return ref in self.former_refs

    @property
    def awaits_ref(self) -> bool:
        """Whether the ACD has not said yet what it calls this round."""
        return not self.ref or self.ref in self.former_refs

    def next_round(self) -> None:
        """It becomes a new task at the ACD, in line again."""
        if self.ref:
            self.former_refs = [*self.former_refs, self.ref][-MAX_ROUNDS_KNOWN:]
        self.round += 1
        self.kept.clear()
        self.in_line_again()

    def called(self, ref: str) -> bool:
        """The ACD calls this round `ref`, which may be what it called an earlier one; whether that is news."""
        if self.ref == ref and ref not in self.former_refs:
            return False
        if self.ref and self.ref != ref and self.ref not in self.former_refs:
            self.former_refs = [*self.former_refs, self.ref][-MAX_ROUNDS_KNOWN:]
        self.former_refs = [former for former in self.former_refs if former != ref]
        self.ref = ref
        return True

    def stands(self, phase: Phase) -> None:
        """The ACD was asked, and has it in `phase`."""
        if phase in IN_LINE:
            self.in_line_again()
        elif phase is Phase.GONE:
            self.free()
        else:
            self.taken = True
        self.phase = Phase.QUEUED if phase in IN_LINE else phase

    def in_line_again(self) -> None:
        self.phase = Phase.QUEUED
        self.taken = False
        self.confirmed = False
        self.wrapping = False
        self.held_there = False
        self.free()

    def free(self) -> None:
        """No reservation stands any more."""
        self.offer_id, self.reservation, self.agent = None, "", None

    def keep(self, kept: Mapping[str, str]) -> bool:
        """Remember what a rule or an answer wants kept; whether that is news."""
        before = dict(self.kept)
        for name, value in kept.items():
            if value and (name in self.kept or len(self.kept) < MAX_KEPT):
                self.kept[name] = value
        return self.kept != before


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the ACD told, read but not understood: fields as texts."""

    told: Told
    fields: Mapping[str, str] = field(default_factory=dict)
    agent_id: AgentId | None = None  # whose name the field `agent` is here
    name: str = ""  # what the ACD calls the event
    quiet: bool = False  # where it is no news, nobody needs to read of it

    @property
    def agent(self) -> AgentName | None:
        ref = self.fields.get("agent", "")
        return AgentName(ref=ref, agent_id=self.agent_id) if ref else None

    @property
    def reservation(self) -> str:
        return self.fields.get("reservation", "")


def tell(task: Task, heard: Heard) -> list[Said]:
    """Apply what the ACD told to `task`; what the contact is told, in order."""
    said = _BY_EVENT[heard.told](task, heard)
    if said is None:
        return [] if heard.quiet else [Said(e.Unrecognised(name=heard.name or heard.told.value))]
    return said


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


def taken_by_us(task: Task) -> None:
    """The agent has it, whoever said so."""
    task.phase = Phase.CONNECTED
    task.taken = True


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
    if task.phase not in IN_CALL:
        return None
    said = Said(e.Transferred(queue=heard.fields.get("queue") or None, agent=heard.agent))
    if heard.agent is None:
        task.in_line_again()
    else:
        task.agent = heard.agent
    return [said]


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
