"""How contact, legs and agent move together: one event goes to every machine that sees it, then rules run until still.

Pure: states in, states and the list of what was applied out. A step is legal as a whole or not at all. The recording is
beside the call: it is told (`recording_command`) and never moves anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.agents import states as a
from gateway.agents.states import AGENT, AgentEvent, AgentState, NotReadyReason
from gateway.base.errors import InvariantBroken
from gateway.base.machine import Table
from gateway.contacts import events as c
from gateway.contacts import legs as leg
from gateway.contacts.events import ContactEvent
from gateway.contacts.legs import GONE, LEG, LIVE, LegEvent, LegState
from gateway.contacts.states import CONSULTS, CONTACT, IN_CALL, OVER, ContactState


class Machine(StrEnum):
    """Who an event is delivered to."""

    CONTACT = "contact"
    CUSTOMER_LEG = "customer_leg"
    AGENT_LEG = "agent_leg"
    AGENT = "agent"
    SECOND_LEG = "second_leg"
    SECOND = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """The states that move together. `agent` is None while the contact holds no agent; `agent_leg` is then closed.

    `second`: an agent whom the agent asks, with a leg of their own; when a transfer is completed the two change places.
    `split`: call mode. The ACD carries the voice, so that a lost agent costs the video and no place in line.
    """

    contact: ContactState
    customer_leg: LegState
    agent_leg: LegState
    agent: AgentState | None
    split: bool = False
    second_leg: LegState = LegState.CLOSED
    second: AgentState | None = None


Event = ContactEvent | LegEvent | AgentEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One transition of one machine."""

    machine: Machine
    event: Event
    before: StrEnum
    after: StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where `when` holds, `event` is due to `machine`."""

    name: str
    when: Callable[[Joint], bool]
    machine: Machine
    event: Callable[[Joint], Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Everything the step is made of, as data: tests search it, and mutate it to prove that the search has teeth."""

    contact: Table[ContactState]
    leg: Table[LegState]
    agent: Table[AgentState]
    seen_by_agent: Mapping[type, Callable[[ContactEvent], AgentEvent]]
    seen_by_second: Mapping[type, Callable[[ContactEvent], AgentEvent]]
    rules: tuple[Rule, ...]


_LIMIT: Final = 12  # applications in one step; the longest chain needs 5

_HELD_BY_CONTACT: Final = frozenset({AgentState.RESERVED, AgentState.BUSY, AgentState.WORKING_AFTER_CALL})
_ALERTING: Final = frozenset({ContactState.OFFERED})
_ASSIGNED: Final = frozenset({ContactState.BRIDGING}) | IN_CALL
_NO_AGENT_LEG: Final = frozenset({ContactState.QUEUED, ContactState.OFFERED, ContactState.VOICE}) | OVER


def _leg_failure(event: ContactEvent) -> AgentEvent:
    reason = event.reason if isinstance(event, c.AgentLegFailed) else NotReadyReason.MEDIA_FAILURE
    return a.LegFailed(reason=NotReadyReason(reason))


SEEN_BY_AGENT: Final[Mapping[type, Callable[[ContactEvent], AgentEvent]]] = {
    c.OfferMade: lambda _: a.OfferMade(),
    c.OfferAccepted: lambda _: a.OfferAccepted(),
    c.OfferRejected: lambda _: a.OfferRejected(),
    c.OfferTimedOut: lambda _: a.OfferTimedOut(),
    c.Claimed: lambda _: a.Claimed(),
    c.AgentLegFailed: _leg_failure,
    c.AgentLegLost: _leg_failure,
}
"""Contact events the agent sees too, as the agent's own event. Both must be legal, or neither happens."""

SEEN_BY_SECOND: Final[Mapping[type, Callable[[ContactEvent], AgentEvent]]] = {
    c.ConsultStarted: lambda _: a.OfferMade(),
    c.ConsultAccepted: lambda _: a.OfferAccepted(),
    c.ConsultRejected: lambda _: a.OfferRejected(),
    c.ConsultTimedOut: lambda _: a.OfferTimedOut(),
    c.ConsultFailed: _leg_failure,
}
"""The same for the agent who is asked."""

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="a new contact whose customer leg is gone has failed",
        when=lambda j: j.contact is ContactState.INITIATED and j.customer_leg in GONE,
        machine=Machine.CONTACT,
        event=lambda _: c.LegFailed(),
    ),
    Rule(
        name="a customer whose leg is gone has left",
        when=lambda j: j.contact not in OVER and j.contact is not ContactState.INITIATED and j.customer_leg in GONE,
        machine=Machine.CONTACT,
        event=lambda _: c.CustomerLeft(cause=c.LeaveCause.LOST),
    ),
    Rule(
        name="an offer ends when its agent is no longer reserved",
        when=lambda j: j.contact in _ALERTING and j.agent is not AgentState.RESERVED,
        machine=Machine.CONTACT,
        event=lambda _: c.OfferWithdrawn(),
    ),
    Rule(
        name="two connected legs are bridged",
        when=lambda j: (
            j.contact is ContactState.BRIDGING
            and j.customer_leg is LegState.CONNECTED
            and j.agent_leg is LegState.CONNECTED
        ),
        machine=Machine.CONTACT,
        event=lambda _: c.Bridged(),
    ),
    Rule(
        name="an agent whose leg is gone before the bridge has failed",
        when=lambda j: j.contact is ContactState.BRIDGING and j.agent_leg in GONE and not j.split,
        machine=Machine.CONTACT,
        event=lambda _: c.AgentLegFailed(),
    ),
    Rule(
        name="an agent whose leg is gone in the call is lost",
        when=lambda j: j.contact in IN_CALL and j.agent_leg in GONE and not j.split,
        machine=Machine.CONTACT,
        event=lambda _: c.AgentLegLost(),
    ),
    Rule(
        name="a question to an agent who is not reserved for it any more is over",
        when=lambda j: j.contact is ContactState.CONSULT_RINGING and j.second is not AgentState.RESERVED,
        machine=Machine.CONTACT,
        event=lambda _: c.ConsultEnded(reason="withdrawn"),
    ),
    Rule(
        name="a second agent whose leg is gone can't be asked",
        when=lambda j: j.contact is ContactState.CONSULTING and j.second_leg in GONE,
        machine=Machine.CONTACT,
        event=lambda _: c.ConsultFailed(),
    ),
    Rule(
        name="in call mode an agent whose leg is gone costs the video only",
        when=lambda j: j.contact in _ASSIGNED and j.agent_leg in GONE and j.split,
        machine=Machine.CONTACT,
        event=lambda _: c.VideoEnded(reason="lost"),
    ),
    Rule(
        name="a reserved agent is free again when the contact no longer rings",
        when=lambda j: j.contact not in _ALERTING and j.agent is AgentState.RESERVED,
        machine=Machine.AGENT,
        event=lambda _: a.OfferWithdrawn(),
    ),
    Rule(
        name="a busy agent whose contact is closed, in line again or with the voice only has no after-call work",
        when=lambda j: j.contact not in _ASSIGNED | {ContactState.WRAP_UP} and j.agent is AgentState.BUSY,
        machine=Machine.AGENT,
        event=lambda _: a.ContactWithdrawn(),
    ),
    Rule(
        name="an agent whom nobody asks any more is not reserved",
        when=lambda j: j.contact not in CONSULTS and j.second is AgentState.RESERVED,
        machine=Machine.SECOND,
        event=lambda _: a.OfferWithdrawn(),
    ),
    Rule(
        name="an agent whom nobody asks any more, or who has given the customer away, is free",
        when=lambda j: j.contact not in CONSULTS and j.second is AgentState.BUSY,
        machine=Machine.SECOND,
        event=lambda _: a.ContactWithdrawn(),
    ),
    Rule(
        name="a busy agent whose call is over works after it",
        when=lambda j: j.contact is ContactState.WRAP_UP and j.agent is AgentState.BUSY,
        machine=Machine.AGENT,
        event=lambda _: a.ContactReleased(),
    ),
    Rule(
        name="after-call work ends with its contact",
        when=lambda j: j.contact is ContactState.CLOSED and j.agent is AgentState.WORKING_AFTER_CALL,
        machine=Machine.AGENT,
        event=lambda _: a.WrapUpDone(),
    ),
    Rule(
        name="a contact in after-call work closes when its agent is gone",
        when=lambda j: j.contact is ContactState.WRAP_UP and j.agent not in (None, AgentState.WORKING_AFTER_CALL),
        machine=Machine.CONTACT,
        event=lambda _: c.WrapUpTimedOut(),
    ),
    Rule(
        name="a customer leg closes with the call",
        when=lambda j: j.contact in OVER and j.customer_leg in LIVE,
        machine=Machine.CUSTOMER_LEG,
        event=lambda _: leg.CloseRequested(),
    ),
    Rule(
        name="an agent leg closes with the call, or when the contact is in line again",
        when=lambda j: j.contact in _NO_AGENT_LEG and j.agent_leg in LIVE,
        machine=Machine.AGENT_LEG,
        event=lambda _: leg.CloseRequested(),
    ),
    Rule(
        name="a second leg closes when nobody is asked",
        when=lambda j: j.contact is not ContactState.CONSULTING and j.second_leg in LIVE,
        machine=Machine.SECOND_LEG,
        event=lambda _: leg.CloseRequested(),
    ),
)

TABLES: Final = Tables(
    contact=CONTACT, leg=LEG, agent=AGENT, seen_by_agent=SEEN_BY_AGENT, seen_by_second=SEEN_BY_SECOND, rules=RULES
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one event led to, in order."""

    joint: Joint
    applied: tuple[Applied, ...]


def settle(joint: Joint, machine: Machine, event: Event, tables: Tables = TABLES) -> Step:
    """Deliver `event` to `machine` and to whoever else sees it, then run the rules until none is due.

    StateConflict (`illegal_transition`) when any receiver has no such transition: nothing has happened then.
    InvariantBroken when the rules don't come to rest: our bug.
    """
    applied: list[Applied] = []
    joint = _deliver(joint, machine, event, tables, applied)
    for _ in range(_LIMIT):
        rule = next((rule for rule in tables.rules if rule.when(joint)), None)
        if rule is None:
            return Step(joint=joint, applied=tuple(applied))
        joint = _deliver(joint, rule.machine, rule.event(joint), tables, applied)
    raise InvariantBroken("coupling_restless", f"the rules do not come to rest after {type(event).__name__}")


def _deliver(joint: Joint, machine: Machine, event: Event, tables: Tables, applied: list[Applied]) -> Joint:
    joint = _move(joint, machine, event, tables, applied)
    if machine is Machine.CONTACT:
        translate = tables.seen_by_agent.get(type(event))
        if translate is not None:
            joint = _move(joint, Machine.AGENT, translate(event), tables, applied)  # type: ignore[arg-type]
        asked = tables.seen_by_second.get(type(event))
        if asked is not None:
            joint = _move(joint, Machine.SECOND, asked(event), tables, applied)  # type: ignore[arg-type]
        if isinstance(event, c.OfferAccepted | c.Claimed):
            joint = replace(joint, agent_leg=LegState.NEW)
        elif isinstance(event, c.ConsultAccepted):
            joint = replace(joint, second_leg=LegState.NEW)
        elif isinstance(event, c.TransferCompleted):
            joint = replace(
                joint,
                agent_leg=joint.second_leg,
                agent=joint.second,
                second_leg=joint.agent_leg,
                second=joint.agent,
            )
    return joint


def _move(joint: Joint, machine: Machine, event: Event, tables: Tables, applied: list[Applied]) -> Joint:
    before: StrEnum
    after: StrEnum
    match machine:
        case Machine.CONTACT:
            before, after = joint.contact, tables.contact.next(joint.contact, event)
            joint = replace(joint, contact=after)
        case Machine.CUSTOMER_LEG:
            before, after = joint.customer_leg, tables.leg.next(joint.customer_leg, event)
            joint = replace(joint, customer_leg=after)
        case Machine.AGENT_LEG:
            before, after = joint.agent_leg, tables.leg.next(joint.agent_leg, event)
            joint = replace(joint, agent_leg=after)
        case Machine.AGENT:
            before = joint.agent if joint.agent is not None else AgentState.LOGGED_OFF
            after = tables.agent.next(AgentState(before), event)
            joint = replace(joint, agent=after)
        case Machine.SECOND_LEG:
            before, after = joint.second_leg, tables.leg.next(joint.second_leg, event)
            joint = replace(joint, second_leg=after)
        case Machine.SECOND:
            before = joint.second if joint.second is not None else AgentState.LOGGED_OFF
            after = tables.agent.next(AgentState(before), event)
            joint = replace(joint, second=after)
    applied.append(Applied(machine=machine, event=event, before=before, after=after))
    return joint


def holds_agent(joint: Joint) -> bool:
    """Whether the agent is still this contact's after a step; otherwise the contact lets go of them."""
    return joint.agent in _HELD_BY_CONTACT and joint.contact is not ContactState.CLOSED


def holds_second(joint: Joint) -> bool:
    """The same for the agent who is asked."""
    return joint.second in (AgentState.RESERVED, AgentState.BUSY)


class RecordingCommand(StrEnum):
    """What the contact asks of the recording beside it."""

    BEGIN = "begin"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    AGENT_LOST = "agent_lost"  # nothing is written until the next BEGIN
    STOP = "stop"


_RECORDING: Final[Mapping[type, RecordingCommand]] = {
    c.Bridged: RecordingCommand.BEGIN,
    c.Held: RecordingCommand.HOLD,
    c.Retrieved: RecordingCommand.RETRIEVE,
    c.AgentLegLost: RecordingCommand.AGENT_LOST,
    c.VideoEnded: RecordingCommand.AGENT_LOST,
    c.TransferStarted: RecordingCommand.HOLD,
    c.ConsultStarted: RecordingCommand.HOLD,
    c.ConsultRejected: RecordingCommand.RETRIEVE,
    c.ConsultTimedOut: RecordingCommand.RETRIEVE,
    c.ConsultFailed: RecordingCommand.RETRIEVE,
    c.ConsultEnded: RecordingCommand.RETRIEVE,
    c.TransferCompleted: RecordingCommand.AGENT_LOST,
    c.TransferFailed: RecordingCommand.RETRIEVE,
    c.Transferred: RecordingCommand.AGENT_LOST,
}


def recording_command(applied: Applied, *, bridged_once: bool) -> RecordingCommand | None:
    """What a transition of the contact means for the recording; it never moves the contact."""
    if applied.machine is not Machine.CONTACT:
        return None
    if applied.after in OVER and applied.before not in OVER:
        return RecordingCommand.STOP if bridged_once else None
    return _RECORDING.get(type(applied.event))
