"""All that is known of lines and seats, of every node, indexed for deciding. Holds facts; decides nothing."""

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator

from gateway.acd.builtin.ports import Hold, Seat, SeatRow, Ticket, TicketRow
from gateway.acd.builtin.routing.needs import Needs
from gateway.acd.builtin.routing.rules import RuleBook
from gateway.base.ids import AgentId, ContactId

_Place = tuple[float, ContactId]
VIDEO = "video"


class Waiting:
    """A contact, in line or taken."""

    __slots__ = ("hold", "needs", "needs_until_s", "ring", "ticket")

    def __init__(self, ticket: Ticket, hold: Hold | None, ring: tuple[Hold, ...] = ()) -> None:
        self.ticket = ticket
        self.hold = hold
        self.ring = ring
        self.needs: Needs | None = None
        self.needs_until_s = 0.0

    @property
    def free(self) -> bool:
        """In line, and nobody is held for it."""
        return self.hold is None and not self.ring and self.ticket.offerable

    def rings_on(self, at_once: int) -> bool:
        """It rings at several, and may ring at more."""
        return 0 < len(self.ring) < at_once and self.ticket.offerable

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Everybody who is kept for it."""
        return self.ring if self.hold is None else (self.hold,)


class Seated:
    """An agent, with the channel of each contact they are held for."""

    __slots__ = ("holds", "offered_s", "seat")

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.holds: dict[ContactId, str] = {}
        self.offered_s = 0.0

    def room_for(self, channel: str) -> bool:
        """Whether capacity is left: one video, so many chats, fewer beside a video."""
        seat = self.seat
        if seat.ready_score is None:
            return False
        if not self.holds:
            return channel == VIDEO or seat.chats > 0
        videos = sum(each == VIDEO for each in self.holds.values())
        chats = len(self.holds) - videos
        if channel == VIDEO:
            return videos == 0 and chats <= seat.chats_beside_video
        return chats < (seat.chats_beside_video if videos else seat.chats)


class World:
    """Tickets and seats. Every change is one call; whatever is told twice is the same as once."""

    def __init__(self, rules: RuleBook, *, across: bool = False) -> None:
        """`across`: agents of one node may serve contacts of another."""
        self.rules = rules
        self.across = across
        self.waiting: dict[ContactId, Waiting] = {}
        self.seated: dict[AgentId, Seated] = {}
        self.lines: dict[str, list[_Place]] = {}
        self.staff: dict[str, dict[AgentId, Seated]] = {}
        self.kept: Counter[str] = Counter()  # callbacks' places, by queue
        self.called: Counter[str] = Counter()  # those of them whose customers were called
        self._moments: list[tuple[float, ContactId]] = []

    def clear(self) -> None:
        self.waiting.clear()
        self.seated.clear()
        self.lines.clear()
        self.staff.clear()
        self.kept.clear()
        self.called.clear()
        self._moments.clear()

    # ------------------------------------------------------------ contacts

    def put_row(self, row: TicketRow) -> None:
        """A contact as its owner wrote it."""
        contact_id = row.ticket.contact_id
        before = self.waiting.get(contact_id)
        if before is not None:
            self._leave_line(before)
            self._unhold(before)
            self._count(before.ticket, -1)
        self._count(row.ticket, 1)
        entry = Waiting(row.ticket, row.hold, row.ring)
        self.waiting[contact_id] = entry
        if row.hold is None or not row.hold.taken:
            insort(self.lines.setdefault(row.ticket.queue, []), (row.ticket.score, contact_id))
            if before is None or before.ticket.sent_s != row.ticket.sent_s:
                self._note_moments(row.ticket)
        for hold in entry.holds:
            seated = self.seated.get(hold.agent_id)
            if seated is not None:
                seated.holds[contact_id] = row.ticket.channel

    def drop_ticket(self, contact_id: ContactId) -> None:
        entry = self.waiting.pop(contact_id, None)
        if entry is not None:
            self._leave_line(entry)
            self._unhold(entry)
            self._count(entry.ticket, -1)

    def hold(self, contact_id: ContactId, hold: Hold, now_s: float = 0.0) -> None:
        """Somebody is held for a contact in line, from `now_s` on; left out, it rang at them already."""
        entry = self.waiting[contact_id]
        self._unhold(entry)
        if hold.taken:
            self._leave_line(entry)
        entry.hold = hold
        seated = self.seated.get(hold.agent_id)
        if seated is not None:
            seated.holds[contact_id] = entry.ticket.channel
            if not hold.taken:
                seated.offered_s = max(seated.offered_s, now_s)

    def ring(self, contact_id: ContactId, more: tuple[Hold, ...], now_s: float) -> None:
        """A contact in line rings at these too."""
        entry = self.waiting[contact_id]
        entry.ring += more
        for hold in more:
            seated = self.seated.get(hold.agent_id)
            if seated is not None:
                seated.holds[contact_id] = entry.ticket.channel
                seated.offered_s = max(seated.offered_s, now_s)

    def _count(self, ticket: Ticket, change: int) -> None:
        if ticket.callback:
            self.kept[ticket.queue] += change
            self.called[ticket.queue] += 0 if ticket.offerable else change

    def _leave_line(self, entry: Waiting) -> None:
        line = self.lines.get(entry.ticket.queue, [])
        place = (entry.ticket.score, entry.ticket.contact_id)
        index = bisect_left(line, place)
        if index < len(line) and line[index] == place:
            del line[index]

    def _unhold(self, entry: Waiting) -> None:
        holds, entry.hold, entry.ring = entry.holds, None, ()
        for hold in holds:
            seated = self.seated.get(hold.agent_id)
            if seated is not None:
                seated.holds.pop(entry.ticket.contact_id, None)

    def line(self, queue: str) -> list[Waiting]:
        """The queue in the order of service, held ones included."""
        return [self.waiting[contact_id] for _, contact_id in self.lines.get(queue, ())]

    def place_of(self, contact_id: ContactId) -> int | None:
        """1 is next; None when it is not in line."""
        entry = self.waiting.get(contact_id)
        if entry is None:
            return None
        line = self.lines.get(entry.ticket.queue, [])
        place = (entry.ticket.score, contact_id)
        index = bisect_left(line, place)
        return index + 1 if index < len(line) and line[index] == place else None

    def place_for(self, ticket: Ticket) -> int:
        """Where it would stand if it came now."""
        return bisect_left(self.lines.get(ticket.queue, []), (ticket.score, ticket.contact_id)) + 1

    # ------------------------------------------------------------ agents

    def put_seat(self, row: SeatRow) -> None:
        """An agent as their node wrote them."""
        agent_id = row.seat.agent_id
        seated = self.seated.get(agent_id)
        if seated is None:
            seated = self.seated[agent_id] = Seated(row.seat)
        else:
            self._leave_staff(seated)
            seated.seat = row.seat
        seated.holds = dict(row.holds)
        seated.offered_s = row.offered_s
        for queue in row.seat.queues:
            self.staff.setdefault(queue, {})[agent_id] = seated

    def drop_seat(self, agent_id: AgentId) -> None:
        seated = self.seated.pop(agent_id, None)
        if seated is not None:
            self._leave_staff(seated)

    def _leave_staff(self, seated: Seated) -> None:
        for queue in seated.seat.queues:
            self.staff.get(queue, {}).pop(seated.seat.agent_id, None)

    def ready(self, queue: str) -> list[AgentId]:
        """Agents who take a contact of the queue now, longest idle first."""
        channel = self.rules.of(queue).channel
        free = [each.seat for each in self.staff.get(queue, {}).values() if each.room_for(channel)]
        return [seat.agent_id for seat in sorted(free, key=lambda seat: (seat.ready_score, seat.agent_id))]

    # ------------------------------------------------------------ time

    def _note_moments(self, ticket: Ticket) -> None:
        rules = self.rules.of(ticket.queue)
        for after_s in rules.moments():
            heapq.heappush(self._moments, (ticket.sent_s + after_s, ticket.contact_id))
            if ticket.kept_s:
                heapq.heappush(self._moments, (ticket.sent_s - ticket.kept_s + after_s, ticket.contact_id))

    def next_moment(self, now_s: float) -> float | None:
        """When something may be decided differently though nothing happens. Moments up to `now_s` are forgotten."""
        moments = self._moments
        while moments and (moments[0][0] <= now_s or moments[0][1] not in self.waiting):
            heapq.heappop(moments)
        return moments[0][0] if moments else None

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self.waiting.values())
