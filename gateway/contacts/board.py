"""The live board: a snapshot of contacts, queues, agents and alarms, told on change, at most twice a second.

People staff their queues by it, so robots are not on it: neither their queues nor themselves nor their contacts. What
goes wrong with one is an alarm like any other.
"""

from collections import deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Final

from gateway.base.clock import Clock
from gateway.base.deadlines import Deadlines
from gateway.base.ids import AgentId, ContactId
from gateway.config import QueueSettings
from gateway.contacts.model import Contact
from gateway.contacts.states import IN_CALL, ContactState
from gateway.contacts.views import Views
from gateway.parties import BoardAgent, BoardAlarm, BoardParty, BoardQueue, BoardShown, NoticePort

MIN_GAP_S: Final = 0.5
MAX_GAP_S: Final = 5.0
ALARM_LIMIT: Final = 50
ALARM_AGE_S: Final = 900.0
"""Alarms older than this leave the board; the log keeps them."""

_KEY: Final = "board"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSeat:
    """An agent as the board must know them; `since_s` on the monotonic clock."""

    agent_id: AgentId
    display_name: str
    queues: tuple[str, ...]
    state: str
    reason: str | None
    since_s: float
    contact_id: ContactId | None
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alarm:
    code: str
    detail: str
    contact_id: ContactId | None
    at_s: float


class Board:
    """Keeps the alarms and the rhythm; everything else is read when it is shown."""

    def __init__(
        self,
        *,
        clock: Clock,
        deadlines: Deadlines,
        notices: NoticePort,
        views: Views,
        queues: tuple[QueueSettings, ...],
        robots: Set[str],
        contacts: Callable[[], Iterable[Contact]],
        seats: Callable[[], Iterable[BoardSeat]],
        draining: Callable[[], bool],
        kept_in: Callable[[str], int],
    ) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._notices = notices
        self._views = views
        self._queues = tuple(queue for queue in queues if queue.id not in robots)
        self._robots = robots
        self._contacts = contacts
        self._seats = seats
        self._draining = draining
        self._kept_in = kept_in
        self._alarms: deque[_Alarm] = deque(maxlen=ALARM_LIMIT)
        self._told_s = float("-inf")
        self._due_s = float("inf")

    def start(self) -> None:
        self._arm(self._clock.monotonic())

    def stop(self) -> None:
        self._deadlines.cancel(_KEY)

    def alarm(self, code: str, detail: str, contact_id: ContactId | None) -> None:
        """Show an alarm; the same one of the same contact only moves to now. The oldest gives way when full."""
        kept = [each for each in self._alarms if (each.code, each.contact_id) != (code, contact_id)]
        fresh = _Alarm(code=code, detail=detail, contact_id=contact_id, at_s=self._clock.monotonic())
        self._alarms = deque([*kept, fresh], maxlen=ALARM_LIMIT)
        self.changed()

    def changed(self) -> None:
        """Something on the board changed: tell it as soon as the rhythm allows."""
        self._arm(max(self._clock.monotonic(), self._told_s + MIN_GAP_S))

    def _arm(self, at_s: float) -> None:
        if at_s < self._due_s:
            self._due_s = at_s
            self._deadlines.set(_KEY, at_s, self._tell)

    def _tell(self) -> None:
        self._told_s = self._clock.monotonic()
        self._due_s = self._told_s + MAX_GAP_S
        self._deadlines.set(_KEY, self._due_s, self._tell)
        self._notices.tell(BoardParty(), self.shown())

    def shown(self) -> BoardShown:
        """The whole board right now."""
        now = self._clock.monotonic()
        contacts = [
            each for each in self._contacts() if each.state is not ContactState.CLOSED and not each.entry.canary
        ]
        people = (seat for seat in self._seats() if not seat.queues or not set(seat.queues) <= self._robots)
        seats = sorted(people, key=lambda seat: (seat.display_name, seat.agent_id))
        while self._alarms and now - self._alarms[0].at_s > ALARM_AGE_S:
            self._alarms.popleft()
        return BoardShown(
            queues=tuple(self._queue(queue, contacts, seats, now) for queue in self._queues),
            agents=tuple(
                BoardAgent(
                    agent_id=seat.agent_id,
                    display_name=seat.display_name,
                    state=seat.state,
                    reason=seat.reason,
                    since_s=now - seat.since_s,
                    contact_id=seat.contact_id,
                )
                for seat in seats
            ),
            contacts=tuple(self._views.for_board(each, now) for each in contacts),
            alarms=tuple(
                BoardAlarm(code=each.code, detail=each.detail, contact_id=each.contact_id, age_s=now - each.at_s)
                for each in self._alarms
            ),
            draining=self._draining(),
        )

    def _queue(self, queue: QueueSettings, contacts: list[Contact], seats: list[BoardSeat], now: float) -> BoardQueue:
        here = [each for each in contacts if each.line is not None and each.line.queue == queue.id]
        waits = [
            now - each.line.waiting_since_s
            for each in here
            if each.line is not None and each.state in (ContactState.QUEUED, ContactState.OFFERED)
        ]
        return BoardQueue(
            queue=queue.id,
            name=queue.name,
            waiting=len(waits),
            longest_wait_s=max(waits, default=0.0),
            talking=sum(each.state in IN_CALL for each in here),
            agents_ready=sum(seat.ready and queue.id in seat.queues for seat in seats),
            kept=self._kept_in(queue.id),
        )
