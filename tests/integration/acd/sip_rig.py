"""A call-mode adapter over a real media engine, calling real telephone switches on loopback."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.acd.events import AcdEvent, AcdEventBody, AcdRef
from gateway.acd.port import ContactOffer
from gateway.acd.sip.adapter import SipAcd
from gateway.acd.sip.feed import CtiFeed
from gateway.base.clock import SystemClock
from gateway.base.ids import ContactId
from gateway.config.acd_sip import SipAcdSettings
from tests.integration.media.engine_rig import Studio, studio
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import LOCAL

B = TypeVar("B", bound=AcdEventBody)


class Lossy(asyncio.DatagramProtocol):
    """One way through which datagrams go both ways, but for those of the given numbers in each direction."""

    def __init__(self, lost_up: Collection[int], lost_down: Collection[int]) -> None:
        self.lost = 0
        self.far: Lossy | None = None
        self.address: tuple[str, int] | None = None
        self._drop = {True: lost_up, False: lost_down}
        self._count = 0
        self._transport: asyncio.DatagramTransport
        self.up = True

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        number, self._count = self._count, self._count + 1
        if self.up:
            self.address = (str(addr[0]), addr[1])
        if number in self._drop[self.up]:
            self.lost += 1
        elif self.far is not None and self.far.address is not None:
            self.far.send(data)

    def send(self, data: bytes) -> None:
        self._transport.sendto(data, self.address)

    def close(self) -> None:
        self._transport.close()


@dataclass
class Way:
    near: Lossy
    far: Lossy

    @property
    def port(self) -> int:
        return self.near.port

    @property
    def lost(self) -> int:
        return self.near.lost + self.far.lost


@asynccontextmanager
async def lossy(port: int, *, lost_up: Collection[int] = (), lost_down: Collection[int] = ()) -> AsyncIterator[Way]:
    """A port of ours that leads to that one; the numbers count from 0."""
    loop = asyncio.get_running_loop()
    way = Way(Lossy(lost_up, lost_down), Lossy(lost_up, lost_down))
    way.far.up, way.far.address = False, ("127.0.0.1", port)
    way.near.far, way.far.far = way.far, way.near
    for end in (way.near, way.far):
        await loop.create_datagram_endpoint(lambda end=end: end, local_addr=("127.0.0.1", 0))  # type: ignore[misc]
    try:
        yield way
    finally:
        way.near.close()
        way.far.close()


class Center:
    """The adapter, what it told, and the engine below it."""

    def __init__(self, acd: SipAcd, stage: Studio) -> None:
        self.acd = acd
        self.stage = stage
        self.events: list[AcdEvent] = []
        acd.on_event(self.events.append)

    @property
    def told(self) -> list[AcdEventBody]:
        return [event.body for event in self.events]

    async def offer(self, number: int = 1, **fields: object) -> AcdRef:
        values: dict[str, object] = {
            "contact_id": ContactId(f"ct_{number:08}"),
            "site": "shop",
            "queue": "support",
            "language": "fr",
            "priority": 0,
            "queued_at": datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            "correlation": f"7K3Q{number:04}",
            "menu_path": ("Facturación", "Remboursement"),
            **fields,
        }
        return await self.acd.offer(ContactOffer(**values))  # type: ignore[arg-type]

    async def tells(self, kind: type[B], count: int = 1) -> B:
        """The `count`th event of that kind, when it is told."""
        try:
            await until(lambda: len(self._all(kind)) >= count, f"{kind.__name__} {count} is told", 15.0)
        except AssertionError as error:
            raise AssertionError(f"{error}; told was {self.told}") from None
        return self._all(kind)[count - 1]

    def _all(self, kind: type[B]) -> list[B]:
        return [body for body in self.told if isinstance(body, kind)]

    async def at_rest(self) -> None:
        """No line is taken."""
        await until(lambda: not any(trunk.calls for trunk in self.acd.figures().trunks), "every line is free", 10.0)


@asynccontextmanager
async def center(
    ports: Sequence[int],
    *,
    workers: int = 0,
    feed: CtiFeed | None = None,
    trunk: dict[str, object] | None = None,
    **fields: object,
) -> AsyncIterator[Center]:
    """One trunk per port, the first before the second."""
    trunks = [
        {
            "name": f"t{number}",
            "domain": f"127.0.0.1:{port}",
            "caller": "gateway",
            "caller_domain": "127.0.0.1",
            "priority": number,
            "probe_interval": 0,
            **(trunk or {}),
        }
        for number, port in enumerate(ports, 1)
    ]
    settings = SipAcdSettings.model_validate(
        {"name": "pbx", "trunks": trunks, "numbers": {"support": "7001", "sales": "7005"}, "allow": "7xxx", **fields}
    )
    alarms: list[tuple[str, str]] = []
    async with studio(workers, voice=LOCAL) as stage:
        acd = SipAcd(
            settings,
            media=stage.engine,
            clock=SystemClock(),
            queues=("support", "sales"),
            on_alarm=lambda code, detail: alarms.append((code, detail)),
            feed=feed,
        )
        await acd.start()
        try:
            yield Center(acd, stage)
        finally:
            await acd.aclose()
