"""From a webhook to what the contact is told: verified, read, once, in order, applied to its task.

It owns the order of events and nothing else; what follows of an event is `told`'s to say, what goes out is the
adapter's.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from gateway.acd.events import (
    Accepted,
    AcdAgentState,
    AcdEvent,
    AcdEventBody,
    AcdRef,
    AgentEvent,
    AgentName,
    Unrecognised,
)
from gateway.acd.port import DeclineReason, Phase
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.figures import EventResult
from gateway.acd.tasks.mapping import Command, Incoming, Told
from gateway.acd.tasks.moves import answer
from gateway.acd.tasks.order import Arrived, InOrder
from gateway.acd.tasks.reading import Notice, read_webhook
from gateway.acd.tasks.task import IN_LINE, Heard, Task
from gateway.acd.tasks.told import tell
from gateway.acd.tasks.verifying import Verifier
from gateway.base.clock import Clock
from gateway.base.errors import BadInput, NotSignedIn, StateConflict
from gateway.base.ids import AgentId, ContactId, looks_like_id, new_id
from gateway.base.log import get_logger
from gateway.config.acd_tasks import TaskAcdSettings

_log = get_logger("acd.tasks")

_OF_NO_TASK: Final = frozenset({Told.AGENT_STATE, Told.RESTARTED})


class Post(Protocol):
    def __call__(self, task: Task, command: Command, **data: object) -> bool: ...


class Teller:
    """Tells the contact and the roster, with the envelope that every event has."""

    def __init__(self, acd: str, clock: Clock) -> None:
        self._acd = acd
        self._clock = clock
        self.listener: Callable[[AcdEvent], None] = lambda _: None
        self.agent_listener: Callable[[AgentEvent], None] = lambda _: None

    def tell(self, task: Task | None, body: AcdEventBody, notice: Notice | None, *, made_up: bool = False) -> None:
        """`notice` None, or `made_up`: nobody told it."""
        if task is None:
            return
        now = self._clock.now()
        task.seq += 1
        self.listener(
            AcdEvent(
                event_id=notice.event_id if notice is not None and not made_up else new_id("ev"),
                contact_id=task.offer.contact_id,
                acd_ref=AcdRef(task.offer.contact_id),
                seq=task.seq,
                occurred_at=(notice.occurred_at if notice is not None else None) or now,
                received_at=now,
                source=self._acd,
                body=body,
                queue=task.offer.queue,
                attempt=task.attempt,
                synthesized=made_up or notice is None,
                raw=notice.raw if notice is not None else {},
            )
        )

    def tell_of_agent(self, notice: Notice, agent: AgentName, state: AcdAgentState, reason: str | None) -> None:
        now = self._clock.now()
        self.agent_listener(
            AgentEvent(
                event_id=notice.event_id,
                agent=agent,
                state=state,
                reason=reason,
                occurred_at=notice.occurred_at or now,
                received_at=now,
                source=self._acd,
                raw=notice.raw,
            )
        )


class Hearing:
    """`agents`: the ACD's names of agents; `agent_states`: what it said of them last. `post` sends a command, `over`
    closes a task, `restarted` hears that the ACD has lost what it knew. `opens_panels`: the desktop of the agent who
    accepted gets what it opens our panel with."""

    def __init__(
        self,
        *,
        settings: TaskAcdSettings,
        incoming: Incoming,
        verifier: Verifier | None,
        book: TaskBook,
        teller: Teller,
        agents: Mapping[str, AgentId],
        agent_states: dict[str, str],
        clock: Clock,
        post: Post,
        over: Callable[[Task], None],
        restarted: Callable[[], None],
        opens_panels: bool = False,
    ) -> None:
        self._settings = settings
        self._incoming = incoming
        self._verifier = verifier
        self._book = book
        self._teller = teller
        self._agents = agents
        self._agent_states = agent_states
        self._clock = clock
        self._post = post
        self._over = over
        self._restarted = restarted
        self._opens_panels = opens_panels
        self._orders: dict[ContactId, InOrder[Notice]] = {}
        self._agent_order: InOrder[Notice] = InOrder(0)
        self._gap_soon = asyncio.Event()
        self.events: Counter[EventResult] = Counter()

    def forget(self, contact_id: ContactId) -> None:
        """Its events begin anew, or there will be none."""
        self._orders.pop(contact_id, None)

    def receive(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """As `TaskAcd.receive`."""
        if self._verifier is None:
            raise StateConflict("webhooks_off", "This ACD has no secret for webhooks in its settings.")
        try:
            self._verifier.check(url, headers, body, self._clock.now().timestamp())
            notices = read_webhook(self._incoming, body, headers, self._settings.variables)
        except NotSignedIn:
            self.events[EventResult.NOT_SIGNED] += 1
            raise
        except BadInput:
            self.events[EventResult.UNREADABLE] += 1
            raise
        for notice in notices:
            self.events[self._take_in(notice)] += 1

    def _take_in(self, notice: Notice) -> EventResult:
        """What became of it."""
        of_no_task = [heard for heard in notice.heard if heard.told in _OF_NO_TASK]
        repeated = of_no_task != [] and self._agent_order.knows(notice.event_id)
        if of_no_task and self._agent_order.arrive(notice.event_id, None, notice, self._clock.monotonic()).ready:
            for heard in of_no_task:
                if heard.told is Told.RESTARTED:
                    self._restarted()
                else:
                    self._tell_agent(notice, heard)
        if of_no_task and len(of_no_task) == len(notice.heard):
            return EventResult.REPEATED if repeated else EventResult.TAKEN
        task = self._task_of(notice)
        if task is None:
            _log.info("acd.unknown_contact", acd=self._settings.name, told=notice.name)
            return EventResult.UNKNOWN_CONTACT
        contact_id = task.offer.contact_id
        order = self._orders.setdefault(contact_id, InOrder(self._settings.gap_wait.total_seconds()))
        if order.knows(notice.event_id):
            return EventResult.REPEATED
        arrived = order.arrive(notice.event_id, notice.seq, notice, self._clock.monotonic())
        self._go_on(contact_id, arrived)
        if order.deadline is not None:
            self._gap_soon.set()
        if arrived.late:
            return EventResult.LATE
        return EventResult.TAKEN if notice.known else EventResult.UNKNOWN_EVENT

    def _task_of(self, notice: Notice) -> Task | None:
        """Whose it is. None for what nobody here knows, and for what is of an earlier round of its contact."""
        task = self._book.get(notice.contact) if notice.contact else self._book.by_ref(notice.ref)
        if task is None or not notice.ref:
            return task
        if task.is_former(notice.ref):
            return None
        is_new = task.booking is not None and bool(notice.contact)  # who took it over gets a task of their own there
        if task.awaits_ref or is_new:  # it tells of the task before it answers that there is one
            self._book.name(task, notice.ref)
        return task if notice.ref == task.ref else None

    def _go_on(self, contact_id: ContactId, arrived: Arrived[Notice]) -> None:
        for notice in arrived.late:
            self._teller.tell(self._book.get(contact_id), Unrecognised(name=f"late: {notice.name}"), notice)
        if arrived.skipped:
            _log.warning("acd.events_missing", acd=self._settings.name, contact_id=contact_id, missing=arrived.skipped)
        for notice in arrived.ready:
            task = self._book.get(contact_id)
            if task is None:
                return
            if task.keep(notice.kept):
                self._book.changed(task)
            if not notice.known:
                self._teller.tell(task, Unrecognised(name=notice.name or "unknown"), notice)
            for heard in notice.heard:
                if heard.told not in _OF_NO_TASK:
                    self._apply(task, heard, notice)

    def _apply(self, task: Task, heard: Heard, notice: Notice) -> None:
        before = task.phase
        taken = task.taken
        coming = task.coming
        known = replace(heard, agent_id=self._agent_called(heard.fields.get("agent", "")))
        if known.told is Told.RESERVED and not task.offer.offerable and task.phase in IN_LINE:
            self._post(task, Command.DECLINE, reason=DeclineReason.WITHDRAWN.value, offer=_reserved_for(known))
            self._teller.tell(task, Unrecognised(name="reserved while it must not be offered"), notice)
            return
        command = answer(task, known)
        if command is not None:
            self._post(task, command, reason=DeclineReason.WITHDRAWN.value, offer=_reserved_for(known))
        if command is Command.DECLINE:
            self._teller.tell(task, Unrecognised(name="reserved while a colleague has it"), notice)
            return
        for said in tell(task, known, by_claim=self._opens_panels):
            self._teller.tell(task, said.body, notice, made_up=said.made_up)
            if isinstance(said.body, Accepted) and self._opens_panels:
                self._post(task, Command.PANEL, offer_id=said.body.offer_id)
        if task.coming is not None and task.coming.taken and not (coming is not None and coming.taken):
            offered = {"reservation": task.coming.reservation, "agent": task.coming.agent.ref}
            self._post(task, Command.PANEL, offer_id=task.coming.offer_id, offer=offered)
        if task.taken != taken or task.booking is not None:
            self._book.changed(task)
        if task.phase is Phase.GONE and before is not Phase.GONE:
            self._over(task)

    def _agent_called(self, ref: str) -> AgentId | None:
        """Whose name it is. Without a panel nobody has said so: then an id of ours is its own name."""
        known = self._agents.get(ref)
        return AgentId(ref) if known is None and self._opens_panels and looks_like_id(ref, "ag") else known

    def _tell_agent(self, notice: Notice, heard: Heard) -> None:
        ref = heard.fields.get("agent", "")
        state = heard.fields.get("state", "")
        if not ref or state not in tuple(AcdAgentState):
            _log.info("acd.unknown_agent_state", acd=self._settings.name, told=notice.name)
            return
        self._agent_states[ref] = state
        agent = AgentName(ref=ref, agent_id=self._agents.get(ref))
        self._teller.tell_of_agent(notice, agent, AcdAgentState(state), heard.fields.get("reason") or None)

    async def watch_gaps(self) -> None:
        """Give up the gaps whose time is over."""
        while True:
            await self._gap_soon.wait()
            self._gap_soon.clear()
            while deadlines := [d for order in self._orders.values() if (d := order.deadline) is not None]:
                await self._clock.sleep_until(min(deadlines))
                now_s = self._clock.monotonic()
                for contact_id, order in list(self._orders.items()):
                    if order.deadline is not None and order.deadline <= now_s:
                        self._go_on(contact_id, order.expire(now_s))


def _reserved_for(heard: Heard) -> dict[str, str]:
    return {"reservation": heard.reservation, "agent": heard.fields.get("agent", "")}
