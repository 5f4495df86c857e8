"""The load client's process: takes one JSON command a line, answers one JSON line each.

{"do": "server", "kind": "ours" | "janus", "url": …}      where calls go from now on; "product" needs "token" too
{"do": "calls", "count": 10, "media": true}               set up so many more, four at a time
{"do": "waiting", "count": 10}                            so many who wait: pages send nothing, as nobody is there
{"do": "churn", "per_s": 3}                               set up and hang up beside the others, 0 ends it
{"do": "measure", "seconds": 5}                           what was sent, lost and how late it came, in that time
{"do": "clear"}                                           hang up everything
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from gateway.canary.report import percentile
from media.port import Kind
from media.transport.dtls import Certificate
from tests.bench.load.leg import Leg, Shared
from tests.bench.load.pacer import Pacer
from tests.bench.load.ways_in import Janus, Ours, Product, WayIn
from tests.bench.load.wire import Batch

AT_ONCE: Final = 4
CHURN_LIFE_S: Final = 1.0
SETTLE_S: Final = 0.5
SHARES: Final = (50, 95, 99)


class LoadClient:
    """All legs of the process, and what is asked of them."""

    def __init__(self, host: str, profile: str) -> None:
        self._shared = Shared(
            host=host,
            profile=profile,
            certificate=Certificate.generate(),
            inbox=Batch(),
            outbox=Batch().for_sending(),
            counters=Counter(),
            delays_ms={Kind.AUDIO: [], Kind.VIDEO: []},
        )
        self._pacer = Pacer()
        self._way: WayIn | None = None
        self._calls: dict[str, list[Leg]] = {}
        self._made = 0
        self._set_up_ms: list[float] = []
        self._churn: asyncio.Task[None] | None = None
        self._churned = 0
        self._pacer.start()

    async def do(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "server":
                await self._clear()
                if self._way is not None:
                    await self._way.aclose()
                self._way = await _way_in(command)
            case "calls":
                return await self._open_calls(command["count"], media=command.get("media", True))
            case "waiting":
                return await self._open_calls(command["count"], media=True, waiting=True)
            case "churn":
                await self._set_churn(command["per_s"])
            case "measure":
                return await self._measure(command["seconds"])
            case "clear":
                await self._clear()
            case unknown:
                raise ValueError(f"no command {unknown}")
        return {}

    def _make(self) -> Leg:
        leg = Leg(self._shared)
        self._pacer.add(leg)
        return leg

    async def _open_calls(self, count: int, *, media: bool, waiting: bool = False) -> dict[str, Any]:
        slots = asyncio.Semaphore(AT_ONCE)
        self._set_up_ms.clear()

        async def one(name: str) -> None:
            async with slots:
                legs = await self._open(name, waiting=waiting)
                self._calls[name] = legs
                for leg in legs:
                    leg.timed = not waiting
                    if media and not waiting:
                        self._pacer.talk(leg)

        names = [self._next_name() for _ in range(count)]
        await asyncio.gather(*(one(name) for name in names))
        return {"set_up_ms": {share: percentile(self._set_up_ms, share / 100) for share in SHARES[:2]}}

    def _next_name(self) -> str:
        self._made += 1
        return f"{os.getpid()}-{self._made}"

    async def _open(self, name: str, *, waiting: bool = False) -> list[Leg]:
        if self._way is None:
            raise ValueError("no server was named")
        began_s = time.perf_counter()
        if waiting and isinstance(self._way, Ours):
            legs = await self._way.wait(name, self._make)
        else:
            legs = await self._way.call(name, self._make)
        self._set_up_ms.append(1000 * (time.perf_counter() - began_s))
        return legs

    async def _hang_up(self, name: str, legs: list[Leg]) -> None:
        for leg in legs:
            self._pacer.remove(leg)
        if self._way is not None:
            await self._way.hang_up(name, legs)

    async def _clear(self) -> None:
        await self._set_churn(0)
        calls, self._calls = self._calls, {}
        for name, legs in calls.items():
            await self._hang_up(name, legs)

    # ------------------------------------------------------------ set-ups beside the calls

    async def _set_churn(self, per_s: float) -> None:
        if self._churn is not None:
            self._churn.cancel()
            await asyncio.gather(self._churn, return_exceptions=True)
            self._churn = None
        if per_s:
            self._churn = asyncio.create_task(self._keep_churning(per_s))

    async def _keep_churning(self, per_s: float) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._come_and_go())
                await asyncio.sleep(1 / per_s)

    async def _come_and_go(self) -> None:
        name = self._next_name()
        legs = await self._open(name)
        self._churned += 1
        try:
            await asyncio.sleep(CHURN_LIFE_S)
        finally:
            await self._hang_up(name, legs)

    # ------------------------------------------------------------ figures

    async def _measure(self, seconds: float) -> dict[str, Any]:
        """Legs that are silent are left out. Lost is what is missing between a stream's first and last number."""
        shared, pacer = self._shared, self._pacer
        gc.collect()
        gc.disable()  # a collection would hold packets back, and the window makes no cycles
        await asyncio.sleep(SETTLE_S)
        legs = [leg for both in self._calls.values() for leg in both]
        for delays in shared.delays_ms.values():
            delays.clear()
        for leg in legs:
            for stream in leg.incoming.values():
                stream.first, stream.received = stream.highest + 1, 0
        sent = sum(leg.sent for leg in legs), sum(leg.unsent for leg in legs)
        counters = Counter(shared.counters)
        pacer.forget()
        self._churned = 0
        cpu_s, began_s = time.process_time(), time.perf_counter()
        shared.timing = True
        await asyncio.sleep(seconds)
        shared.timing = False
        gc.enable()
        took_s = time.perf_counter() - began_s
        streams = [stream for leg in legs for stream in leg.incoming.values()]
        return {
            "seconds": round(took_s, 3),
            "sent": sum(leg.sent for leg in legs) - sent[0],
            "unsent": sum(leg.unsent for leg in legs) - sent[1],
            "received": sum(stream.received for stream in streams),
            "lost": sum(max(0, stream.lost) for stream in streams),
            "silent": sum(not any(stream.received for stream in leg.incoming.values()) for leg in legs),
            "delay_ms": {
                kind.value: {share: round(percentile(delays, share / 100), 3) for share in SHARES}
                for kind, delays in shared.delays_ms.items()
            },
            "set_ups": self._churned,
            "late_ms": round(pacer.late_ms, 1),
            "client_share": round((time.process_time() - cpu_s) / took_s, 3),
            "counters": dict(shared.counters - counters),
        }

    async def aclose(self) -> None:
        """Leave without a word: the server is ended by whoever started it, perhaps before us."""
        await self._set_churn(0)
        self._pacer.stop()
        for leg in self._pacer.legs:
            leg.vanish()
        if self._way is not None:
            await self._way.aclose()


async def _way_in(command: dict[str, Any]) -> WayIn:
    match command["kind"]:
        case "ours":
            return Ours(command["url"])
        case "janus":
            return await Janus.open(command["url"])
        case "product":
            return Product(command["url"], command["token"])
        case unknown:
            raise ValueError(f"no way into {unknown}")


async def serve(host: str, profile: str) -> None:
    """Commands until the end of input."""
    client = LoadClient(host, profile)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    try:
        while line := await lines.readline():
            print(json.dumps(await _answer(client.do, json.loads(line))), flush=True)
    finally:
        await client.aclose()


async def _answer(do: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], command: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": True} | await do(command)
    except (OSError, TimeoutError, ValueError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="own address of all legs")
    parser.add_argument("--srtp", choices=("cm", "gcm"), default="cm", help="the only protection profile it offers")
    options = parser.parse_args()
    uvloop.run(serve(options.host, options.srtp))


if __name__ == "__main__":
    main()
