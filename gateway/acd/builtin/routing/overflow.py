"""When a contact leaves its line unserved, and where it goes: outside the hours, behind a place, after a wait, or when
nobody is logged on. A contact never goes back to a queue it came from, so no circle of queues keeps it for ever.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.acd.builtin.ports import Ticket
from gateway.acd.builtin.routing.rules import Rules
from gateway.acd.builtin.routing.world import World
from gateway.acd.events import ExitReason
from gateway.config.own import CALLBACK, CLOSED

_REASONS: Final = {"wait": ExitReason.TIMEOUT, "no_agent": ExitReason.EMPTY, "position": ExitReason.FULL}


@dataclass(frozen=True, slots=True)
class Leave:
    """The contact goes to another queue (`to` is its id), or out of the line: `closed`, `callback`."""

    to: str
    reason: ExitReason

    @property
    def to_queue(self) -> bool:
        return self.to not in (CLOSED, CALLBACK)


def on_entry(ticket: Ticket, rules: Rules, now: datetime, place: int) -> Leave | None:
    """Whether the contact, who would be at `place`, may stay in the line it has just entered."""
    if not rules.hours.is_open(now):
        return _allowed(ticket, Leave(rules.when_closed, ExitReason.CLOSED)) or Leave(CLOSED, ExitReason.CLOSED)
    for rule in rules.overflow:
        if rule.position is not None and place > rule.position:
            leave = _allowed(ticket, Leave(rule.to, ExitReason.FULL))
            if leave is not None:
                return leave
    return None


def while_waiting(ticket: Ticket, rules: Rules, now_s: float, *, staffed: bool) -> Leave | None:
    """Whether the contact leaves now; the first rule that holds and leads somewhere new. Those in line when a queue
    closes are still served."""
    in_line_s = now_s - ticket.sent_s
    for rule in rules.overflow:
        if rule.when == "position" or in_line_s < rule.after.total_seconds():
            continue
        if rule.when == "wait" or not staffed:
            leave = _allowed(ticket, Leave(rule.to, _REASONS[rule.when]))
            if leave is not None:
                return leave
    return None


def staffed(world: World, queue: str) -> bool:
    """Whether any agent of the queue is logged on, ready or not."""
    return bool(world.staff.get(queue))


def _allowed(ticket: Ticket, leave: Leave) -> Leave | None:
    """None for a circle, and for a second callback of the same place."""
    if leave.to in ticket.visited or leave.to == ticket.queue or (leave.to == CALLBACK and ticket.callback):
        return None
    return leave
