"""The rules of every queue, made from its settings once: seconds instead of durations, steps in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.acd.builtin.routing.hours import Hours
from gateway.config.own import OverflowSettings, QueueRouting

RING_ALL: Final = "ring_all"
_NONE: Final = QueueRouting(id="none", name="")


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one queue. Times are seconds."""

    queue: str
    channel: str
    strategy: str
    at_once: int  # agents at whom one contact rings: 1, unless it rings at all
    answer_within_s: float
    skills: Mapping[str, int]
    relax: tuple[tuple[float, int], ...]  # after so long, by so much
    language: str
    language_for_s: float
    preferred_for_s: float
    last_for_s: float
    aging_s: float
    hours: Hours
    when_closed: str
    overflow: tuple[OverflowSettings, ...]
    callback_offered: bool
    callback_after_s: float
    callback_limit: int
    callback_window_s: float
    callback_lasts_s: float

    @property
    def rings_at_all(self) -> bool:
        return self.strategy == RING_ALL

    def moments(self) -> tuple[float, ...]:
        """Seconds in line after which something may be decided differently for a contact, without any event."""
        after = [seconds for seconds, _ in self.relax]
        after += [rule.after.total_seconds() for rule in self.overflow]
        after += [self.language_for_s, self.preferred_for_s, self.last_for_s]
        return tuple(sorted({seconds for seconds in after if seconds > 0}))


class RuleBook:
    """The rules by queue. A queue without settings (the robots', and those of tests) has the defaults."""

    def __init__(self, queues: Iterable[QueueRouting] = ()) -> None:
        self._rules = {queue.id: _rules_of(queue) for queue in queues}

    def of(self, queue: str) -> Rules:
        found = self._rules.get(queue)
        if found is None:
            found = self._rules[queue] = _rules_of(_NONE.model_copy(update={"id": queue}))
        return found


def _rules_of(queue: QueueRouting) -> Rules:
    return Rules(
        queue=queue.id,
        channel=queue.channel,
        strategy=queue.strategy,
        at_once=queue.ring_at_most if queue.strategy == RING_ALL else 1,
        answer_within_s=_s(queue.service_level_within),
        skills=dict(queue.skills),
        relax=tuple((_s(step.after), step.by) for step in queue.relax),
        language=queue.language,
        language_for_s=_s(queue.language_for),
        preferred_for_s=_s(queue.preferred_agent_for),
        last_for_s=_s(queue.last_agent_for),
        aging_s=_s(queue.aging),
        hours=Hours(queue),
        when_closed=queue.when_closed,
        overflow=queue.overflow,
        callback_offered=queue.callback == "offer",
        callback_after_s=_s(queue.callback_after),
        callback_limit=queue.callback_limit,
        callback_window_s=_s(queue.callback_window),
        callback_lasts_s=_s(queue.callback_lasts),
    )


def _s(value: timedelta) -> float:
    return value.total_seconds()
