"""The live board that supervisors watch: every queue, agent, contact and alarm as they are now."""

from dataclasses import dataclass

from gateway.base.ids import AgentId, ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardQueue:
    queue: str
    name: str
    waiting: int
    longest_wait_s: float
    talking: int
    agents_ready: int
    kept: int = 0  # places of callbacks


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAgent:
    agent_id: AgentId
    display_name: str
    state: str
    reason: str | None
    since_s: float
    contact_id: ContactId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardContact:
    contact_id: ContactId
    site: str
    state: str
    queue: str | None
    agent_id: AgentId | None
    since_s: float  # in this state
    age_s: float  # since the click
    quality: str | None = None  # the worse side's word; None before anybody is connected
    cause: str | None = None  # customer_uplink, agent_device, …


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAlarm:
    code: str
    detail: str
    contact_id: ContactId | None
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardShown:
    """To supervisors: the whole board, at most twice a second, on change and at least every five seconds."""

    queues: tuple[BoardQueue, ...]
    agents: tuple[BoardAgent, ...]
    contacts: tuple[BoardContact, ...]
    alarms: tuple[BoardAlarm, ...]
    draining: bool
