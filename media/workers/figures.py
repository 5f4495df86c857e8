"""What is told of media processes: each as it is now, and what all of them have counted together."""

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any, Final

from media.figures import EngineCounters
from media.workers.placement import Book
from media.workers.process import Vitals
from media.workers.supervise import Slot

EMPTY: Final = EngineCounters(
    **{each.name: {} if "dict" in str(each.type) else 0 for each in fields(EngineCounters)}  # type: ignore[arg-type]
)
"""What an engine has counted that has not begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """One place of the pool, for metrics and for whoever asks whether all is well."""

    name: str
    port: int
    up: bool
    legs: int
    restarts: int
    vitals: Vitals


def figures_of(slot: Slot, book: Book) -> WorkerFigures:
    """That place as it is now."""
    return WorkerFigures(
        name=slot.name,
        port=slot.port,
        up=slot.up,
        legs=book.legs_at(slot.process) if slot.process is not None else 0,
        restarts=slot.restarts,
        vitals=slot.vitals,
    )


def added(one: EngineCounters, other: EngineCounters) -> EngineCounters:
    """Field by field; counts by reason are added reason by reason."""
    sums: dict[str, Any] = {}
    for each in fields(EngineCounters):
        a, b = getattr(one, each.name), getattr(other, each.name)
        sums[each.name] = dict(Counter(a) + Counter(b)) if isinstance(a, dict) else a + b
    return EngineCounters(**sums)
