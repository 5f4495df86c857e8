"""The live board that supervisors watch: every queue, agent, contact and alarm as they are now."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from signaling.messages.message import Message


class BoardQueue(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    queue: str
    name: str
    waiting: int
    longest_wait_s: float
    talking: int
    agents_ready: int
    kept: int = Field(0, description="Places of customers who come back.")


class BoardAgent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    agent_id: str
    display_name: str
    state: str
    reason: str | None
    since_s: float
    contact_id: str | None


class BoardContact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    contact_id: str
    site: str
    state: str
    queue: str | None
    agent_id: str | None
    since_s: float
    age_s: float
    quality: str | None = None
    cause: str | None = None


class BoardAlarm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str
    detail: str
    contact_id: str | None
    age_s: float


class Board(Message):
    """To: admin. The whole board, on change, at most twice a second."""

    type: Literal["board"] = "board"
    queues: list[BoardQueue]
    agents: list[BoardAgent]
    contacts: list[BoardContact]
    alarms: list[BoardAlarm]
    draining: bool
