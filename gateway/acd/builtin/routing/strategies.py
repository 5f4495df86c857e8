"""Which of the agents who may serve a contact is chosen. Lower keys are chosen; every strategy ends in the same two
tie-breaks, so that all nodes choose alike.
"""

import heapq
from collections.abc import Callable, Mapping
from typing import Final

from gateway.acd.builtin.ports import Seat, Ticket
from gateway.acd.builtin.routing.world import Seated

Key = tuple[float, float, str]


def _idle_since(seat: Seat) -> float:
    return seat.ready_score if seat.ready_score is not None else float("inf")


def _longest_idle(seated: Seated, ticket: Ticket, wanted: tuple[str, ...], now_s: float) -> float:
    return 0.0


def _least_occupied(seated: Seated, ticket: Ticket, wanted: tuple[str, ...], now_s: float) -> float:
    """The share of the time since logging on that was spent with contacts."""
    on_s = now_s - seated.seat.logged_on_s
    return seated.seat.busy_s / on_s if on_s > 0 else 0.0


def _round_robin(seated: Seated, ticket: Ticket, wanted: tuple[str, ...], now_s: float) -> float:
    """Whoever was reserved longest ago, answered or not."""
    return seated.offered_s


def _most_skilled(seated: Seated, ticket: Ticket, wanted: tuple[str, ...], now_s: float) -> float:
    """The sum of the levels of the skills that were asked for before any of them was relaxed."""
    held = seated.seat.skills
    return -float(sum(held.get(name, 0) for name in wanted))


_Weight = Callable[[Seated, Ticket, tuple[str, ...], float], float]

STRATEGIES: Final[Mapping[str, _Weight]] = {
    "longest_idle": _longest_idle,
    "least_occupied": _least_occupied,
    "round_robin": _round_robin,
    "most_skilled": _most_skilled,
    "ring_all": _longest_idle,
}
"""By the word of the settings."""


def choose(
    candidates: list[Seated],
    ticket: Ticket,
    *,
    strategy: str,
    wanted: tuple[str, ...],
    language: bool,
    now_s: float,
    most: int = 1,
) -> list[Seated]:
    """The one for this contact, or the `most` best, best first: its preferred agent, then the one who had it last, then
    one who speaks its language (where that counts), then by strategy."""
    weight = STRATEGIES[strategy]

    def key(seated: Seated) -> tuple[bool, bool, bool, float, float, str]:
        seat = seated.seat
        return (
            seat.agent_id != ticket.preferred,
            seat.agent_id != ticket.last,
            language and bool(seat.languages) and ticket.language not in seat.languages,
            weight(seated, ticket, wanted, now_s),
            _idle_since(seat),
            seat.agent_id,
        )

    if most == 1 and len(candidates) > 1:
        return [min(candidates, key=key)]
    return heapq.nsmallest(most, candidates, key=key)
