"""One media process as the gateway sees it, from its start to its end: commands out, replies, events and figures in.

What it says is checked for shape here and for sense by `Heard`; whatever is wrong with it ends it. The end is told
once, also of a process that was killed, hangs, talks nonsense or eats memory. It knows no leg and starts nothing anew.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import media
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.engine import EngineSettings
from media.figures import EngineCounters
from media.port import Command, LegAnswer, LegStats, MediaEvent, MediaRefused, TrunkAnswer
from media.workers.codec import NotOurs
from media.workers.wire import (
    MAX_FRAME_BYTES,
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
    ToWorker,
    frame_to_worker,
    read_from_worker,
)

START_S: Final = 30.0
"""A process is up after half a second; on a machine that is full it may take its time, but not for ever."""

PING_EVERY_S: Final = 1.0
PONG_S: Final = 4.0
"""No answer for this long, and for `PONG_AGAIN_S` after we had a turn ourselves: it hangs, and its calls with it."""

PONG_AGAIN_S: Final = 1.0

COMMANDS_AT_ONCE: Final = 256
"""Commands of one process that may wait for their reply; further ones are refused as `media_busy`."""

MESSAGES_PER_PING: Final = 20_000
"""From one pong to the next a process says what 240 legs do; one that says more floods us."""

KILLED_S: Final = 5.0

CALL_ADDRESS_SPACE_BYTES: Final = 50_000_000
"""Five threads with stacks of 8 MB each, of which some kB are used."""

Reply = LegAnswer | LegStats | TrunkAnswer | None
Heard = Callable[[MediaEvent], None]
"""Takes an event. Raises NotOurs for one that this process can't have."""

_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")

_log = get_logger("media.workers")


class WorkerFailed(Exception):
    """A process could not be started, for a reason that is no setting's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What every process of a pool is given."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    memory_bytes: int = 1_000_000_000  # resident; beyond it the process is ended. 0: no limit
    log_json: bool = True
    log_level: str = "INFO"
    command: tuple[str, ...] = (sys.executable, "-m", "media.workers.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What was last heard of a process. `cpu_share`: of one core, over the last second or so."""

    counters: EngineCounters | None = None
    lag_s: float = 0.0
    cpu_s: float = 0.0
    cpu_share: float = 0.0
    resident_bytes: int = 0
    events_dropped: dict[str, int] = field(default_factory=dict)


class WorkerProcess:
    """A running media process. Made by `spawn`; it is gone when `over` is set."""

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        settings: WorkerSettings,
    ) -> None:
        self.name = name
        self.port = 0
        self.vitals = Vitals()
        self.over = asyncio.Event()
        self.why = ""  # it ended, once it has
        self._process = process
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._heard: Heard = lambda event: None
        self._ended: Callable[[], None] = lambda: None
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._next_number = 0
        self._pong = asyncio.Event()
        self._pinged = 0
        self._measured_s = 0.0
        self._messages = 0
        self._tasks = Supervisor(name)

    @property
    def pid(self) -> int:
        return self._process.pid

    # ------------------------------------------------------------ beginning

    @classmethod
    async def spawn(cls, name: str, settings: WorkerSettings, engine: EngineSettings) -> Self:
        """Start a process and wait until its port is open.

        Raises OSError when the port can't be had, ValueError for a setting that can't be used, WorkerFailed for the
        rest. Nothing is left then.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await _executed((*settings.command, name), theirs)
        except OSError as error:
            ours.close()
            raise WorkerFailed(f"no process could be started: {error.strerror}") from error
        except asyncio.CancelledError:
            ours.close()
            raise
        ours.setblocking(False)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_FRAME_BYTES)
        except BaseException:  # cancelled between its start and our end of the pipe: nobody else knows of it
            ours.close()
            await _ended(process)
            raise
        worker = cls(name, process, reader, writer, settings)
        try:
            async with asyncio.timeout(START_S):
                await worker._begin(engine)
        except BaseException as error:
            worker.condemn(f"it did not start: {error}")
            await worker.reaped()
            if isinstance(error, EOFError | TimeoutError | NotOurs):
                raise WorkerFailed(worker.why) from error
            raise
        return worker

    async def _begin(self, engine: EngineSettings) -> None:
        memory_bytes = self._settings.memory_bytes
        self._send(
            Begin(
                version=VERSION,
                engine=engine,
                # Half as much again and what is only reserved: for what grows between two looks at it, and the stacks
                # of each telephone call's threads.
                address_space_bytes=(
                    memory_bytes * 3 // 2 + 1_000_000_000 + engine.voice.max_calls * CALL_ADDRESS_SPACE_BYTES
                    if memory_bytes
                    else 0
                ),
                log_json=self._settings.log_json,
                log_level=self._settings.log_level,
            )
        )
        match await read_from_worker(self._reader):
            case Ready(version=version, port=port) if version == VERSION and 0 < port < 65536:
                self.port = port
            case CantBegin(error_number=0, detail=detail):
                raise ValueError(detail)
            case CantBegin(error_number=number, detail=detail):
                raise OSError(number, detail)
            case _:
                raise NotOurs("it did not say that it is ready")

    def attend(self, heard: Heard, ended: Callable[[], None]) -> None:
        """Listen from now on. `ended` is called once, on the loop, when it is gone: no event comes after."""
        self._heard, self._ended = heard, ended
        self._measured_s = asyncio.get_running_loop().time()
        _ = self._tasks.spawn(self._listen(), name="listen")
        _ = self._tasks.spawn(self._look_after(), name="look-after")

    # ------------------------------------------------------------ commands

    def submit(self, command: Command) -> asyncio.Future[Reply]:
        """Ask for a command to be carried out. The future has its reply, or MediaRefused (`worker_lost` at the latest
        when the process ends). Raises MediaRefused at once when it can't be asked."""
        if self.over.is_set():
            raise MediaRefused("worker_lost", "the media process has ended")
        if len(self._waiting) >= COMMANDS_AT_ONCE:
            raise MediaRefused("media_busy", f"{COMMANDS_AT_ONCE} commands are waiting already")
        number = self._next_number
        self._next_number += 1
        try:
            frame = frame_to_worker(Do(number=number, command=command))
        except ValueError as error:
            raise MediaRefused("too_large", str(error)) from error
        if self._writer.is_closing():  # it has ended, and is about to be noticed
            raise MediaRefused("worker_lost", "the media process has ended")
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        reply.add_done_callback(lambda _: self._waiting.pop(number, None))
        self._writer.write(frame)
        return reply

    def _send(self, message: ToWorker) -> None:
        if not self._writer.is_closing():  # otherwise it has ended, and is about to be noticed
            self._writer.write(frame_to_worker(message))

    # ------------------------------------------------------------ what it says

    async def _listen(self) -> None:
        try:
            while not self.over.is_set():
                message = await read_from_worker(self._reader)
                if not self.over.is_set():
                    self._take(message)
        except EOFError:
            self.condemn("it ended by itself")
        except NotOurs as error:
            self.condemn(f"it talks nonsense: {error}")
        await self.reaped()

    def _take(self, message: FromWorker) -> None:
        self._messages += 1
        if self._messages > MESSAGES_PER_PING:
            raise NotOurs("too much at once")
        match message:
            case Happened(event=event):
                self._heard(event)
            case Done(number=number, reply=reply):
                waiting = self._answered(number)
                if waiting is not None:
                    waiting.set_result(reply)
            case Refused(number=number, code=code, detail=detail):
                waiting = self._answered(number)
                if waiting is not None:
                    waiting.set_exception(MediaRefused(code[:60], detail[:500]))
            case Pong(number=number):
                if number == self._pinged:
                    self._measure(message)
                    self._pong.set()
            case _:
                raise NotOurs(f"{type(message).__name__} is not expected")

    def _answered(self, number: int) -> asyncio.Future[Reply] | None:
        if not 0 <= number < self._next_number:
            raise NotOurs("a reply to nothing")
        waiting = self._waiting.pop(number, None)
        return None if waiting is None or waiting.done() else waiting  # done: nobody waits for it any more

    def _measure(self, pong: Pong) -> None:
        now_s = asyncio.get_running_loop().time()
        elapsed_s = max(now_s - self._measured_s, 0.001)
        self._measured_s, self._messages = now_s, 0
        before = self.vitals
        self.vitals = Vitals(
            counters=pong.counters,
            lag_s=pong.lag_s,
            cpu_s=pong.cpu_s,
            cpu_share=max(0.0, pong.cpu_s - before.cpu_s) / elapsed_s if before.counters is not None else 0.0,
            resident_bytes=_resident_bytes(self.pid),
            events_dropped=pong.events_dropped,
        )

    # ------------------------------------------------------------ its health

    async def _look_after(self) -> None:
        """Ask every second how it does; a process that does not answer, or is too large, is ended."""
        while not self.over.is_set():
            self._pong.clear()
            self._pinged += 1
            self._send(Ping(number=self._pinged))
            if not (await _within(PONG_S, self._pong) or await _within(PONG_AGAIN_S, self._pong)):
                self.condemn(f"it did not answer within {PONG_S + PONG_AGAIN_S:.0f} s")
                return
            limit = self._settings.memory_bytes
            if limit and self.vitals.resident_bytes > limit:
                self.condemn(f"it uses {self.vitals.resident_bytes / 1e6:.0f} MB, more than {limit / 1e6:.0f}")
                return
            await _within(PING_EVERY_S, self.over)

    # ------------------------------------------------------------ the end

    async def stop(self, limit_s: float) -> None:
        """Let it close its legs and recordings and end; kill it when it takes longer."""
        if not self.over.is_set():
            self._send(Stop())
            if not await _within(limit_s, self.over):
                self.condemn(f"it did not stop within {limit_s:.0f} s")
        await self.reaped()

    def condemn(self, why: str) -> None:
        """It is gone, or will be at once: killed, its commands refused, its end told. Idempotent."""
        if self.over.is_set():
            return
        self.why = why
        self.over.set()
        if self._process.returncode is None:
            self._process.kill()
        self._writer.close()
        for waiting in list(self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(MediaRefused("worker_lost", "the media process has ended"))
                waiting.exception()  # retrieved: whoever asked may have left
        self._ended()

    async def reaped(self) -> None:
        """Return when the system has no process of it any more."""
        try:
            async with asyncio.timeout(KILLED_S):
                await self._process.wait()
        except TimeoutError:
            _log.error("worker.not_killed", worker=self.name, pid=self.pid)

    async def aclose(self) -> None:
        """Kill what still runs and let go of everything."""
        self.condemn("it is not needed any more")
        await self._tasks.aclose()
        await self.reaped()


async def _executed(command: tuple[str, ...], pipe: socket.socket) -> asyncio.subprocess.Process:
    """The process, given that end of the pipe. Cancelled, it leaves none: half a start can't be undone, so it is ended.

    Raises OSError.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            str(pipe.fileno()),
            pass_fds=(pipe.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            cwd=Path(media.__file__).parents[1],
            env=_environment(),
            start_new_session=True,  # Ctrl-C at the terminal is for the gateway
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _ended(await starting)
        raise


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Kill a process that nobody talks to yet."""
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _within(limit_s: float, event: asyncio.Event) -> bool:
    """Whether the event comes within that time."""
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


def _environment() -> dict[str, str]:
    """What a media process may know of ours: no setting and no secret. Two arenas: it has few threads."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | {"MALLOC_ARENA_MAX": "2"}


def _resident_bytes(pid: int) -> int:
    """Memory that a process uses now, read from the system and not told by itself; 0 where it can't be known."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
