"""The mapping: which HTTP calls our commands are at one ACD, and which of our events its webhooks are.

A new kind of service is a document, not a program: this is what is in it, once `document` has read and checked it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.acd.events import TransferMode
from gateway.acd.tasks.templates import BoundedTemplate


class Command(StrEnum):
    """What we tell an ACD of a task."""

    CREATE = "create"
    UPDATE = "update"  # its attributes
    OFFERABLE = "offerable"  # may it be offered just now
    CANCEL = "cancel"
    ACCEPT = "accept"  # the agent took it in our panel
    DECLINE = "decline"
    MEDIA_CONFIRMED = "media_confirmed"
    MEDIA_FAILED = "media_failed"  # back to the queue
    HELD = "held"
    RESUMED = "resumed"
    REQUEUE = "requeue"  # the agent was lost: back to the queue
    TRANSFER = "transfer"
    HANDED_OVER = "handed_over"  # an agent who was asked by the first took the contact over
    ENDED = "ended"
    WRAPPED_UP = "wrapped_up"
    AGENT_STATE = "agent_state"
    PANEL = "panel"  # the agent took it at the desktop: what that opens our panel with
    LOOK = "look"  # what the ACD believes of the task


class Told(StrEnum):
    """What an ACD can tell. `ignored` is known and means nothing here."""

    OFFERED = "offered"
    QUEUED = "queued"
    RESERVED = "reserved"
    REJECTED = "rejected"
    NO_ANSWER = "no_answer"
    ACCEPTED = "accepted"
    CONNECTED = "connected"
    HELD = "held"
    RESUMED = "resumed"
    TRANSFERRING = "transferring"
    TRANSFERRED = "transferred"
    TRANSFER_FAILED = "transfer_failed"
    ABANDONED = "abandoned"
    QUEUE_EXIT = "queue_exit"
    ENDED = "ended"
    WRAP_UP_STARTED = "wrap_up_started"
    WRAP_UP_DONE = "wrap_up_done"
    AGENT_STATE = "agent_state"
    RESTARTED = "restarted"  # it came back without what it knew
    IGNORED = "ignored"


FIELDS: Final = frozenset(
    {
        "agent",
        "by",
        "deadline_s",
        "disposition",
        "estimate_s",
        "mode",
        "place",
        "queue",
        "reason",
        "reservation",
        "state",
        "target",
        "target_kind",
        "waited_s",
    }
)
"""What a rule may say of an event, beside which one it is. Empty texts count as not said."""


class Form(StrEnum):
    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPlan:
    """One HTTP call. `also_fine`: status codes that mean done, beside 2xx."""

    method: str
    path: BoundedTemplate
    headers: Mapping[str, BoundedTemplate]
    form: Mapping[str, BoundedTemplate] | None
    json: BoundedTemplate | None
    when: BoundedTemplate | None
    also_fine: frozenset[int]
    ref: BoundedTemplate | None  # of the reply: the ACD's own name of the task
    phase: BoundedTemplate | None  # of the reply to `look`
    keep: Mapping[str, BoundedTemplate]  # of the reply: kept with the task as task.kept.…


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where `when` holds, `event` happened, once per `part` of `each` if there is one. `quiet`: where that is no news,
    it is not written down."""

    when: BoundedTemplate
    each: BoundedTemplate | None
    event: Told
    fields: Mapping[str, BoundedTemplate]
    keep: Mapping[str, BoundedTemplate]
    event_id: BoundedTemplate | None
    quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """How a webhook is read. Without `event_id` the same body is the same event; without `seq` they come in order."""

    body: Form
    event_id: BoundedTemplate | None
    contact: BoundedTemplate | None
    ref: BoundedTemplate | None
    seq: BoundedTemplate | None
    name: BoundedTemplate | None
    occurred_at: BoundedTemplate | None
    each: BoundedTemplate | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What this ACD does by itself, as `AcdCapabilities` has it."""

    position: bool = False
    estimate: bool = False
    keeps_deadlines: bool = False
    holds: bool = False
    wraps_up: bool = False
    agent_state: bool = False
    hand_over_rings: bool = False  # after `handed_over` it rings at the agent it named: accepted for them
    transfers: frozenset[TransferMode] = frozenset()
    max_attribute_bytes: int | None = None

    def fitting(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """As many as the ACD takes, in their order; those that are too much are left out."""
        limit = self.max_attribute_bytes
        fitting: dict[str, str] = {}
        size = 0
        for name, value in attributes.items():
            size += len(name.encode()) + len(value.encode("utf-8", "replace")) + 6
            if limit is not None and size > limit:
                break
            fitting[name] = value
        return fitting


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMapping:
    name: str
    abilities: Abilities
    commands: Mapping[Command, tuple[RequestPlan, ...]]
    incoming: Incoming
    kept: frozenset[str] = field(default=frozenset())  # every name that is kept with a task somewhere
