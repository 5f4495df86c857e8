"""What an ACD says of a contact and of its agents: one set of events for all of them, in the words of the field.

Which event of Asterisk, FreeSWITCH, TaskRouter, … is which of these is the adapter's knowledge. What a foreign ACD does
not tell is made up from what we know ourselves and marked (`synthesized`); what it tells that nobody knows is kept as
`Unrecognised`. Reasons are canonical; the untouched original travels as `raw`, bounded by `RAW_LIMIT_BYTES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from gateway.base.ids import AgentId, ContactId, LegId, OfferId

AcdRef = NewType("AcdRef", str)
"""The adapter's own name of a contact it was offered."""

RAW_LIMIT_BYTES: Final = 4096
"""Of one original event, as JSON; longer ones are cut by the adapter, which keeps the fields it reads."""


class ExitReason(StrEnum):
    """Why the ACD let a contact go unserved."""

    TIMEOUT = "timeout"
    EMPTY = "empty"  # no agent is logged in
    FULL = "full"
    KEY = "key"  # the customer chose to leave
    WITHDRAWN = "withdrawn"  # somebody at the ACD took it out
    CLOSED = "closed"  # outside the opening hours
    REFUSED = "refused"  # it never took the contact
    FAILED = "failed"  # its own error, or nothing is left of it


class Party(StrEnum):
    """Who did it."""

    CUSTOMER = "customer"
    AGENT = "agent"
    ACD = "acd"
    GATEWAY = "gateway"
    UNKNOWN = "unknown"


class RejectReason(StrEnum):
    DECLINED = "declined"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"


class TransferMode(StrEnum):
    BLIND = "blind"
    CONSULT = "consult"


class TargetKind(StrEnum):
    QUEUE = "queue"
    AGENT = "agent"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTarget:
    """Where a contact goes. `value`: a queue's id, an agent's id, or a number that the allow-list has passed."""

    kind: TargetKind
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentName:
    """An agent as an ACD speaks of them. `agent_id` only when that name belongs to somebody here."""

    ref: str  # `PJSIP/1001`, `1000@default`, `WK…`; ours in own mode
    agent_id: AgentId | None = None


# ---------------------------------------------------------------- of a contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The ACD has taken the contact in; it is not in a queue yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """In line, or the place changed. Place 1 is next; None where it is not told, or nothing honest can be said."""

    place: int | None
    estimate_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """An agent was chosen and rings. In own and task mode answered by `accept` or `decline` with the same `offer_id`.

    `deadline_s`: left until the ACD gives up by itself; None where the contact keeps that deadline.
    """

    offer_id: OfferId
    agent_id: AgentId | None
    agent: AgentName | None = None
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """It rings at several agents, or at these too, and nobody has the offer yet: the contact stays in line.

    Who answers is told by `accept` with their id of it; Reserved with the same id says that they were the first.
    Rejected takes one of them out. `decline` with any of the ids ends it at all of them.
    """

    offers: tuple[tuple[OfferId, AgentId], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The agent declined at the ACD, or it took the offer back: the contact is in line again."""

    offer_id: OfferId
    reason: RejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """RONA: the ACD ended the ringing by itself."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The agent took the offer at the ACD (its desktop), not in our panel."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceUp:
    """Call mode: the ACD's sound is there (early media, announcement, music, agent). Not yet an agent: `answered` is
    the ACD's 200 OK, which a queue or an IVR gives too. Told again when the leg changes."""

    leg_id: LegId
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Customer and agent talk. Talk time starts here."""

    agent: AgentName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    by: Party = Party.AGENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    by: Party = Party.AGENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferring:
    mode: TransferMode
    target: TransferTarget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """Same contact, new segment. Whichever of queue and agent is known."""

    queue: str | None = None
    agent: AgentName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailed:
    reason: str  # busy, no_answer, refused, unreachable, timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """The customer left before an agent had them, as the ACD saw it."""

    waited_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueExit:
    """The ACD let the contact go unserved. `kept`: its place stays, for a customer who is called back."""

    reason: ExitReason
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The call is over at the ACD. `reason` is a short code: `normal`, `transfer`, or the ACD's own."""

    by: Party
    reason: str = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpStarted:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpDone:
    disposition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecognised:
    """Something of this contact that has no place among the others. Written down, moves nothing."""

    name: str


AcdEventBody = (
    Offered
    | Queued
    | Reserved
    | Ringing
    | Rejected
    | NoAnswer
    | Accepted
    | VoiceUp
    | Connected
    | Held
    | Resumed
    | Transferring
    | Transferred
    | TransferFailed
    | Abandoned
    | QueueExit
    | Ended
    | WrapUpStarted
    | WrapUpDone
    | Unrecognised
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcdEvent:
    """The envelope of everything an ACD says of one contact. `event_id` makes a repetition harmless."""

    event_id: str
    contact_id: ContactId
    acd_ref: AcdRef
    seq: int  # per contact, from us
    occurred_at: datetime  # the ACD's clock: for people to read, never to compute with
    received_at: datetime
    source: str  # the adapter
    body: AcdEventBody
    queue: str
    attempt: int = 0  # offers made for this contact so far
    synthesized: bool = False
    raw: Mapping[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- of an agent


class AcdAgentState(StrEnum):
    """The few states every ACD has."""

    LOGGED_OFF = "logged_off"
    NOT_READY = "not_ready"
    READY = "ready"
    RINGING = "ringing"
    BUSY = "busy"
    WRAP_UP = "wrap_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent:
    """An agent's state changed at the ACD."""

    event_id: str
    agent: AgentName
    state: AcdAgentState
    reason: str | None
    occurred_at: datetime
    received_at: datetime
    source: str
    raw: Mapping[str, str] = field(default_factory=dict)
