"""Places in line: what a contact's place is worth, within its queue and beside the heads of other queues.

Priority is counted in steps; with aging, each `aging_s` of waiting is worth one step. All contacts of a queue age
alike, so their order among each other never changes while they wait and is kept as one number, the score.
"""

from typing import Final

from gateway.acd.builtin.ports import Ticket
from gateway.acd.builtin.routing.rules import Rules

_BAND: Final = 1e10
"""Seconds of the epoch are below this for three centuries: each priority is a band of its own."""

HIGHEST_PRIORITY: Final = 9
HEAD: Final = HIGHEST_PRIORITY + 1
"""Before every priority: a contact that was already offered or answered goes first when it comes back."""

Rank = tuple[bool, float, float, str]


def score(*, priority: int, queued_s: float, at_head: bool, aging_s: float) -> float:
    """The order within one queue, lower first: head, then priority (aged), then the time of the first queue."""
    if at_head:
        return queued_s
    level = min(max(priority, 0), HIGHEST_PRIORITY)
    if aging_s > 0:
        return _BAND + queued_s - level * aging_s
    return (HEAD - level) * _BAND + queued_s


def rank(ticket: Ticket, rules: Rules, now_s: float) -> Rank:
    """The order over all queues right now, lower first. Within a queue it is the order of the scores."""
    if ticket.at_head:
        return (False, 0.0, ticket.queued_s, ticket.contact_id)
    level = float(min(max(ticket.priority, 0), HIGHEST_PRIORITY))
    if rules.aging_s > 0:
        level += (now_s - ticket.queued_s) / rules.aging_s
    return (True, -level, ticket.queued_s, ticket.contact_id)
