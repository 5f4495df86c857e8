"""A contact that somebody has, and the ACD speaks of another agent: its own transfer, or the booking of ours.

Its own transfer: the one who has the contact keeps it until the other is here, which is when the claim of their panel
is opened, or at once where the desktop opens none. Ours: an agent took the contact over here, and the ACD is brought to
book it to them; what it says on the way is the echo of that and moves nothing.
Pure. Whatever else the ACD tells is `told`'s.
"""

from dataclasses import replace
from typing import Final

from gateway.acd import events as e
from gateway.acd.events import TargetKind, TransferMode, TransferTarget
from gateway.acd.port import Phase
from gateway.acd.tasks.mapping import Command, Told
from gateway.acd.tasks.task import IN_CALL, Booking, Coming, Heard, Said, Task
from gateway.base.ids import new_offer_id

_OF_THE_HOLDER: Final = frozenset(
    {Told.HELD, Told.RESUMED, Told.TRANSFERRED, Told.ENDED, Told.WRAP_UP_STARTED, Told.WRAP_UP_DONE}
)
"""Of whoever has the contact: with another's reservation it is of somebody who had it before."""

_GIVES: Final = frozenset({Told.RESERVED, Told.ACCEPTED, Told.CONNECTED, Told.TRANSFERRED})
"""That name whom the contact is given to."""


def answer(task: Task, heard: Heard) -> Command | None:
    """What this reservation is answered with at once, before it is told: who took the contact over here is accepted
    for, and nobody else gets it meanwhile."""
    if heard.told is not Told.RESERVED or task.phase not in IN_CALL or task.booking is None:
        return None
    return Command.ACCEPT if _ref(heard) == task.booking.agent else Command.DECLINE


def moved(task: Task, heard: Heard, *, by_claim: bool) -> list[Said] | None:
    """What follows; None: it is of nobody else, and means what it always means. `by_claim`: the other agent is here
    when the claim of their panel is opened."""
    if task.phase not in IN_CALL:
        return heard.nothing if task.phase is Phase.WRAP_UP and _is_anothers(task, heard) else None
    said = _booked(task, task.booking, heard) if task.booking is not None else None
    if said is None and task.coming is not None:
        said = _of_coming(task, task.coming, heard)
    if said is None and _ref(heard) and (task.agent is None or _ref(heard) != task.agent.ref):
        said = _of_another(task, heard, by_claim=by_claim)
    if said is None and _is_anothers(task, heard):
        said = heard.nothing
    return said


def handed_over(task: Task, agent: e.AgentName, *, to_be_booked: bool) -> None:
    """`agent` took the contact over here. `to_be_booked`: the ACD rings at them for it, and is answered."""
    task.agent = agent
    task.coming = None
    task.booking = Booking(agent=agent.ref) if to_be_booked else None


def come(task: Task, *, told: Told | None = None) -> list[Said]:
    """Whom the ACD gave the contact to is here: it is theirs, and whoever had it has it no more. `told`: the event
    that says so, if one does."""
    coming = task.coming
    if coming is None or task.phase not in IN_CALL:
        return []
    _reserve(task, coming, Phase.CONNECTED)
    return [
        Said(e.Transferred(agent=coming.agent), made_up=told is not Told.TRANSFERRED),
        Said(_reserved(coming), made_up=True),
        Said(e.Accepted(offer_id=coming.offer_id), made_up=told is not Told.ACCEPTED),
    ]


def next_one(task: Task) -> list[Said]:
    """Whoever had the contact is lost, and the ACD is giving it to another already: nothing, or what follows."""
    coming = task.coming
    if coming is None or task.phase not in IN_CALL:
        return []
    _reserve(task, coming, Phase.CONNECTED if coming.taken else Phase.RINGING)
    said = [Said(_reserved(coming), made_up=True)]
    return [*said, Said(e.Accepted(offer_id=coming.offer_id), made_up=True)] if coming.taken else said


# ---------------------------------------------------------------- by our hand


def _booked(task: Task, booking: Booking, heard: Heard) -> list[Said] | None:
    match heard.told:
        case Told.OFFERED | Told.QUEUED:
            return []
        case Told.RESERVED if _ref(heard) == booking.agent:
            task.reservation, task.held_there = heard.reservation, False
            task.booking = replace(booking, reservation=heard.reservation)
            return []
        case Told.ACCEPTED | Told.CONNECTED | Told.TRANSFERRED if _ref(heard) == booking.agent:
            task.reservation, task.held_there = heard.reservation or task.reservation, False
            task.booking = None
            return []
        case _ if not booking.reservation or heard.reservation not in ("", booking.reservation):
            return heard.nothing
        case _:
            return None


# ---------------------------------------------------------------- by the ACD's


def _of_coming(task: Task, coming: Coming, heard: Heard) -> list[Said] | None:
    of_coming = heard.reservation == coming.reservation != ""
    of_holder = heard.reservation == task.reservation != ""
    match heard.told:
        case Told.REJECTED | Told.NO_ANSWER if of_coming or not heard.reservation:
            task.coming = None
            reason = "no_answer" if heard.told is Told.NO_ANSWER else "refused"
            return [Said(e.TransferFailed(reason=reason), made_up=True)]
        case Told.TRANSFER_FAILED:
            task.coming = None
            return None
        case Told.TRANSFERRED | Told.ENDED if of_coming:  # gone before they were here
            task.coming = None
            if coming.alone:
                task.reservation = coming.reservation
            return None if coming.alone else heard.nothing
        case Told.TRANSFERRED | Told.ENDED if of_holder or (heard.told is Told.TRANSFERRED and _of_nobody(heard)):
            if not coming.taken:
                return _rings_there(task, coming, heard)
            task.coming = replace(coming, alone=True)
            return heard.nothing
        case Told.WRAP_UP_STARTED | Told.WRAP_UP_DONE if of_holder:
            return heard.nothing
        case _:
            return None


def _of_another(task: Task, heard: Heard, *, by_claim: bool) -> list[Said] | None:
    agent = heard.agent
    if agent is None:
        return None
    coming = task.coming
    if coming is None or coming.agent.ref != agent.ref:
        coming = Coming(agent=agent, reservation=heard.reservation, offer_id=new_offer_id())
    elif coming.taken:
        return heard.nothing if heard.told in _GIVES else None
    match heard.told:
        case Told.RESERVED:
            task.coming = replace(coming, reservation=heard.reservation)
            target = TransferTarget(kind=TargetKind.AGENT, value=agent.agent_id or agent.ref)
            return [Said(e.Transferring(mode=TransferMode.CONSULT, target=target), made_up=True)]
        case Told.ACCEPTED | Told.CONNECTED | Told.TRANSFERRED if agent.agent_id is None:
            task.coming = None  # nobody here: who talks goes on talking
            return heard.nothing
        case Told.ACCEPTED | Told.CONNECTED | Told.TRANSFERRED:
            reservation = heard.reservation or coming.reservation
            task.coming = replace(coming, agent=agent, reservation=reservation, taken=True)
            return [] if by_claim else come(task, told=heard.told)
        case _:
            return None


def _rings_there(task: Task, coming: Coming, heard: Heard) -> list[Said]:
    """Whoever had it is out, and the other has not taken it yet."""
    _reserve(task, coming, Phase.RINGING)
    return [
        Said(e.Transferred(agent=coming.agent), made_up=heard.told is not Told.TRANSFERRED),
        Said(_reserved(coming), made_up=True),
    ]


def _reserve(task: Task, coming: Coming, phase: Phase) -> None:
    task.in_line_again()
    task.phase = phase
    task.taken = phase is Phase.CONNECTED
    task.offer_id, task.reservation, task.agent = coming.offer_id, coming.reservation, coming.agent
    task.attempt += 1


def _reserved(coming: Coming) -> e.Reserved:
    return e.Reserved(offer_id=coming.offer_id, agent_id=coming.agent.agent_id, agent=coming.agent)


def _is_anothers(task: Task, heard: Heard) -> bool:
    return (
        heard.told in _OF_THE_HOLDER
        and "" not in (heard.reservation, task.reservation)
        and (heard.reservation != task.reservation)
    )


def _of_nobody(heard: Heard) -> bool:
    return not heard.reservation and not _ref(heard)


def _ref(heard: Heard) -> str:
    return heard.fields.get("agent", "")
