"""Customers, agents, networks and clocks in random order: what must always hold does (fake clock, fake media)."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.acd.builtin.routing.line import HEAD
from gateway.agents.states import AgentState
from gateway.base.errors import CapacityExceeded, PortFailure, StateConflict
from gateway.config import ContactSettings, QueueSettings
from gateway.contacts.fold import fold_contact
from gateway.contacts.model import Contact
from gateway.contacts.states import CONSULTS, OVER, ContactState
from gateway.parties import (
    ChooseOption,
    CompleteTransfer,
    GiveConsent,
    HangUp,
    HoldContact,
    MenuShown,
    OfferEnded,
    OfferMade,
    RetrieveContact,
    SetNotReady,
    SetReady,
    SubmitWrapUp,
    TransferContact,
)
from media.port import FromLeg
from tests.support.desk_rig import QUEUES, Agent, Customer, DeskRig, Shown

NAMES = ("anna", "ben", "cleo")
MAX_CONTACTS = 4
ASSIGNED = (ContactState.BRIDGING, ContactState.ACTIVE, ContactState.HELD)
LATE = (None, "illegal_transition", "no_contact", "not_your_contact", "agent_not_logged_on")

index = st.integers(min_value=0, max_value=11)
T = TypeVar("T")


def pick(some: list[T], number: int) -> T:
    return some[number % len(some)]


def newest_of(contact: Contact) -> set[str | None]:
    """Every side's leg of the newest generation."""
    return {side.transport for side in contact.sides}


def last(names: list[str], name: str) -> int:
    return max((place for place, each in enumerate(names) if each == name), default=0)


BAND = 1e10


class DeskModel(RuleBasedStateMachine):
    """Everything anybody may do to a desk, legal or not, and the invariants of a contact center."""

    lines: tuple[QueueSettings, ...] = QUEUES

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rig = DeskRig(settings=ContactSettings(max_contacts=MAX_CONTACTS), lines=self.lines)
        self.customers: list[Customer] = []
        self.agents: list[Agent] = []
        self.do(self.begin())

    async def begin(self) -> None:
        await self.rig.start()
        for name in NAMES:
            self.agents.append(await self.rig.agent(name, ready=name != "cleo", queues=("sales", "support")))

    @initialize(
        depth=st.sampled_from(
            ["empty", "ringing", "call", "call", "held", "two calls", "two calls", "wrap-up", "asking", "asking"]
        )
    )
    def somewhere_in_the_day(self, depth: str) -> None:
        """Begin where it matters: random steps alone hardly ever come as far as a call."""
        self.do(self._reach(depth))

    async def _reach(self, depth: str) -> None:
        if depth == "empty":
            return
        for agent in self.agents[: 2 if depth == "two calls" else 1]:
            self.customers.append(await self.rig.customer())
            if depth != "ringing":
                await agent.answer()
        if depth == "held":
            await self.agents[0].ask(HoldContact())
        if depth == "asking":
            await self.agents[0].ask(TransferContact(kind="agent", target=self.agents[1].agent_id, consult=True))
        if depth == "wrap-up":
            await self.customers[0].ask(HangUp())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    # ------------------------------------------------------------ who may do something

    def waiting(self, *states: str) -> list[Customer]:
        """Customers whose contact is in one of the states."""
        return [each for each in self.customers if each.state in states]

    def ringing(self) -> list[Agent]:
        return [each for each in self.agents if each.ringing is not None]

    def on_contact(self, *states: ContactState) -> list[Agent]:
        """Agents whose contact is in one of the states."""
        held = {each.agent.agent_id: each.state for each in self.live() if each.agent is not None}
        return [each for each in self.agents if held.get(each.agent_id) in states]

    def asked(self) -> list[Agent]:
        """Agents who talk with a colleague about a contact."""
        ids = {each.second.agent_id for each in self.live() if each.second and each.state is ContactState.CONSULTING}
        return [each for each in self.agents if each.agent_id in ids]

    # ------------------------------------------------------------ what is asked in good order

    @rule(site=st.sampled_from(["direct", "shop"]), connected=st.sampled_from([True, True, True, False]))
    def somebody_presses_the_button(self, site: str, connected: bool) -> None:
        self.customers = [each for each in self.customers if each.state not in OVER]
        try:
            self.customers.append(self.do(self.rig.customer(site=site, connected=connected)))
        except CapacityExceeded:
            assert len(self.rig.desk._actors) >= MAX_CONTACTS
        except PortFailure:
            assert self.rig.queues.away

    @precondition(lambda self: self.waiting("in_menu"))
    @rule(number=index, key=st.sampled_from(["1", "1", "2", "2", "3", "4", "5", "9", "back"]))
    def a_customer_chooses(self, number: int, key: str) -> None:
        customer = pick(self.waiting("in_menu"), number)
        request = ChooseOption(node_id=customer.last(MenuShown).node_id, key=key)
        assert self.do(customer.try_to(request)) in (None, "menu_no_such_key", "menu_stale")

    @precondition(lambda self: self.customers)
    @rule(number=index)
    def a_customer_connects_or_reloads(self, number: int) -> None:
        customer = pick(self.customers, number)
        if customer.state not in OVER:
            self.do(customer.connect())

    @precondition(lambda self: self.waiting("in_menu", "queued", "offered", "bridging", "active", "held"))
    @rule(number=index)
    def a_customer_hangs_up(self, number: int) -> None:
        some = self.waiting("in_menu", "queued", "offered", "bridging", "active", "held")
        self.do(pick(some, number).ask(HangUp()))

    @precondition(lambda self: self.ringing())
    @rule(number=index, how=st.sampled_from(["answer", "answer", "answer", "accept", "reject", "wait"]))
    def a_ringing_agent_does_something(self, number: int, how: str) -> None:
        agent = pick(self.ringing(), number)
        of_many = agent not in self.on_contact(ContactState.OFFERED)
        if of_many and not self.rig.roster.get(agent.agent_id).may_be_offered:
            return  # a panel that is gone says nothing
        match how:
            case "answer" if not (of_many and self.rig.queues.away):  # which of many has it, the store decides
                self.do(agent.answer())
            case "answer" | "accept":
                self.do(agent.accept())
            case "reject":
                self.do(agent.reject())
            case _:
                self.do(self.rig.run(20))

    @precondition(lambda self: self.on_contact(*ASSIGNED))
    @rule(number=index)
    def an_agent_connects_or_reloads(self, number: int) -> None:
        self.do(pick(self.on_contact(*ASSIGNED), number).connect())

    @precondition(lambda self: self.on_contact(*ASSIGNED))
    @rule(number=index, what=st.sampled_from([HoldContact(), RetrieveContact(), HoldContact(), HangUp()]))
    def an_agent_holds_retrieves_or_hangs_up(self, number: int, what: HoldContact | RetrieveContact | HangUp) -> None:
        agent = pick(self.on_contact(*ASSIGNED), number)
        assert self.do(agent.try_to(what)) in (None, "illegal_transition")

    @precondition(lambda self: self.on_contact(*ASSIGNED))
    @rule(number=index, to=index, kind=st.sampled_from(["queue", "agent", "number", "consult", "consult"]))
    def an_agent_sends_the_contact_on_or_asks_first(self, number: int, to: int, kind: str) -> None:
        agent = pick(self.on_contact(*ASSIGNED), number)
        target = pick(["sales", "support", "nowhere"], to) if kind == "queue" else pick(self.agents, to).agent_id
        kind, consult = ("agent", True) if kind == "consult" else (kind, False)
        code = self.do(agent.try_to(TransferContact(kind=kind, target=target, consult=consult)))
        assert code in (
            None,
            "transfer_not_now",
            "transfer_target_unknown",
            "transfer_unsupported",
            "agent_not_ready",
        )

    @precondition(lambda self: self.on_contact(*CONSULTS))
    @rule(number=index, what=st.sampled_from([CompleteTransfer(), RetrieveContact(), HangUp()]))
    def an_agent_who_asks_goes_on(self, number: int, what: CompleteTransfer | RetrieveContact | HangUp) -> None:
        code = self.do(pick(self.on_contact(*CONSULTS), number).try_to(what))
        assert code in (None, "consult_not_connected", "consult_open", "illegal_transition")

    @precondition(lambda self: self.asked())
    @rule(number=index, how=st.sampled_from(["connect", "connect", "hang up", "go"]))
    def an_agent_who_is_asked_does_something(self, number: int, how: str) -> None:
        agent = pick(self.asked(), number)
        match how:
            case "connect":
                self.do(agent.connect())
            case "go":
                self.do(agent.go())
            case _:
                self.do(agent.ask(HangUp()))

    @precondition(lambda self: self.on_contact(ContactState.WRAP_UP))
    @rule(number=index)
    def an_agent_wraps_up(self, number: int) -> None:
        self.do(pick(self.on_contact(ContactState.WRAP_UP), number).ask(SubmitWrapUp(disposition="resolved")))

    @rule(number=index)
    def an_agent_comes_and_is_ready(self, number: int) -> None:
        agent = pick(self.agents, number)
        self.do(agent.come())
        assert self.do(agent.try_to(SetReady())) in (None, "illegal_transition")

    @rule(seconds=st.sampled_from([0.3, 1.0, 2.0, 7.0, 15.0, 20.0, 61.0, 121.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.do(self.rig.run(seconds))

    # ------------------------------------------------------------ trouble

    @precondition(lambda self: self.rig.media.legs)
    @rule(number=index, how=st.sampled_from(["silence", "silence", "hear", "consent_lost", "bye", "clip"]))
    def something_happens_to_a_leg(self, number: int, how: str) -> None:
        self.do(self._happen(pick(list(self.rig.media.legs), number), how))

    async def _happen(self, leg_id: str, how: str) -> None:
        match how:
            case "silence":
                self.rig.media.silence(leg_id)
            case "hear":
                self.rig.media.hear(leg_id)
            case "clip":
                self.rig.media.end_clip(leg_id)
            case _:
                self.rig.media.end(leg_id, how)
        await self.rig.rest()

    @precondition(lambda self: self.customers)
    @rule(number=index, what=st.sampled_from(["go", "come", "yes", "no", "late key", "on", "failed", "done"]))
    def a_customer_does_something_else(self, number: int, what: str) -> None:
        customer = pick(self.customers, number)
        match what:
            case "go" | "come":
                self.do(customer.present(what == "come"))
            case "yes" | "no":
                request = GiveConsent(given=what == "yes", notice_version="1")
                assert self.do(customer.try_to(request)) in (None, "contact_closed")
            case "late key":
                request = ChooseOption(node_id="elsewhere", key="1")
                assert self.do(customer.try_to(request)) in ("menu_stale", "contact_closed")
            case _:
                self.do(self._recorded(customer, what))

    async def _recorded(self, customer: Customer, state: str) -> None:
        code = "disk_full" if state == "failed" else None
        self.rig.recording.listener(Shown(customer.contact_id, state, "1", code))
        await self.rig.rest()

    @rule(number=index, what=st.sampled_from(["go", "come", "break", "sign out", "late hold", "late wrap-up"]))
    def an_agent_does_something_else(self, number: int, what: str) -> None:
        agent = pick(self.agents, number)
        match what:
            case "go" | "come":
                self.do(agent.come() if what == "come" else agent.go())
            case "break":
                assert self.do(agent.try_to(SetNotReady(reason="break"))) in LATE
            case "late hold":
                assert self.do(agent.try_to(HoldContact())) in LATE
            case "late wrap-up":
                assert self.do(agent.try_to(SubmitWrapUp(disposition="resolved"))) in LATE
            case _:
                self.do(self._sign_out(agent))

    async def _sign_out(self, agent: Agent) -> None:
        record = self.rig.roster.find(agent.agent_id)
        if record is None or record.state is not AgentState.BUSY:
            await self.rig.desk.agent_logged_off(agent.agent_id)
        else:
            with pytest.raises(StateConflict, match="agent_busy"):
                await self.rig.desk.agent_logged_off(agent.agent_id)
        await self.rig.rest()

    @rule()
    def the_live_store_goes_or_comes(self) -> None:
        self.rig.queues.away = not self.rig.queues.away
        self.do(self.rig.run(6))

    # ------------------------------------------------------------ what always holds

    def live(self) -> list[Contact]:
        return [actor.contact for actor in self.rig.desk._actors.values()]

    def contact_of(self, agent: Agent) -> Contact | None:
        return next((each for each in self.live() if each.agent and each.agent.agent_id == agent.agent_id), None)

    @invariant()
    def no_contact_failed_by_an_error_of_ours(self) -> None:
        assert "contact_failed" not in [alarm.code for alarm in self.rig.desk.board().alarms]

    @invariant()
    def contact_and_agent_agree(self) -> None:
        held, asked = {}, {}
        for contact in self.live():
            if contact.agent is None:
                assert contact.state not in (
                    ContactState.OFFERED,
                    ContactState.BRIDGING,
                    ContactState.ACTIVE,
                    ContactState.HELD,
                    ContactState.WRAP_UP,
                )
                continue
            assert contact.agent.agent_id not in held, "an agent on two contacts"
            held[contact.agent.agent_id] = contact
            assert (contact.second is not None) is (contact.state in CONSULTS)
            if contact.second is not None:
                assert contact.second.agent_id not in held, "an agent on two contacts"
                asked[contact.second.agent_id] = contact
        wanted = {
            ContactState.OFFERED: AgentState.RESERVED,
            ContactState.BRIDGING: AgentState.BUSY,
            ContactState.ACTIVE: AgentState.BUSY,
            ContactState.HELD: AgentState.BUSY,
            ContactState.TRANSFERRING: AgentState.BUSY,
            ContactState.CONSULT_RINGING: AgentState.BUSY,
            ContactState.CONSULTING: AgentState.BUSY,
            ContactState.WRAP_UP: AgentState.WORKING_AFTER_CALL,
        }
        for record in self.rig.roster:
            contact = held.get(record.card.agent_id)
            if contact is not None:
                assert record.state is wanted[contact.state]
                assert record.contact_id == contact.contact_id
            elif record.card.agent_id in asked:
                contact = asked[record.card.agent_id]
                rings = contact.state is ContactState.CONSULT_RINGING
                assert record.state is (AgentState.RESERVED if rings else AgentState.BUSY)
                assert record.contact_id == contact.contact_id
            else:
                assert record.state in (AgentState.NOT_READY, AgentState.READY)
                assert record.contact_id is None

    @invariant()
    def one_offer_rings_at_an_agent(self) -> None:
        for agent in self.agents:
            ended = [each.offer_id for each in agent.all(OfferEnded)]
            made = [each.offer_id for each in agent.all(OfferMade)]
            assert len(ended) == len(set(ended)), "an offer ended twice"
            assert len(set(made) - set(ended)) <= 1

    @invariant()
    def packets_of_people_go_only_to_each_other_in_an_active_call(self) -> None:
        owner = {leg_id: contact for contact in self.live() for leg_id in contact.transports}
        for leg in self.rig.media.legs.values():
            contact = owner.get(leg.leg_id)
            assert contact is not None, "a leg without a contact"
            if not isinstance(leg.source, FromLeg) or leg.leg_id not in newest_of(contact):
                continue
            assert contact.agent is not None
            pair = {leg.leg_id, leg.source.leg_id}
            if contact.state is ContactState.CONSULTING:
                assert contact.second is not None
                assert pair == {contact.agent.side.transport, contact.second.side.transport}
            else:
                assert contact.state is ContactState.ACTIVE
                assert pair == {contact.customer.transport, contact.agent.side.transport}

    @invariant()
    def a_side_has_one_leg_that_is_not_closing(self) -> None:
        for contact in self.live():
            newest = newest_of(contact)
            for transport in contact.transports.values():
                assert transport.closing_since_s is not None or transport.leg_id in newest

    @invariant()
    def a_closed_contact_is_closed_once_and_leaves_nothing(self) -> None:
        live = {contact.contact_id for contact in self.live()}
        for contact_id, events in self.rig.journal.events.items():
            names = [event.name for event in events]
            assert names.count("closed") <= 1
            if "closed" in names:
                assert names[-1] == "closed"
                assert contact_id not in live
                assert contact_id not in self.rig.desk._legs.values()
                assert self.rig.queues.away or contact_id not in self.rig.queues.tickets
                assert contact_id not in self.rig.acd._books.contacts

    @invariant()
    def the_journal_tells_the_same_as_the_list(self) -> None:
        for contact_id, row in self.rig.journal.rows.items():
            assert fold_contact(self.rig.journal.events[contact_id][: row.version]) == row

    @invariant()
    def whoever_waits_is_in_line_with_the_original_time(self) -> None:
        for contact in self.live():
            if contact.state is not ContactState.QUEUED or contact.line is None:
                continue
            entry = self.rig.acd._books.contacts[contact.contact_id]
            first = entry.queued_s
            assert abs(first - contact.line.queued_at.timestamp()) < 0.1, "ties are kept apart by milliseconds"
            if not self.rig.queues.away:
                ticket = self.rig.queues.tickets[contact.contact_id]
                assert abs(ticket.score % BAND - first) < 1e-4
                names = [event.name for event in self.rig.journal.events[contact.contact_id]]
                again = last(names, "transferred")
                served = "bridged" in names[:again]  # whom an agent had goes before those who only wait
                offered = "offer_made" in names[max(last(names, "enqueued"), again) :]
                assert (ticket.score < BAND * (HEAD - 9)) is (offered or served), "at the head when offered before"

    @invariant()
    def every_live_contact_has_a_deadline(self) -> None:
        for contact in self.live():
            assert contact.contact_id in self.rig.desk._deadlines._due

    def teardown(self) -> None:
        self.rig.queues.away = False
        self.do(self.rig.run(6))
        self.do(self.rig.stop())
        assert self.rig.desk.live_contacts == 0
        assert self.rig.media.legs == {}
        assert self.rig.queues.tickets == {}
        assert len(self.rig.desk._supervisor) == 0
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()


class RingAllModel(DeskModel):
    """The same where contacts ring at all agents."""

    lines = tuple(each.model_copy(update={"strategy": "ring_all"}) for each in QUEUES)

    @invariant()
    def who_is_rung_beside_others_is_ready_and_rung_for_one_contact_in_line(self) -> None:
        rung = [(agent_id, contact) for contact in self.live() if contact.ring for agent_id in contact.ring.offers]
        assert len({agent_id for agent_id, _ in rung}) == len(rung)
        assert {agent_id: contact.contact_id for agent_id, contact in rung} == self.rig.desk._agents._rung
        for agent_id, contact in rung:
            assert contact.state is ContactState.QUEUED
            assert self.rig.roster.get(agent_id).state is AgentState.READY


TestRingAll = RingAllModel.TestCase
TestRingAll.settings = settings(
    max_examples=int(os.environ.get("DESK_MODEL_EXAMPLES", "60")) // 2,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestDesk = DeskModel.TestCase
TestDesk.settings = settings(
    max_examples=int(os.environ.get("DESK_MODEL_EXAMPLES", "60")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
