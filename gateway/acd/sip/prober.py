"""Asks each trunk again and again whether it is there (OPTIONS), and tells `Trunks`. One task per trunk.

It asks rarely while all is well, soon after a miss, then ever later; it never asks about a trunk whose interval is 0.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.acd.sip.trunks import Trunks
from gateway.base.clock import Clock
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.port import MediaPort, MediaRefused, ProbeTrunk, TrunkAnswer, VoiceTrunk

_log = get_logger("acd")

TIMEOUT_S: Final = 6.0
OWN_TROUBLE: Final = frozenset({"voice_capacity", "worker_lost", "media_timeout", "media_busy"})
"""Refusals that say nothing of the trunk: the engine could not ask."""


class Prober:
    """`changed` is called when a trunk went or came back, with its name and whether it is there."""

    def __init__(
        self,
        *,
        trunks: Trunks,
        media: MediaPort,
        clock: Clock,
        voice_trunk: Callable[[str], VoiceTrunk],
        changed: Callable[[str, bool], None],
    ) -> None:
        self._trunks = trunks
        self._media = media
        self._clock = clock
        self._voice_trunk = voice_trunk
        self._changed = changed

    def start(self, supervisor: Supervisor) -> None:
        for name in self._trunks.names:
            if self._trunks.settings(name).probe_interval:
                _ = supervisor.spawn(self._ask(name), name=f"probe:{name}")

    async def _ask(self, name: str) -> None:
        there = True
        while True:
            again_s = await self.once(name)
            now_there = self._trunks.reachable(name)
            if now_there != there:
                there = now_there
                _log.warning("acd.trunk_back" if there else "acd.trunk_lost", trunk=name)
                self._changed(name, there)
            await self._clock.sleep_until(self._clock.monotonic() + again_s)

    async def once(self, name: str) -> float:
        """Ask once; returns in how many seconds to ask again."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._media.execute(ProbeTrunk(trunk=self._voice_trunk(name)))
        except MediaRefused as refusal:
            if refusal.code in OWN_TROUBLE:
                return self._trunks.settings(name).probe_interval.total_seconds()
            _log.warning("acd.probe_refused", trunk=name, code=refusal.code)
            return self._trunks.probed(name, reachable=False, status=0)
        except TimeoutError:
            return self._trunks.settings(name).probe_interval.total_seconds()
        if not isinstance(answer, TrunkAnswer):
            return self._trunks.settings(name).probe_interval.total_seconds()
        return self._trunks.probed(name, reachable=answer.reachable, status=answer.status)
