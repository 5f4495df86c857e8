"""The pilot switch: answers from memory, acts within a second, never touches a contact in progress.

Every node keeps all groups in memory. A change made here acts at once; one made by another node is read within
`REFRESH_S`. While the records are away the last known groups count. It decides on admission only: who is in a call
stays in it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import NotFound, PortFailure, StateConflict
from gateway.base.ids import AgentId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config import SiteSettings
from gateway.contacts.ports import Admission
from gateway.rollout.model import PilotChange, PilotGroup, PilotStore, admits, checked

_log = get_logger("rollout")

REFRESH_S: Final = 0.5  # with the time of one query, less than the second that is promised

_CLOSED: Final = "closed"
_NOT_IN_PILOT: Final = "not_in_pilot"


class RolloutService:
    """`RolloutPort` over pilot groups. A site without a group admits everybody."""

    def __init__(self, *, store: PilotStore, sites: Sequence[SiteSettings], clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pilots = {site.id: site.pilot for site in sites}
        self._groups: dict[str, PilotGroup] = {}
        self._members: dict[str, frozenset[AgentId]] = {}
        self._listeners: list[Callable[[PilotGroup], None]] = []
        self._tasks = Supervisor("rollout")
        self._away = False

    async def start(self) -> None:
        """Read the groups and keep them fresh. PortFailure when they can't be read now."""
        await self.refresh()
        _ = self._tasks.spawn(self._keep_fresh(), name="refresh")

    async def aclose(self) -> None:
        await self._tasks.aclose()

    # ------------------------------------------------------------ RolloutPort

    def admit(self, site: str, visitor_key: str) -> Admission:
        """Whether a visitor of `site` is offered video now."""
        group_id = self._pilots.get(site, "")
        return self.admit_to(group_id, visitor_key) if group_id else Admission(admitted=True)

    def agent_allowed(self, agent_id: AgentId, site: str) -> bool:
        """Whether the agent may be offered contacts of `site`."""
        group_id = self._pilots.get(site, "")
        return not group_id or agent_id in self.agents(group_id)

    # ------------------------------------------------------------ groups

    def admit_to(self, group_id: str, visitor_key: str) -> Admission:
        """Whether the group admits the visitor. A group that is off, or that nobody knows, is closed."""
        group = self._groups.get(group_id)
        if group is None or not group.enabled:
            return Admission(admitted=False, code=_CLOSED)
        if not admits(group, visitor_key):
            return Admission(admitted=False, code=_NOT_IN_PILOT)
        return Admission(admitted=True)

    def agents(self, group_id: str) -> frozenset[AgentId]:
        """The members of the group; nobody for one that nobody knows."""
        return self._members.get(group_id, frozenset())

    def groups(self) -> Sequence[PilotGroup]:
        """All groups by id, as this node knows them."""
        return [self._groups[group_id] for group_id in sorted(self._groups)]

    def on_change(self, listener: Callable[[PilotGroup], None]) -> None:
        """`listener` is called on the loop for every group that is new or other than before."""
        self._listeners.append(listener)

    async def change(self, group_id: str, change: PilotChange, *, by: str) -> PilotGroup:
        """Make the group what `change` says; it acts on this node before this returns.

        NotFound `no_such_group`, StateConflict `version_conflict` when somebody changed it since it was seen,
        BadInput, PortFailure.
        """
        checked(change)
        known = self._groups.get(group_id)
        if known is None or known.version != change.version:
            await self.refresh()
            known = self._groups.get(group_id)
        if known is None:
            raise NotFound("no_such_group", "There is no such pilot group.")
        changed = dataclasses.replace(
            known,
            enabled=change.enabled,
            share_percent=change.share_percent,
            agents=tuple(dict.fromkeys(change.agents)),
            version=change.version + 1,
            changed_at=self._clock.now(),
            changed_by=by,
        )
        if known.version != change.version:
            raise _changed_meanwhile()
        if not await self._store.replace(changed, seen_version=change.version):
            await self.refresh()
            raise _changed_meanwhile()
        self._take(changed)
        return changed

    async def ensure_group(
        self,
        group_id: str,
        *,
        name: str,
        enabled: bool = False,
        share_percent: int = 0,
        agents: Sequence[AgentId] = (),
        by: str = "setup",
    ) -> PilotGroup:
        """The group of that id, made with these values if it is missing; an existing one stays as it is."""
        wanted = PilotChange(enabled=enabled, share_percent=share_percent, agents=tuple(agents), version=0)
        checked(wanted)
        group = PilotGroup(
            group_id=group_id,
            name=name,
            enabled=enabled,
            share_percent=share_percent,
            agents=tuple(dict.fromkeys(agents)),
            version=1,
            changed_at=self._clock.now(),
            changed_by=by,
        )
        await self._store.add(group)
        await self.refresh()
        return self._groups[group_id]

    async def refresh(self) -> None:
        """Read all groups now. PortFailure: what was known stays."""
        for group in await self._store.all():
            self._take(group)

    def _take(self, group: PilotGroup) -> None:
        """Know `group`, unless something newer is known: a read that began before a change ends after it."""
        known = self._groups.get(group.group_id)
        if known is not None and known.version >= group.version:
            return
        self._groups[group.group_id] = group
        self._members[group.group_id] = frozenset(group.agents)
        _log.info(
            "pilot.changed",
            group_id=group.group_id,
            enabled=group.enabled,
            share_percent=group.share_percent,
            agents=len(group.agents),
            version=group.version,
        )
        for listener in self._listeners:
            listener(group)

    async def _keep_fresh(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + REFRESH_S)
            try:
                await self.refresh()
            except PortFailure:
                if not self._away:
                    self._away = True
                    _log.warning("rollout.away")
                continue
            self._away = False


def _changed_meanwhile() -> StateConflict:
    return StateConflict("version_conflict", "Somebody changed this group in between: look at it again.")
