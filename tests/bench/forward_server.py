"""A bare server over the media engine, for load clients: POST /offer?call=…&role=… with {sdp, type}.

The roles are customer and agent, bridged as soon as both are there, and waiting, who is shown the clip of hold. GET
/counters answers the engine's sums. Nothing of the product but the engine runs here, so its CPU time is the price of
forwarding.

    taskset -c 0 python tests/bench/forward_server.py --host 127.0.0.1 --port 8080 --media-host 192.0.2.10
"""

import argparse
import asyncio
import dataclasses
import gc
import json
import signal
import sys
import time
from pathlib import Path

import uvloop
from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.base import log
from media.engine import EngineSettings, InProcessEngine
from media.forward.leg import ForwardLimits
from media.port import (
    EVENT,
    Clip,
    CloseLeg,
    FromLeg,
    LegClosed,
    MediaEvent,
    MediaRefused,
    OpenLeg,
    RecordLeg,
    SetSource,
)
from media.port import StartRecording as StartRecordingCommand
from media.workers.pool import WorkerPool
from media.workers.process import WorkerSettings

OTHER = {"customer": "agent", "agent": "customer"}
WAITING = "waiting"
HOLD = Clip(name="hold", language="en", loop=True)


class BenchServer:
    """Calls by name; a role that comes again replaces the leg that had it."""

    def __init__(self, engine: InProcessEngine | WorkerPool, record: Path | None) -> None:
        self._engine = engine
        self._record = record
        self._legs: set[str] = set()
        self._opened = 0
        self._by_role: dict[tuple[str, str], str] = {}
        engine.events.on(EVENT, self._on_event)

    def _on_event(self, event: MediaEvent) -> None:
        if isinstance(event, LegClosed):
            self._legs.discard(event.leg_id)

    async def offer(self, request: web.Request) -> web.Response:
        call, role = request.query.get("call", ""), request.query.get("role", "")
        if role not in OTHER and role != WAITING:
            raise web.HTTPBadRequest(text="role must be customer, agent or waiting\n")
        body = await request.json()
        if not isinstance(body, dict) or body.get("type") != "offer" or not isinstance(body.get("sdp"), str):
            raise web.HTTPBadRequest(text="send {sdp, type: offer}\n")
        self._opened += 1
        leg_id = f"lg_{self._opened:012d}"
        try:
            answer = await self._engine.execute(OpenLeg(leg_id=leg_id, sdp_offer=body["sdp"], call_id=call))
        except MediaRefused as refused:
            raise web.HTTPBadRequest(text=f"{refused}\n") from refused
        before = self._by_role.get((call, role))
        self._legs.add(leg_id)
        self._by_role[call, role] = leg_id
        if before in self._legs:
            await self._engine.execute(CloseLeg(leg_id=before))
        if role == WAITING:
            await self._engine.execute(SetSource(leg_id=leg_id, source=HOLD))
            return web.json_response({"sdp": answer.sdp_answer, "type": "answer"})
        other = self._by_role.get((call, OTHER[role]))
        if other in self._legs:
            await self._engine.execute(SetSource(leg_id=leg_id, source=FromLeg(leg_id=other)))
            await self._engine.execute(SetSource(leg_id=other, source=FromLeg(leg_id=leg_id)))
            if self._record is not None:
                await self._start_recording(call, f"rc_{self._opened:012d}", customer=leg_id, agent=other)
        return web.json_response({"sdp": answer.sdp_answer, "type": "answer"})

    async def _start_recording(self, call_id: str, recording_id: str, **legs: str) -> None:
        if self._record is None:
            return
        folder = str(self._record / recording_id)
        await self._engine.execute(StartRecordingCommand(recording_id=recording_id, folder=folder, call_id=call_id))
        for role, leg_id in legs.items():
            await self._engine.execute(RecordLeg(recording_id=recording_id, leg_id=leg_id, role=role))

    async def counters(self, request: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self._engine.counters()))


async def other_work(busy_s: float) -> None:
    """Once a second, the work of everything else in a gateway (reports, JSON), in one piece of this length."""
    board = [{"contact_id": f"ct_{number}", "state": "queued", "since_s": number / 7} for number in range(200)]
    while busy_s:
        until_s = time.perf_counter() + busy_s
        while time.perf_counter() < until_s:
            json.loads(json.dumps(board))
        await asyncio.sleep(1 - busy_s)


async def serve(options: argparse.Namespace) -> None:
    settings = EngineSettings(
        host=options.media_host,
        port=options.media_port,
        announce=(options.media_host,),
        max_legs=options.max_legs,
        limits=ForwardLimits(max_bitrate_bps=options.max_bitrate),
    )
    engine: InProcessEngine | WorkerPool
    if options.workers:
        engine = await WorkerPool.start(options.workers, WorkerSettings(engine=settings, log_level="WARNING"))
    else:
        engine = await InProcessEngine.start(settings)
    bench = BenchServer(engine, options.record)
    app = web.Application()
    app.add_routes([web.post("/offer", bench.offer), web.get("/counters", bench.counters)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, options.host, options.port).start()
    gc.collect()
    gc.freeze()
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    host, port = runner.addresses[0][:2]
    print(
        f"http://{host}:{port}/offer?call={{call}}&role={{role}} media {options.media_host}:{engine.port}", flush=True
    )
    work = asyncio.get_running_loop().create_task(other_work(options.busy_ms / 1000))
    try:
        await done.wait()
    finally:
        work.cancel()
        await runner.cleanup()
        await engine.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address of the HTTP socket")
    parser.add_argument("--port", type=int, default=8080, help="TCP port of the HTTP socket; 0 lets the system choose")
    parser.add_argument("--media-host", default="127.0.0.1", help="address of the media socket, told to the peers")
    parser.add_argument("--media-port", type=int, default=0, help="UDP port; 0 lets the system choose")
    parser.add_argument("--max-legs", type=int, default=400)
    parser.add_argument("--max-bitrate", type=int, default=4_000_000, help="bits per second taken from one leg")
    parser.add_argument("--workers", type=int, default=0, help="media processes; 0: media in this one")
    parser.add_argument("--busy-ms", type=float, default=0, help="once a second the loop is held for so long")
    parser.add_argument("--record", type=Path, help="record every call in this folder")
    log.configure(json_lines=True, level="WARNING")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
