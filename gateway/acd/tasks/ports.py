"""What task mode needs of others: somebody who calls, and somewhere where letters survive a restart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.acd.passes import PanelSeat
from gateway.acd.tasks.mapping import Command
from gateway.base.ids import ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request below the ACD's address. `idempotency_key` is the same however often it is tried."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    content_type: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`retry_after_s`: what the other side asked for, if it did."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class CallFailed(Exception):
    """No answer: refused, cut, too late. `reason` is a short code and holds nothing of the request."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Caller(Protocol):
    """Calls one ACD, signed in as it wants it. Bounded in time and in what it reads; follows no redirect."""

    async def call(self, call: Call) -> Answer:
        """CallFailed when there is no answer."""
        ...

    async def aclose(self) -> None: ...


class Panels(Protocol):
    """Makes the claims by which an agent's desktop opens our panel."""

    def claim(self, seat: PanelSeat, lasts_s: float) -> Mapping[str, object]:
        """`url`, `token` and `expires_s`, the same however often it is asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A command on its way. `number` orders the letters of one task; `contact_id` is empty for an agent's state."""

    letter_id: str
    acd: str
    contact_id: str
    number: int
    command: Command
    data: Mapping[str, object]  # what its templates see beside the task
    created_at: datetime
    tries: int = 0
    step: int = 0  # requests of this command that are done
    cause: str = ""  # of the last failure
    dead_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task that is not over at the ACD, as it must be known after a restart."""

    contact_id: ContactId
    acd: str
    node: str
    ref: str
    taken: bool  # an agent had it: it is to be ended, not cancelled
    number: int  # of its last letter
    task: Mapping[str, object] = field(default_factory=dict)  # what templates see


class LetterStore(Protocol):
    """Letters and open tasks in the records. Every method may raise PortFailure."""

    async def put_letter(self, letter: Letter, node: str) -> None:
        """Write it, or write it anew."""
        ...

    async def drop_letter(self, letter_id: str) -> None: ...

    async def letters(self, acd: str, node: str, limit: int) -> Sequence[Letter]:
        """Those of this node that are not dead, in the order they were written."""
        ...

    async def put_task(self, row: TaskRow) -> None: ...

    async def drop_task(self, acd: str, contact_id: ContactId) -> None: ...

    async def tasks(self, acd: str, node: str, limit: int) -> Sequence[TaskRow]: ...

    async def dead(self, limit: int) -> Sequence[Letter]:
        """Dead letters of all ACDs, newest first."""
        ...

    async def dead_one(self, letter_id: str) -> Letter | None: ...
