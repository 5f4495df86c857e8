"""What a call of `gateway.acd.sip.call` is given: hands for its orders, limits, the names of its deadlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from gateway.acd.events import AcdEventBody
from gateway.acd.sip.states import SipCall
from gateway.base.ids import LegId

ATTEMPTS_LIMIT: Final = 10
"""INVITEs for one contact, whatever trunks and redirections promise."""

CLOSE_LIMIT_S: Final = 8.0
"""The media port has a leg gone 5 s after CloseLeg; one that never says so is taken for gone."""

AT_ONCE_S: Final = 2.0
"""An ACD that answers and hangs up within this served nobody."""

WORKER_LOST: Final = "worker_lost"
"""The media process died: the trunk is not to blame, and may be taken again."""

ALL_IN_USE: Final = "voice_capacity"
"""The media process has no room for another telephone call: no other trunk would help."""

QUEUEING: Final = 182  # RFC 3261 §21.1.4


class Hands(Protocol):
    """What a call asks of the world, carried out in this order; results come back to methods of `QueueCall`."""

    def dial(self, call: SipCall) -> None: ...

    def close(self, leg_id: LegId) -> None: ...

    def hold(self, leg_id: LegId, on: bool) -> None: ...

    def refer(self, call: SipCall, number: str, replaces: LegId | None) -> None: ...

    def emit(self, body: AcdEventBody, *, synthesized: bool, raw: Mapping[str, str]) -> None: ...

    def outcome(self, trunk: str, status: int) -> None:
        """For the figures: how an INVITE ended."""
        ...


class Timer(StrEnum):
    """What a call waits for. One moment each."""

    PROGRESS = "progress"
    ANSWER = "answer"
    TRUNK = "trunk"
    TRANSFER = "transfer"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, from the settings; `told_*` from the feed."""

    progress_s: float
    answer_s: float
    trunk_wait_s: float
    transfer_s: float
    told_holds: bool = False  # a feed tells holds and places: the call's own are left out
    told_places: bool = False
    told_agents: bool = False
    identity_is_agent: bool = False
