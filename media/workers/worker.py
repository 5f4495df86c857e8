"""One media process: an engine, the pipe to the gateway, and nothing else. `python -m media.workers.worker NAME FD`.

It holds no secret of the gateway, opens no store and listens on its UDP port alone. It ends when it is told to, and at
once when the gateway is gone: what was recorded is recovered at the gateway's next start. Signals are the gateway's
business: Ctrl-C at a terminal reaches both, and the gateway decides when the last call is over.
"""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Final

import uvloop

from gateway.base import log
from gateway.base.clock import SystemClock
from gateway.base.tasks import Supervisor
from gateway.base.upkeep import confine, set_start_aside, trim_memory, watch_lag
from media.engine import InProcessEngine
from media.port import EVENT, MediaEvent, MediaRefused
from media.workers.codec import NotOurs
from media.workers.outbox import Outbox
from media.workers.wire import (
    VERSION,
    Begin,
    CantBegin,
    Do,
    Done,
    FromWorker,
    Happened,
    Ping,
    Pong,
    Ready,
    Refused,
    Stop,
    read_to_worker,
)

STUCK_S: Final = 1.0
"""A loop that does not turn for this long forwards nothing: its stack is written to the log, once for each time."""

PIPE_BYTES: Final = 256 * 1024
"""What may lie in the pipe's buffer of this process before messages wait in the outbox."""

LAST_REPLIES_S: Final = 0.2

_log = log.get_logger("media.worker")


class PipeProtocol(asyncio.StreamReaderProtocol):
    """A stream that tells an outbox when the other side reads too slowly."""

    outbox: Outbox | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.outbox is not None:
            self.outbox.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.outbox is not None:
            self.outbox.resume()


class Watchdog:
    """A thread that looks whether the event loop still turns, and writes where it is stuck."""

    def __init__(self) -> None:
        self._turned_s = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def turned(self) -> None:
        self._turned_s = time.monotonic()

    def close(self) -> None:
        self._over.set()

    def _run(self) -> None:
        told_of_s = 0.0
        while not self._over.wait(STUCK_S / 4):
            turned_s = self._turned_s
            if time.monotonic() - turned_s >= STUCK_S and turned_s != told_of_s:
                told_of_s = turned_s
                frame = sys._current_frames().get(self._loop_thread)
                _log.warning("worker.loop_stuck", stack=traceback.format_stack(frame)[-6:] if frame else [])


class Worker:
    """What the gateway asks, carried out; what the engine says, told."""

    def __init__(self, engine: InProcessEngine, outbox: Outbox, watchdog: Watchdog) -> None:
        self._engine = engine
        self._outbox = outbox
        self._watchdog = watchdog
        self._lag_s = 0.0
        self._doing: set[asyncio.Task[None]] = set()
        self._tasks = Supervisor("worker")
        engine.events.on(EVENT, self._happened)
        clock = SystemClock()
        _ = self._tasks.spawn(watch_lag(clock, self._lagged), name="loop-lag")
        _ = self._tasks.spawn(trim_memory(clock), name="trim-memory")

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Until `Stop`. EOFError when the gateway is gone."""
        while True:
            message = await read_to_worker(reader)
            match message:
                case Do():
                    task = self._tasks.spawn(self._do(message), name=type(message.command).__name__)
                    self._doing.add(task)
                    task.add_done_callback(self._doing.discard)
                case Ping(number=number):
                    self._outbox.put(self._pong(number))
                case Stop():
                    return
                case Begin():
                    raise NotOurs("begun twice")

    async def aclose(self) -> None:
        await self._engine.aclose()
        if self._doing:  # what was asked before the end is answered
            await asyncio.wait(self._doing, timeout=LAST_REPLIES_S)
        self._watchdog.close()
        await self._tasks.aclose()

    async def _do(self, order: Do) -> None:
        try:
            reply = await self._engine.execute(order.command)
        except MediaRefused as refusal:
            self._outbox.put(Refused(number=order.number, code=refusal.code, detail=refusal.detail[:500]))
        except Exception as error:  # noqa: BLE001 - top of the command: our bug harms this command only
            _log.error("worker.command_failed", command=type(order.command).__name__, exc_info=error)
            self._outbox.put(Refused(number=order.number, code="media_failed", detail="the media engine failed"))
        else:
            self._outbox.put(Done(number=order.number, reply=reply))

    def _happened(self, event: MediaEvent) -> None:
        self._outbox.put(Happened(event=event))

    def _lagged(self, seconds: float) -> None:
        self._watchdog.turned()
        self._lag_s = max(self._lag_s, seconds)

    def _pong(self, number: int) -> Pong:
        lag_s, self._lag_s = self._lag_s, 0.0
        return Pong(
            number=number,
            counters=self._engine.counters(),
            lag_s=lag_s,
            cpu_s=time.process_time(),
            events_dropped=dict(self._outbox.dropped),
        )


async def run(name: str, pipe: socket.socket) -> int:
    """The life of the process; returns its exit code."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = PipeProtocol(reader)
    transport, _ = await loop.create_unix_connection(lambda: protocol, sock=pipe)
    transport.set_write_buffer_limits(high=PIPE_BYTES)
    outbox = Outbox(transport.write)
    protocol.outbox = outbox
    try:
        begin = await read_to_worker(reader)
        if not isinstance(begin, Begin) or begin.version != VERSION:
            outbox.put(CantBegin(error_number=0, detail="the gateway is of another version: start it anew"))
            return await _parted(transport, 1)
        log.configure(json_lines=begin.log_json, level=begin.log_level)
        log.bind(worker=name)
        if begin.address_space_bytes:
            resource.setrlimit(resource.RLIMIT_AS, (begin.address_space_bytes, begin.address_space_bytes))
        engine = await _started(begin, outbox)
        if engine is None:
            return await _parted(transport, 1)
        worker = Worker(engine, outbox, Watchdog())
        set_start_aside()
        outbox.put(Ready(version=VERSION, port=engine.port))
        _log.info("worker.ready", port=engine.port, pid=os.getpid())
        await worker.serve(reader)
        await worker.aclose()
        return await _parted(transport, 0)
    except EOFError:
        os._exit(1)  # nobody is there to be told, and the next gateway wants the port and the captures
    except NotOurs as error:
        _log.error("worker.not_understood", reason=str(error))
        return 1


async def _started(begin: Begin, outbox: Outbox) -> InProcessEngine | None:
    said: FromWorker
    try:
        return await InProcessEngine.start(begin.engine)
    except OSError as error:
        said = CantBegin(error_number=error.errno or 0, detail=error.strerror or "the port can't be opened")
    except ValueError as error:
        said = CantBegin(error_number=0, detail=str(error)[:500])
    outbox.put(said)
    return None


async def _parted(transport: asyncio.WriteTransport, code: int) -> int:
    """Let the pipe take what was said last."""
    transport.set_write_buffer_limits(high=0)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            while transport.get_write_buffer_size():  # noqa: ASYNC110 - a transport has no event for "all is written"
                await asyncio.sleep(0.005)
    return code


def main() -> None:
    confine()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    name, descriptor = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as pipe:
        pipe.setblocking(False)
        code = uvloop.run(run(name, pipe))
    sys.exit(code)


if __name__ == "__main__":
    main()
