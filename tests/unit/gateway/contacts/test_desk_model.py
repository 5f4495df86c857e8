"""Customers, agents, networks and clocks in random order: what must always hold does (fake clock, fake media)."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.acd.builtin.line import HEAD
from gateway.agents.states import AgentState
from gateway.base.errors import CapacityExceeded, PortFailure
from gateway.config import ContactSettings
from gateway.contacts.fold import fold_contact
from gateway.contacts.model import Contact
from gateway.contacts.states import OVER, ContactState
from gateway.parties import (
    ChooseOption,
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
)
from media.port import FromLeg
from tests.support.desk_rig import Agent, Customer, DeskRig, Shown

NAMES = ("anna", "ben", "cleo")
MAX_CUSTOMERS = 5

index = st.integers(min_value=0, max_value=MAX_CUSTOMERS - 1)
agent_index = st.integers(min_value=0, max_value=len(NAMES) - 1)
BAND = 1e10


class DeskModel(RuleBasedStateMachine):
    """Everything anybody may do to a desk, legal or not, and the invariants of a contact center."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rig = DeskRig(settings=ContactSettings(max_contacts=4))
        self.customers: list[Customer] = []
        self.agents: list[Agent] = []
        self.queued_at: dict[str, float] = {}
        self.do(self.begin())

    async def begin(self) -> None:
        await self.rig.start()
        for name in NAMES:
            self.agents.append(await self.rig.agent(name, ready=name != "cleo", queues=("sales", "support")))

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def customer(self, number: int) -> Customer:
        return self.customers[number % len(self.customers)]

    # ------------------------------------------------------------ customers

    @rule(site=st.sampled_from(["shop", "direct"]), connected=st.booleans())
    def somebody_presses_the_button(self, site: str, connected: bool) -> None:
        if len(self.customers) >= MAX_CUSTOMERS:
            self.customers = [each for each in self.customers if each.events[-1].name != "closed"]
        try:
            self.customers.append(self.do(self.rig.customer(site=site, connected=connected)))
        except CapacityExceeded:
            assert len(self.rig.desk._actors) >= 4
        except PortFailure:
            assert self.rig.queues.away

    @precondition(lambda self: self.customers)
    @rule(number=index, key=st.sampled_from(["1", "2", "3", "4", "5", "9", "back"]))
    def a_customer_chooses(self, number: int, key: str) -> None:
        customer = self.customer(number)
        if customer.state == "in_menu":
            self.do(self._choose(customer, key))

    async def _choose(self, customer: Customer, key: str) -> None:
        code = await customer.try_to(ChooseOption(node_id=customer.last(MenuShown).node_id, key=key))
        assert code in (None, "menu_no_such_key", "menu_stale")

    @precondition(lambda self: self.customers)
    @rule(number=index)
    def a_customer_connects_or_reloads(self, number: int) -> None:
        customer = self.customer(number)
        if customer.state not in OVER:
            self.do(customer.connect())

    @precondition(lambda self: self.customers)
    @rule(number=index)
    def a_customer_hangs_up(self, number: int) -> None:
        assert self.do(self.customer(number).try_to(HangUp())) in (None, "contact_closed")

    @precondition(lambda self: self.customers)
    @rule(number=index, present=st.booleans())
    def a_customers_signaling_comes_or_goes(self, number: int, present: bool) -> None:
        self.do(self.customer(number).present(present))

    @precondition(lambda self: self.customers)
    @rule(number=index, given=st.booleans())
    def a_customer_says_yes_or_no_to_the_recording(self, number: int, given: bool) -> None:
        request = GiveConsent(given=given, notice_version="1")
        assert self.do(self.customer(number).try_to(request)) in (None, "contact_closed")

    # ------------------------------------------------------------ agents

    @rule(number=agent_index, what=st.sampled_from([SetReady(), SetNotReady(reason="break")]))
    def an_agent_is_ready_or_not(self, number: int, what: SetReady | SetNotReady) -> None:
        assert self.do(self.agents[number].try_to(what)) in (None, "illegal_transition", "agent_not_logged_on")

    @rule(number=agent_index)
    def an_agent_accepts(self, number: int) -> None:
        if self.agents[number].ringing is not None:
            self.do(self.agents[number].accept())

    @rule(number=agent_index)
    def an_agent_answers(self, number: int) -> None:
        if self.agents[number].ringing is not None:
            self.do(self.agents[number].answer())

    @rule(number=agent_index)
    def an_agent_rejects(self, number: int) -> None:
        if self.agents[number].ringing is not None:
            self.do(self.agents[number].reject())

    @rule(number=agent_index)
    def an_agent_connects_or_reloads(self, number: int) -> None:
        agent = self.agents[number]
        contact = self.contact_of(agent)
        if contact is not None and contact.state in (ContactState.BRIDGING, ContactState.ACTIVE, ContactState.HELD):
            self.do(agent.connect())

    @rule(number=agent_index, what=st.sampled_from([HoldContact(), RetrieveContact(), HangUp()]))
    def an_agent_holds_retrieves_or_hangs_up(self, number: int, what: HoldContact | RetrieveContact | HangUp) -> None:
        codes = (None, "illegal_transition", "no_contact", "agent_not_logged_on", "not_your_contact")
        assert self.do(self.agents[number].try_to(what)) in codes

    @rule(number=agent_index)
    def an_agent_wraps_up(self, number: int) -> None:
        codes = (None, "illegal_transition", "no_contact", "agent_not_logged_on")
        assert self.do(self.agents[number].try_to(SubmitWrapUp(disposition="resolved"))) in codes

    @rule(number=agent_index, present=st.booleans())
    def an_agents_panel_comes_or_goes(self, number: int, present: bool) -> None:
        agent = self.agents[number]
        self.do(agent.come() if present else agent.go())

    @rule(number=agent_index)
    def an_agent_signs_out(self, number: int) -> None:
        agent = self.agents[number]
        record = self.rig.roster.find(agent.agent_id)
        if record is not None and record.state is not AgentState.BUSY:
            self.do(self.rig.desk.agent_logged_off(agent.agent_id))
            self.do(self.rig.rest())

    # ------------------------------------------------------------ networks, clocks, stores

    @rule(number=st.integers(0, 20), how=st.sampled_from(["silence", "hear", "consent_lost", "bye", "clip"]))
    def something_happens_to_a_leg(self, number: int, how: str) -> None:
        legs = list(self.rig.media.legs)
        if not legs:
            return
        leg_id = legs[number % len(legs)]
        self.do(self._happen(leg_id, how))

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

    @rule(seconds=st.sampled_from([0.3, 1.0, 2.0, 7.0, 15.0, 20.0, 61.0, 121.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.do(self.rig.run(seconds))

    @rule(away=st.booleans())
    def the_live_store_goes_or_comes(self, away: bool) -> None:
        self.rig.queues.away = away
        self.do(self.rig.run(6))

    @precondition(lambda self: self.customers)
    @rule(number=index, state=st.sampled_from(["on", "paused", "failed", "done"]))
    def a_recording_changes(self, number: int, state: str) -> None:
        self.do(self._recorded(self.customer(number), state))

    async def _recorded(self, customer: Customer, state: str) -> None:
        code = "disk_full" if state == "failed" else None
        self.rig.recording.listener(Shown(customer.contact_id, state, "1", code))
        await self.rig.rest()

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
        held = {}
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
        wanted = {
            ContactState.OFFERED: AgentState.RESERVED,
            ContactState.BRIDGING: AgentState.BUSY,
            ContactState.ACTIVE: AgentState.BUSY,
            ContactState.HELD: AgentState.BUSY,
            ContactState.WRAP_UP: AgentState.WORKING_AFTER_CALL,
        }
        for record in self.rig.roster:
            contact = held.get(record.card.agent_id)
            if contact is not None:
                assert record.state is wanted[contact.state]
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
            newest = leg.leg_id in (contact.customer.transport, contact.agent.side.transport if contact.agent else None)
            if isinstance(leg.source, FromLeg) and newest:
                assert contact.state is ContactState.ACTIVE
                assert contact.agent is not None
                assert {leg.leg_id, leg.source.leg_id} == {contact.customer.transport, contact.agent.side.transport}

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
                assert contact_id not in self.rig.acd._contacts

    @invariant()
    def the_journal_tells_the_same_as_the_list(self) -> None:
        for contact_id, row in self.rig.journal.rows.items():
            assert fold_contact(self.rig.journal.events[contact_id][: row.version]) == row

    @invariant()
    def whoever_waits_is_in_line_with_the_original_time(self) -> None:
        for contact in self.live():
            if contact.state is not ContactState.QUEUED or contact.line is None:
                continue
            entry = self.rig.acd._contacts[contact.contact_id]
            first = self.queued_at.setdefault(contact.contact_id, entry.offer.queued_at.timestamp())
            assert entry.offer.queued_at.timestamp() == first
            if not self.rig.queues.away:
                ticket = self.rig.queues.tickets[contact.contact_id]
                assert abs(ticket.score % BAND - first) < 1e-4
                offered = any(event.name == "offer_made" for event in self.rig.journal.events[contact.contact_id])
                assert (ticket.score < BAND * (HEAD - 9)) is offered, "at the head exactly when offered before"

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


TestDesk = DeskModel.TestCase
TestDesk.settings = settings(
    max_examples=int(os.environ.get("DESK_MODEL_EXAMPLES", "60")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
