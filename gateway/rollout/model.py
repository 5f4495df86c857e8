"""A pilot group, who it admits, and where it is kept. Pure, but for the port."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from gateway.base.errors import BadInput
from gateway.base.ids import AgentId

MAX_AGENTS: Final = 1000
_PARTS: Final = 10_000  # a visitor's place in 0 … 9 999


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotGroup:
    """Video for some: of the visitors a share, of the agents the members. `version` counts the changes."""

    group_id: str
    name: str
    enabled: bool
    share_percent: int  # of all visitors, 0 … 100
    agents: tuple[AgentId, ...]
    version: int
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotChange:
    """What somebody wants a group to be. `version` is the one they saw."""

    enabled: bool
    share_percent: int
    agents: tuple[AgentId, ...]
    version: int


class PilotStore(Protocol):
    """Where groups are kept (`gateway.records`). Every method may raise PortFailure `records_unavailable`."""

    async def all(self) -> list[PilotGroup]:
        """By id."""
        ...

    async def add(self, group: PilotGroup) -> bool:
        """Add a group, with a row of the audit. False: there is one of that id, and nothing was changed."""
        ...

    async def replace(self, group: PilotGroup, *, seen_version: int) -> bool:
        """Compare and set, with a row of the audit in the same transaction. False: it has another version by now."""
        ...


def place_of(group_id: str, visitor_key: str) -> int:
    """The visitor's place in the group, 0 … 9 999: the same on every node and after every restart.

    Places depend on the group, so that it is not always the same visitors who try things out.
    """
    digest = hashlib.blake2b((group_id + visitor_key).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest, "big") % _PARTS


def admits(group: PilotGroup, visitor_key: str) -> bool:
    """Whether the visitor is in the share. A wider share admits everybody a narrower one did."""
    return place_of(group.group_id, visitor_key) < group.share_percent * 100


def checked(change: PilotChange) -> PilotChange:
    """BadInput `pilot_share` or `pilot_agents`."""
    if not 0 <= change.share_percent <= 100:
        raise BadInput("pilot_share", "The share of visitors is 0 to 100 percent.")
    if len(change.agents) > MAX_AGENTS or any(not 1 <= len(agent) <= 64 for agent in change.agents):
        raise BadInput("pilot_agents", f"A group has up to {MAX_AGENTS} agents, named by their ids.")
    return change
