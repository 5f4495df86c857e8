"""`signaling.ports.Pilots` over the rollout service."""

from collections.abc import Mapping, Sequence

from gateway.rollout.model import PilotChange, PilotGroup
from gateway.rollout.service import RolloutService
from gateway.wiring.times import iso
from signaling import ports


class PilotsForSignaling:
    """`signaling.ports.Pilots` over the rollout service."""

    def __init__(self, service: RolloutService) -> None:
        self._service = service

    async def groups(self) -> Sequence[Mapping[str, object]]:
        return [_group(group) for group in self._service.groups()]

    async def change(self, group_id: str, change: ports.PilotChange, *, by: str) -> Mapping[str, object]:
        wanted = PilotChange(
            enabled=change.enabled,
            share_percent=change.share_percent,
            agents=change.agents,
            version=change.version,
        )
        return _group(await self._service.change(group_id, wanted, by=by))


def _group(group: PilotGroup) -> dict[str, object]:
    return {
        "id": group.group_id,
        "name": group.name,
        "enabled": group.enabled,
        "share_percent": group.share_percent,
        "agents": list(group.agents),
        "version": group.version,
        "changed_at": iso(group.changed_at),
        "changed_by": group.changed_by,
    }
