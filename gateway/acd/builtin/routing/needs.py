"""What a contact's agent must be right now, and whether an agent is that. Two contacts of equal needs have the same
agents to choose from, so needs are also what a decision remembers of those it found nobody for.
"""

from typing import NamedTuple

from gateway.acd.builtin.ports import Seat, Ticket
from gateway.acd.builtin.routing.rules import Rules
from gateway.base.ids import AgentId

NEVER_S = float("inf")


class Needs(NamedTuple):
    """Hashable on purpose."""

    queue: str
    channel: str
    skills: tuple[tuple[str, int], ...]
    language: str  # empty: any
    site: str
    canary: bool
    node: str  # empty: an agent of any node
    only: AgentId | None


def needs_of(ticket: Ticket, rules: Rules, now_s: float, *, only: AgentId | None, across: bool) -> Needs:
    """Of the contact at `now_s`. Skill and language are asked for less by the wait in this line: what was before it was
    another queue's affair, or a conversation."""
    in_line_s = now_s - _since_s(ticket)
    language = ticket.language if rules.language == "required" else ""
    if language and 0 < rules.language_for_s <= in_line_s:
        language = ""
    return Needs(
        queue=ticket.queue,
        channel=ticket.channel,
        skills=skills_at(ticket, rules, in_line_s),
        language=language,
        site=ticket.site,
        canary=ticket.canary,
        node="" if across else ticket.node,
        only=only,
    )


def _since_s(ticket: Ticket) -> float:
    """A place that was kept waited all the while, though its customer did not."""
    return ticket.sent_s - ticket.kept_s


def skills_at(ticket: Ticket, rules: Rules, in_line_s: float) -> tuple[tuple[str, int], ...]:
    """The skills asked for after so long in line: the queue's and the contact's own, lowered by the step that holds."""
    if not rules.skills and not ticket.skills:
        return ()
    lower = 0
    for after_s, by in rules.relax:
        if in_line_s >= after_s:
            lower = by
    wanted = dict(rules.skills)
    for name, level in ticket.skills:
        wanted[name] = max(level, wanted.get(name, 0))
    return tuple(sorted((name, level - lower) for name, level in wanted.items() if level > lower))


def changes_at(ticket: Ticket, rules: Rules, now_s: float) -> float:
    """When `needs_of` may next say something else, if nothing but time changes."""
    due_s = NEVER_S
    if rules.skills or ticket.skills:
        steps = (_since_s(ticket) + after_s for after_s, _ in rules.relax)
        due_s = min((at_s for at_s in steps if at_s > now_s), default=NEVER_S)
    language_s = _since_s(ticket) + rules.language_for_s
    if rules.language_for_s > 0 and language_s > now_s:
        due_s = min(due_s, language_s)
    return due_s


def fits(needs: Needs, seat: Seat) -> bool:
    """Whether the agent is what is needed. That they are of the queue, ready and have capacity is known already."""
    if needs.node and seat.node != needs.node:
        return False
    if needs.only is not None and seat.agent_id != needs.only:
        return False
    if needs.language and seat.languages and needs.language not in seat.languages:
        return False
    held = seat.skills
    return all(held.get(name, 0) >= level for name, level in needs.skills)
