"""The table engine: a state machine is a table `state → {event type: next state}` and nothing else.

An event that is not in the row of the state is illegal: it raises, and nothing changes. Every state has a row, dead
ends an empty one, so that adding a state without saying what follows is an error at import.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from gateway.base.errors import InvariantBroken, StateConflict

S = TypeVar("S", bound=StrEnum)


class Table(Generic[S]):
    """A checked transition table. `rows` maps every member of `states` to its events."""

    def __init__(self, name: str, states: type[S], initial: S, rows: Mapping[S, Mapping[type, S]]) -> None:
        missing = [state.value for state in states if state not in rows]
        if missing:
            raise InvariantBroken("table_incomplete", f"{name} has no row for {', '.join(missing)}")
        self.name = name
        self.initial = initial
        self.rows: dict[S, dict[type, S]] = {state: dict(rows[state]) for state in states}

    def next(self, state: S, event: object) -> S:
        """The state after `event`. Raises StateConflict (`illegal_transition`) when the row has no such event."""
        try:
            return self.rows[state][type(event)]
        except KeyError:
            raise StateConflict(
                "illegal_transition",
                f"{self.name} is {state.value}: {type(event).__name__} is not possible now",
                state=state.value,
                event=type(event).__name__,
            ) from None

    def allows(self, state: S, event_type: type) -> bool:
        return event_type in self.rows[state]

    def is_terminal(self, state: S) -> bool:
        return not self.rows[state]
