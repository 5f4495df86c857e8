"""Many connections set up at once over a bad network: how many come up, and how long each takes."""

import asyncio
import time
from dataclasses import dataclass

from media.transport.client import ClientPeer
from media.transport.server import TransportServer
from tests.integration.media.transport_rig import RecordingSink, serving, until
from tests.support.impairment import Impairment, ImpairmentRelay, Path

ROUGH = Impairment(delay_ms=80, jitter_ms=30, reorder=0.02, duplicate=0.01, rate_bps=300_000)
"""A bad mobile network without its losses."""


@dataclass(frozen=True, slots=True)
class SetUps:
    """What came of them. `took_s` is sorted: from the answer at the client to keys on both sides."""

    wanted: int
    took_s: tuple[float, ...]

    @property
    def share(self) -> float:
        return len(self.took_s) / self.wanted

    def quantile_s(self, share: float) -> float:
        return self.took_s[min(len(self.took_s) - 1, int(len(self.took_s) * share))]


async def set_up_many(count: int, impairment: Impairment, *, seed: int, limit_s: float = 20.0) -> SetUps:
    """`count` clients at once, each on a path of its own; those that need longer than `limit_s` have failed."""
    async with serving(host="127.0.0.1", max_links=count) as server:
        relay = ImpairmentRelay(seed=seed)
        try:
            paths = [relay.open_path(f"client {number}", up=impairment) for number in range(count)]
            took = await asyncio.gather(*(_set_up(server, path, limit_s) for path in paths))
        finally:
            relay.close()
    return SetUps(wanted=count, took_s=tuple(sorted(each for each in took if each is not None)))


async def _set_up(server: TransportServer, path: Path, limit_s: float) -> float | None:
    peer = await ClientPeer.open(RecordingSink(), host="127.0.0.1")
    link, _, answer = server.answer(peer.create_offer(), RecordingSink(), f"lg_{path.name.replace(' ', '_')}")
    began_s = time.monotonic()
    try:
        await peer.set_answer(path.steer(answer))
        await peer.connected(limit_s)
        await until(lambda: link.connected, "the server's side has keys", limit_s)
        return time.monotonic() - began_s
    except (TimeoutError, ConnectionError, AssertionError):
        return None
    finally:
        await peer.close()
        await link.close()
