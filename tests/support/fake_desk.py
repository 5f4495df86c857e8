"""A Desk that remembers what it was asked and says what a test wants."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.base.errors import GatewayError, StateConflict
from gateway.base.ids import AgentId, ContactId, new_contact_id
from gateway.parties import (
    AgentCard,
    AgentChanged,
    AgentNotice,
    AgentRequest,
    BoardShown,
    ContactChanged,
    CustomerNotice,
    CustomerRequest,
    Entry,
    TransferAgent,
    TransferTargets,
)


@dataclass
class FakeDesk:
    """`asked` has every call in order: a tuple of the method's name and what came with it."""

    draining: bool = False
    asked: list[tuple[object, ...]] = field(default_factory=list)
    left: list[bool] = field(default_factory=list)  # of each customer who went: whether their page said goodbye
    contacts: dict[ContactId, Entry] = field(default_factory=dict)
    closed: set[ContactId] = field(default_factory=set)
    on_contact: set[AgentId] = field(default_factory=set)
    contact_with: dict[AgentId, ContactId] = field(default_factory=dict)
    fail_next: BaseException | None = None
    view_gate: asyncio.Event | None = None  # a view waits for this
    request_gate: asyncio.Event | None = None  # an agent's request waits for this
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def _note(self, *what: object) -> None:
        self.asked.append(what)
        async with self.changed:
            self.changed.notify_all()
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error

    async def until(self, *what: object) -> None:
        """Wait until exactly this was asked."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: what in self.asked)

    def requests(self) -> list[object]:
        """The requests of customers and agents, in order."""
        return [what[2] for what in self.asked if what[0] in ("customer_request", "agent_request")]

    async def open_contact(self, entry: Entry) -> ContactId:
        await self._note("open_contact", entry)
        contact_id = new_contact_id()
        self.contacts[contact_id] = entry
        return contact_id

    async def customer_request(self, contact_id: ContactId, request: CustomerRequest) -> None:
        await self._note("customer_request", contact_id, request)

    async def customer_present(self, contact_id: ContactId, present: bool, *, page_gone: bool = False) -> None:
        if not present:
            self.left.append(page_gone)
        await self._note("customer_present", contact_id, present)
        self._check_open(contact_id)

    async def customer_view(self, contact_id: ContactId) -> Sequence[CustomerNotice]:
        await self._note("customer_view", contact_id)
        if self.view_gate is not None:
            await self.view_gate.wait()
        self._check_open(contact_id)
        return [ContactChanged(contact_id=contact_id, state="in_menu")]

    async def agent_present(self, card: AgentCard, present: bool, *, page_gone: bool = False) -> None:
        await self._note("agent_present", card.agent_id, present)

    async def agent_request(self, agent_id: AgentId, request: AgentRequest) -> None:
        await self._note("agent_request", agent_id, request)
        if self.request_gate is not None:
            await self.request_gate.wait()

    async def agent_view(self, agent_id: AgentId) -> Sequence[AgentNotice]:
        await self._note("agent_view", agent_id)
        return [AgentChanged(state="not_ready", reason="login", queues=("sales",))]

    async def agent_logged_off(self, agent_id: AgentId) -> None:
        await self._note("agent_logged_off", agent_id)

    def transfer_targets(self, agent_id: AgentId) -> TransferTargets:
        return TransferTargets(
            queues=(("sales", "Sales"), ("support", "Support")),
            agents=(
                TransferAgent(agent_id=AgentId("ag_00000002"), display_name="Ben", ready=True),
                TransferAgent(agent_id=AgentId("ag_00000003"), display_name="Cleo", ready=False),
            ),
        )

    def is_on_contact(self, agent_id: AgentId) -> bool:
        return agent_id in self.on_contact

    def contact_of(self, agent_id: AgentId) -> ContactId | None:
        return self.contact_with.get(agent_id)

    def board(self) -> BoardShown:
        return BoardShown(queues=(), agents=(), contacts=(), alarms=(), draining=self.draining)

    def drain(self) -> None:
        self.draining = True

    @property
    def live_contacts(self) -> int:
        return len(self.contacts) - len(self.closed)

    def refuse_next(self, error: GatewayError) -> None:
        self.fail_next = error

    def _check_open(self, contact_id: ContactId) -> None:
        if contact_id in self.closed:
            raise StateConflict("contact_closed", "The contact is over.")
