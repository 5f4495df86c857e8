"""A search over every joint state that can be reached: no dead end, no contradiction; and it has teeth."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.agents import states as a
from gateway.agents.states import AGENT, AgentState
from gateway.base.errors import InvariantBroken, StateConflict
from gateway.base.ids import AgentId, OfferId
from gateway.base.machine import Table
from gateway.contacts import events, legs
from gateway.contacts.coupling import (
    RULES,
    SEEN_BY_AGENT,
    SEEN_BY_SECOND,
    TABLES,
    Event,
    Joint,
    Machine,
    RecordingCommand,
    Rule,
    Step,
    Tables,
    holds_agent,
    holds_second,
    recording_command,
    settle,
)
from gateway.contacts.legs import LEG, LIVE, LegState
from gateway.contacts.states import CONSULTS, CONTACT, IN_CALL, OVER, ContactState
from gateway.recordings import states as r
from gateway.recordings.states import RECORDING, RecordingState

OFFER = events.OfferMade(offer_id=OfferId("of_1"), agent_id=AgentId("ag_1"))
CONSULT = events.ConsultStarted(offer_id=OfferId("of_2"), agent_id=AgentId("ag_2"))
CLAIM = events.Claimed(offer_id=OfferId("of_1"), agent_id=AgentId("ag_1"))

CONTACT_INPUTS: tuple[Event, ...] = (
    events.MenuStarted(),
    events.OptionChosen(),
    events.SelfServed(),
    events.MenuUnanswered(),
    events.Enqueued(),
    events.SetupTimedOut(),
    events.CustomerLeft(),
    events.MaxWaitReached(),
    events.Held(),
    events.Retrieved(),
    events.MaxDurationReached(),
    events.PlaceKept(),
    events.QueueLeft(),
    events.CallEnded(),
    events.TransferStarted(),
    events.TransferFailed(),
    events.WrapUpSubmitted(),
    events.WrapUpTimedOut(),
    events.Aborted(),
)
NOT_SPLIT_INPUTS: tuple[Event, ...] = (
    events.OfferAccepted(),
    events.OfferRejected(),
    events.OfferTimedOut(),
    events.OfferWithdrawn(),
    events.AgentLegFailed(),
    events.CustomerUnreachable(),
    events.AgentReleased(),
    events.Transferred(),
    events.ConsultAccepted(),
    events.ConsultRejected(),
    events.ConsultTimedOut(),
    events.ConsultFailed(),
    events.ConsultEnded(),
)
SPLIT_INPUTS: tuple[Event, ...] = (events.VoiceOnly(), events.VideoEnded())
"""In call mode the voice is the ACD's: no offers, no way back into line, and an agent who goes ends the video only."""
LEG_INPUTS: tuple[Event, ...] = (
    legs.OfferReceived(),
    legs.AnswerSent(),
    legs.TransportConnected(),
    legs.NegotiationFailed(),
    legs.TransportLost(),
    legs.SetupTimedOut(),
    legs.GraceExpired(),
    legs.TransportClosed(),
    legs.CloseTimedOut(),
)
AGENT_INPUTS: tuple[Event, ...] = (a.LoggedOn(), a.LoggedOff(), a.ReadySet(), a.NotReadySet(), a.PresenceLost())
RECORDING_INPUTS = (
    r.ConsentNeeded(),
    r.ConsentGiven(notice_version="1"),
    r.ConsentRefused(),
    r.ConsentWaived(),
    r.FirstFrameWritten(at_s=0.0),
    r.StartTimedOut(),
    r.LimitReached(),
    r.WriteFailed(code="disk_full"),
    r.Sealed(sha256="", size_bytes=0, duration_s=0.0),
)
RECORDED: dict[RecordingCommand, object] = {
    RecordingCommand.AGENT_LOST: r.PauseRequested(reason="agent_lost"),
    RecordingCommand.STOP: r.StopRequested(reason="over"),
}
NOT_READY_AFTER = (events.OfferRejected, events.OfferTimedOut, events.AgentLegFailed, events.AgentLegLost)
"""After these the agent is not ready: the contact must not bounce back to them."""

ASKED_NOT_READY_AFTER = (events.ConsultRejected, events.ConsultTimedOut, events.ConsultFailed)

OPEN_RECORDINGS = frozenset(
    {
        RecordingState.REQUESTED,
        RecordingState.AWAITING_CONSENT,
        RecordingState.STARTING,
        RecordingState.ACTIVE,
        RecordingState.PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class World:
    """One contact, one agent (theirs or free), one recording. `agent` is the agent's state wherever they are."""

    joint: Joint
    agent: AgentState
    recording: RecordingState | None = None


STARTS = [
    World(
        Joint(
            contact=ContactState.INITIATED,
            customer_leg=LegState.NEW,
            agent_leg=LegState.CLOSED,
            agent=None,
            split=split,
        ),
        AgentState.LOGGED_OFF,
    )
    for split in (False, True)
]


def after(world: World, step: Step) -> World:
    """What the actor makes of a step: it keeps the agent or lets go, and tells the recording."""
    joint = step.joint
    agent = joint.agent if joint.agent is not None else world.agent
    recording = world.recording
    for applied in step.applied:
        command = recording_command(applied, bridged_once=recording is not None)
        if command is RecordingCommand.BEGIN:
            if recording is None:
                recording = RecordingState.REQUESTED
            elif RECORDING.allows(recording, r.ResumeRequested):
                recording = RECORDING.next(recording, r.ResumeRequested(reason="begin"))
        event = RECORDED.get(command) if command is not None else None
        if event is not None and recording is not None and RECORDING.allows(recording, type(event)):
            recording = RECORDING.next(recording, event)
    if not holds_agent(joint):
        joint = replace(joint, agent=None)
    if not holds_second(joint):
        left = joint.second_leg if joint.second_leg in LIVE else LegState.CLOSED  # one that closes is soon forgotten
        joint = replace(joint, second=None, second_leg=left)
    return World(joint, agent, recording)


def inputs(world: World) -> Iterator[tuple[World, Machine, Event]]:
    """Everything that people, media, clocks and the ACD may do in this world."""
    joint = world.joint
    if joint.agent is None:
        # The ACD offers to ready agents only, and only what waits.
        held = replace(world, joint=replace(joint, agent=world.agent))
        if world.agent is AgentState.READY and not joint.split:
            yield held, Machine.CONTACT, OFFER
        if world.agent in (AgentState.READY, AgentState.NOT_READY) and joint.split:
            yield held, Machine.CONTACT, CLAIM
    else:
        for event in AGENT_INPUTS:
            yield world, Machine.AGENT, event
    for event in CONTACT_INPUTS + (SPLIT_INPUTS if joint.split else NOT_SPLIT_INPUTS):
        yield world, Machine.CONTACT, event
    if joint.contact in (ContactState.ACTIVE, ContactState.HELD) and not joint.split:
        # A colleague who is ready is there whenever one is needed.
        yield replace(world, joint=replace(joint, second=AgentState.READY)), Machine.CONTACT, CONSULT
    if joint.second is not None:
        for event in AGENT_INPUTS:
            yield world, Machine.SECOND, event
        for event in LEG_INPUTS:
            yield world, Machine.SECOND_LEG, event
        if joint.second_leg is LegState.CONNECTED:
            yield world, Machine.CONTACT, events.TransferCompleted()
    for event in LEG_INPUTS:
        yield world, Machine.CUSTOMER_LEG, event
        if joint.agent is not None or joint.agent_leg is LegState.CLOSING:
            yield world, Machine.AGENT_LEG, event


def is_legal(joint: Joint, machine: Machine, event: Event, tables: Tables) -> bool:
    """Whether the machine the event is delivered to takes it: then everything that follows must be possible too."""
    match machine:
        case Machine.CONTACT:
            return tables.contact.allows(joint.contact, type(event))
        case Machine.CUSTOMER_LEG:
            return tables.leg.allows(joint.customer_leg, type(event))
        case Machine.AGENT_LEG:
            return tables.leg.allows(joint.agent_leg, type(event))
        case Machine.AGENT:
            return joint.agent is not None and tables.agent.allows(joint.agent, type(event))
        case Machine.SECOND_LEG:
            return tables.leg.allows(joint.second_leg, type(event))
        case Machine.SECOND:
            return joint.second is not None and tables.agent.allows(joint.second, type(event))


@dataclass(frozen=True, slots=True)
class Refused:
    """A legal event that is not followed through: impossible for another machine, or without its consequence."""

    joint: Joint
    event: Event


def successors(world: World, tables: Tables, refused: set[Refused], *, recorded: bool) -> Iterator[World]:
    for base, machine, event in inputs(world):
        try:
            step = settle(base.joint, machine, event, tables)
            must_rest = any(isinstance(each.event, NOT_READY_AFTER) for each in step.applied)
            asked_must_rest = any(isinstance(each.event, ASKED_NOT_READY_AFTER) for each in step.applied)
            if asked_must_rest and step.joint.second is not AgentState.NOT_READY:
                refused.add(Refused(base.joint, event))
            if must_rest and step.joint.agent is not AgentState.NOT_READY:
                refused.add(Refused(base.joint, event))
            then = after(base, step)
            yield then if recorded else replace(then, recording=None)
        except (StateConflict, InvariantBroken):
            if is_legal(base.joint, machine, event, tables):
                refused.add(Refused(base.joint, event))
    if world.joint.agent is None:
        for event in AGENT_INPUTS:
            if tables.agent.allows(world.agent, type(event)):
                yield replace(world, agent=tables.agent.next(world.agent, event))
    if world.recording is not None:
        for event in RECORDING_INPUTS:
            if RECORDING.allows(world.recording, type(event)):
                yield replace(world, recording=RECORDING.next(world.recording, event))


@dataclass(frozen=True, slots=True)
class Search:
    graph: dict[World, set[World]]
    refused: set[Refused]

    @property
    def faults(self) -> list[str]:
        """Why these tables are wrong; empty when they are sound."""
        found = [f"not followed through: {each.event} in {each.joint}" for each in self.refused]
        found += [f"dead end: {world}" for world in dead_ends(self.graph)]
        found += [f"{name}: {world}" for name, world in contradictions(self.graph).items()]
        missing = set(ContactState) - {world.joint.contact for world in self.graph}
        found += [f"never reached: {state}" for state in missing]
        return found


def explore(tables: Tables, *, recorded: bool = False) -> Search:
    graph: dict[World, set[World]] = {}
    refused: set[Refused] = set()
    waiting = deque(STARTS)
    while waiting:
        world = waiting.popleft()
        if world in graph:
            continue
        graph[world] = set(successors(world, tables, refused, recorded=recorded))
        waiting.extend(graph[world] - graph.keys())
    return Search(graph, refused)


def is_closed(world: World) -> bool:
    """Nothing of the contact is left: no live leg, no agent, no open recording."""
    joint = world.joint
    return (
        joint.contact is ContactState.CLOSED
        and joint.customer_leg in legs.GONE
        and joint.agent_leg in legs.GONE
        and joint.agent is None
        and joint.second is None
        and world.agent not in (AgentState.RESERVED, AgentState.BUSY, AgentState.WORKING_AFTER_CALL)
        and world.recording not in OPEN_RECORDINGS | {RecordingState.ENDING}
    )


def dead_ends(graph: dict[World, set[World]]) -> set[World]:
    """Worlds from which no closed world can be reached."""
    back: dict[World, set[World]] = {world: set() for world in graph}
    for world, nexts in graph.items():
        for each in nexts:
            back[each].add(world)
    alive = {world for world in graph if is_closed(world)}
    waiting = deque(alive)
    while waiting:
        for before in back[waiting.popleft()] - alive:
            alive.add(before)
            waiting.append(before)
    return graph.keys() - alive


HELD_AGENT = frozenset({AgentState.RESERVED, AgentState.BUSY, AgentState.WORKING_AFTER_CALL})

CONTRADICTIONS: dict[str, Callable[[World], bool]] = {
    "an agent is reserved or busy without a contact": lambda w: w.joint.agent is None and w.agent in HELD_AGENT,
    "a queued or closed contact holds an agent": lambda w: (
        w.joint.contact
        in (
            ContactState.INITIATED,
            ContactState.IN_MENU,
            ContactState.QUEUED,
            ContactState.VOICE,
            ContactState.CLOSED,
        )
        and w.joint.agent is not None
    ),
    "nobody is asked and an agent is held for it": lambda w: (
        w.joint.contact not in CONSULTS and (w.joint.second is not None or w.joint.second_leg in LIVE)
    ),
    "a question rings at nobody": lambda w: (
        w.joint.contact is ContactState.CONSULT_RINGING
        and (w.joint.second is not AgentState.RESERVED or w.joint.second_leg in LIVE)
    ),
    "nobody is talked to": lambda w: (
        w.joint.contact is ContactState.CONSULTING
        and (w.joint.second is not AgentState.BUSY or w.joint.second_leg not in LIVE)
    ),
    "voice is a state of call mode only": lambda w: w.joint.contact is ContactState.VOICE and not w.joint.split,
    "an agent is rung in call mode": lambda w: w.joint.contact is ContactState.OFFERED and w.joint.split,
    "an offer rings at nobody": lambda w: (
        w.joint.contact is ContactState.OFFERED and w.joint.agent is not AgentState.RESERVED
    ),
    "a call is with nobody": lambda w: (
        w.joint.contact in IN_CALL | {ContactState.BRIDGING} and w.joint.agent is not AgentState.BUSY
    ),
    "nobody works after the call": lambda w: (
        w.joint.contact is ContactState.WRAP_UP and w.joint.agent is not AgentState.WORKING_AFTER_CALL
    ),
    "a contact goes on without the customer's leg": lambda w: (
        w.joint.contact not in OVER and w.joint.customer_leg not in LIVE
    ),
    "a call goes on without the agent's leg": lambda w: (
        w.joint.contact in IN_CALL | {ContactState.BRIDGING} and w.joint.agent_leg not in LIVE
    ),
    "an agent has a leg before they accepted": lambda w: (
        w.joint.contact in (ContactState.QUEUED, ContactState.OFFERED, ContactState.VOICE) and w.joint.agent_leg in LIVE
    ),
    "both are connected and not bridged": lambda w: (
        w.joint.contact is ContactState.BRIDGING
        and w.joint.customer_leg is LegState.CONNECTED
        and w.joint.agent_leg is LegState.CONNECTED
    ),
    "a leg outlives the call": lambda w: (
        w.joint.contact in OVER and (w.joint.customer_leg in LIVE or w.joint.agent_leg in LIVE)
    ),
    "a recording runs outside the call": lambda w: (
        w.recording is RecordingState.ACTIVE and w.joint.contact not in IN_CALL and w.joint.contact in OVER
    ),
    "a recording is open after the call": lambda w: w.joint.contact in OVER and w.recording in OPEN_RECORDINGS,
}


def contradictions(graph: dict[World, set[World]]) -> dict[str, World]:
    return {name: world for name, wrong in CONTRADICTIONS.items() for world in graph if wrong(world)}


@pytest.fixture(scope="module")
def search() -> Search:
    return explore(TABLES, recorded=True)


def test_the_search_sees_every_state(search: Search) -> None:
    assert {world.joint.contact for world in search.graph} == set(ContactState)
    assert {world.joint.customer_leg for world in search.graph} == set(LegState)
    assert {world.joint.agent_leg for world in search.graph} == set(LegState)
    assert {world.agent for world in search.graph} == set(AgentState)
    assert {world.recording for world in search.graph} >= OPEN_RECORDINGS


def test_from_every_joint_state_a_closed_one_is_reachable(search: Search) -> None:
    assert dead_ends(search.graph) == set()


def test_no_joint_state_contradicts_itself(search: Search) -> None:
    assert contradictions(search.graph) == {}


def test_whatever_is_legal_for_one_machine_can_be_followed_by_all(search: Search) -> None:
    assert search.refused == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_is_needed(rule: Rule) -> None:
    assert explore(replace(TABLES, rules=tuple(each for each in RULES if each is not rule))).faults


def without(table: Table, state: object, event_type: type) -> Table:
    rows = {
        each: {e: s for e, s in row.items() if (each, e) != (state, event_type)} for each, row in table.rows.items()
    }
    return Table(table.name, type(table.initial), table.initial, rows)


MUTANTS: dict[str, Tables] = {
    "a customer can leave only a call": replace(
        TABLES,
        contact=without(
            without(
                without(CONTACT, ContactState.QUEUED, events.CustomerLeft), ContactState.OFFERED, events.CustomerLeft
            ),
            ContactState.BRIDGING,
            events.CustomerLeft,
        ),
    ),
    "the agent does not see that their leg failed": replace(
        TABLES, seen_by_agent={k: v for k, v in SEEN_BY_AGENT.items() if k is not events.AgentLegFailed}
    ),
    "the agent does not see that the offer timed out": replace(
        TABLES, seen_by_agent={k: v for k, v in SEEN_BY_AGENT.items() if k is not events.OfferTimedOut}
    ),
    "the agent does not see that they accepted": replace(
        TABLES, seen_by_agent={k: v for k, v in SEEN_BY_AGENT.items() if k is not events.OfferAccepted}
    ),
    "a failed agent leg ends nothing": replace(
        TABLES, contact=without(CONTACT, ContactState.HELD, events.AgentLegLost)
    ),
    "a failed video ends nothing": replace(
        TABLES, contact=without(CONTACT, ContactState.TRANSFERRING, events.VideoEnded)
    ),
    "the second agent does not see that they did not answer": replace(
        TABLES, seen_by_second={k: v for k, v in SEEN_BY_SECOND.items() if k is not events.ConsultTimedOut}
    ),
    "the second agent does not see that their leg failed": replace(
        TABLES, seen_by_second={k: v for k, v in SEEN_BY_SECOND.items() if k is not events.ConsultFailed}
    ),
    "a consultation never ends": replace(
        TABLES, contact=without(CONTACT, ContactState.CONSULTING, events.ConsultFailed)
    ),
    "the agent does not see that they claimed": replace(
        TABLES, seen_by_agent={k: v for k, v in SEEN_BY_AGENT.items() if k is not events.Claimed}
    ),
    "in call mode a customer can't hang up": replace(
        TABLES, contact=without(CONTACT, ContactState.VOICE, events.CustomerLeft)
    ),
    "a leg that closes never ends": replace(
        TABLES,
        leg=without(without(LEG, LegState.CLOSING, legs.TransportClosed), LegState.CLOSING, legs.CloseTimedOut),
    ),
    "after-call work never ends": replace(TABLES, agent=without(AGENT, AgentState.WORKING_AFTER_CALL, a.WrapUpDone)),
    "a reserved agent is never free again": replace(
        TABLES, agent=without(AGENT, AgentState.RESERVED, a.OfferWithdrawn)
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_search_notices_that(name: str) -> None:
    assert explore(MUTANTS[name]).faults
