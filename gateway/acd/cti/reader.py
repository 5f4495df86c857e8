"""A feed: keeps one connection to the ACD up, passes on what its events mean, carries out commands.

One task connects, logs in, asks for the whole state, then waits: for the end of the connection, for a flood that is
over, for deadlines. After a cut it tries again with growing pauses; a refused login is an alarm and a long pause, for
only a person can mend it. Calls go on without it. What the ACD's words mean is the dialect's knowledge.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from gateway.acd.cti.call import Call
from gateway.acd.cti.connection import Connection, LoginRefused, unavailable
from gateway.acd.cti.flood import FloodGate
from gateway.acd.cti.ledger import Ledger
from gateway.acd.events import AcdAgentState, AgentEvent
from gateway.acd.port import AgentPosition, Phase
from gateway.acd.sip.feed import FeedAbilities, FeedListener, FeedSnapshot
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, PortFailure
from gateway.base.ids import AgentId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, cancel_and_wait

_log = get_logger("cti")

MAX_UNDELIVERED: Final = 20_000
DIRECTORY_GAP_S: Final = 30.0
"""An agent without a name at the ACD makes it asked for again, but not more often than that."""

RESYNC_GAP_S: Final = 2.0
"""A snapshot that old answers a question without another."""

_STATES: Final[Mapping[str, AcdAgentState]] = {
    "ready": AcdAgentState.READY,
    "not_ready": AcdAgentState.NOT_READY,
    "working_after_call": AcdAgentState.WRAP_UP,
    "logged_off": AcdAgentState.LOGGED_OFF,
}
"""States of ours that the ACD is told. That an agent rings or talks it knows better."""

Event = TypeVar("Event")
Line = TypeVar("Line", bound=Connection)


class Dialect(Protocol, Generic[Event, Line]):
    """What differs between ACDs."""

    ledger: Ledger

    def abilities(self) -> FeedAbilities: ...

    async def connect(self, on_event: Callable[[Event], None]) -> Line:
        """PortFailure when nobody answers."""
        ...

    def take(self, event: Event) -> None:
        """Write what it means into the ledger."""
        ...

    async def resync(self, line: Line) -> int:
        """Ask for the whole state and write it into the ledger. How many calls had to be corrected. PortFailure."""
        ...

    async def check(self, line: Line) -> None:
        """Now and then: is anybody there? PortFailure when not."""
        ...

    def cut(self) -> None:
        """The connection is gone."""
        ...

    def next_deadline(self) -> float | None: ...

    def on_timer(self) -> None: ...

    async def withdraw(self, line: Line, call: Call) -> None: ...

    async def set_priority(self, line: Line, call: Call, priority: int) -> None: ...

    async def set_agent_state(self, line: Line, ref: str, state: AcdAgentState, reason: str) -> None: ...

    def unreadable(self) -> int:
        """Lines and messages that were left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds, and events a second."""

    ping_s: float = 15.0
    resync_s: float = 300.0  # drift that no event corrected
    retry_first_s: float = 0.5
    retry_last_s: float = 30.0
    refused_s: float = 60.0
    events_per_s: float = 2_000.0
    event_burst: float = 10_000.0


@dataclass(slots=True)
class CtiFigures:
    """For `/metrics`, since the start."""

    connected: bool = False
    connections: int = 0
    refused_logins: int = 0
    events: int = 0
    dropped: int = 0  # in a flood
    unreadable: int = 0
    unrecognised: int = 0
    failed: int = 0  # our own errors
    resyncs: int = 0
    corrected: int = 0  # calls that a snapshot showed otherwise than they were believed to be
    failed_commands: int = 0
    calls: int = 0  # known now


class CtiReader(Generic[Event, Line]):
    """Implements `gateway.acd.sip.feed.CtiFeed`."""

    def __init__(
        self,
        name: str,
        dialect: Dialect[Event, Line],
        clock: Clock,
        pace: Pace,
        *,
        random: Callable[[], float],
        on_alarm: Callable[[str, str], None],
        directory: Callable[[], Awaitable[Mapping[str, AgentId]]] | None = None,
    ) -> None:
        """`random`: [0, 1), for pauses that do not coincide with other gateways'. `on_alarm`: code, detail.
        `directory`: whose each of the ACD's names is, asked now and then; PortFailure: later."""
        self._name = name
        self._dialect = dialect
        self._clock = clock
        self._pace = pace
        self._random = random
        self._on_alarm = on_alarm
        self._directory = directory
        self._directory_s: float | None = None  # when it was asked last
        self._gate = FloodGate(pace.events_per_s, pace.event_burst, clock.monotonic())
        self._figures = CtiFigures()
        self._supervisor = Supervisor(f"cti {name}")
        self._listener: FeedListener | None = None
        self._line: Line | None = None
        self._wake = asyncio.Event()
        self._sleeping_until = 0.0
        self._resynced_s: float | None = None
        self._resync_lock = asyncio.Lock()
        self._alarmed = False
        self._undelivered: dict[str, tuple[AcdAgentState, str]] = {}
        self._nameless: dict[AgentId, AgentPosition] = {}

    # ---------------------------------------------------------------- CtiFeed

    def abilities(self) -> FeedAbilities:
        return self._dialect.abilities()

    @property
    def connected(self) -> bool:
        return self._line is not None

    def figures(self) -> CtiFigures:
        """As they are now."""
        figures, ledger = self._figures, self._dialect.ledger
        figures.connected, figures.calls = self.connected, len(ledger.calls)
        figures.dropped, figures.unrecognised = self._gate.dropped, ledger.unrecognised
        figures.unreadable = self._dialect.unreadable()
        return figures

    def listen(self, listener: FeedListener) -> None:
        self._listener = listener

    async def start(self) -> None:
        _ = self._supervisor.spawn(self._run(), name="connection")

    async def aclose(self) -> None:
        await self._supervisor.aclose()

    async def withdraw(self, correlation: str) -> None:
        call = self._dialect.ledger.calls.get(correlation)
        if call is not None and call.phase in (Phase.QUEUED, Phase.RINGING):
            await self._command(lambda line: self._dialect.withdraw(line, call))

    async def set_priority(self, correlation: str, priority: int) -> None:
        call = self._dialect.ledger.calls.get(correlation)
        if call is not None and call.phase in (Phase.QUEUED, Phase.RINGING):
            await self._command(lambda line: self._dialect.set_priority(line, call, priority))

    async def set_agent_state(self, position: AgentPosition) -> None:
        """An agent whom this ACD has no name for is no error: they work elsewhere, or it has not said yet who is there.

        What they were last is told when the name is known. Of more than MAX_UNDELIVERED such agents it is not.
        """
        names = self._dialect.ledger.names
        if position.ref and position.ref != position.agent_id:
            names.learn(position.agent_id, position.ref)
        ref = names.ref_of(position.agent_id)
        state = _STATES.get(position.state)
        if ref is None and state is not None:
            await self._ask_directory()
            ref = names.ref_of(position.agent_id)
        if state is None:
            return
        if ref is None:
            if position.agent_id in self._nameless or len(self._nameless) < MAX_UNDELIVERED:
                self._nameless[position.agent_id] = position
            return
        self._nameless.pop(position.agent_id, None)
        reason = position.reason or ""
        if ref in self._undelivered or len(self._undelivered) < MAX_UNDELIVERED:
            self._undelivered[ref] = (state, reason)
        await self._command(lambda line: self._tell_agent_state(line, ref, state, reason))

    async def _ask_directory(self) -> None:
        now_s = self._clock.monotonic()
        if self._directory is None or (self._directory_s is not None and now_s - self._directory_s < DIRECTORY_GAP_S):
            return
        self._directory_s = now_s
        try:
            known = await self._directory()
        except PortFailure as error:
            _log.warning("cti.agents_unknown", acd=self._name, code=error.code)
            return
        for ref, agent_id in known.items():
            self._dialect.ledger.names.learn(agent_id, ref)

    async def snapshot(self, correlations: Sequence[str]) -> Sequence[FeedSnapshot]:
        """Asks the ACD anew where the last answer is not quite fresh. PortFailure (`cti_unavailable`)."""
        line = self._line
        if line is None:
            raise unavailable("not connected")
        if self._resynced_s is None or self._clock.monotonic() - self._resynced_s > RESYNC_GAP_S:
            await self._resync(line)
        calls = self._dialect.ledger.calls
        found = ((correlation, calls.get(correlation)) for correlation in correlations)
        return [
            FeedSnapshot(correlation=correlation, phase=Phase.GONE)
            if call is None
            else FeedSnapshot(correlation=correlation, phase=call.phase, agent=call.agent)
            for correlation, call in found
        ]

    async def _command(self, carry_out: Callable[[Line], Awaitable[None]]) -> None:
        line = self._line
        if line is None:
            raise unavailable("not connected")
        try:
            await carry_out(line)
        except PortFailure:
            self._figures.failed_commands += 1
            raise

    async def _tell_agent_state(self, line: Line, ref: str, state: AcdAgentState, reason: str) -> None:
        ledger = self._dialect.ledger
        ledger.commanded(ref, state, reason or None, self._clock.monotonic())
        try:
            await self._dialect.set_agent_state(line, ref, state, reason)
        except BaseException:
            ledger.agents.refused(ref)
            raise
        if self._undelivered.get(ref) == (state, reason):
            del self._undelivered[ref]

    # ---------------------------------------------------------------- the connection

    async def _run(self) -> None:
        failures = 0
        while True:
            pause_s = 0.0
            began_s = self._clock.monotonic()
            try:
                await self._once()
                if self._clock.monotonic() - began_s >= self._pace.retry_last_s:
                    failures = 0  # one that falls at once again and again is not called at once again and again
            except LoginRefused as error:
                self._figures.refused_logins += 1
                pause_s = self._pace.refused_s
                _log.error("cti.login_refused", acd=self._name, detail=error.detail)
                if not self._alarmed:
                    self._on_alarm("cti_login_refused", f"{self._name}: {error.detail}")
                self._alarmed = True
            except GatewayError as error:
                _log.warning("cti.unavailable", acd=self._name, code=error.code, detail=error.detail, failures=failures)
            except Exception as error:  # noqa: BLE001 - the top of the task: the next attempt may go well
                self._figures.failed += 1
                _log.error("cti.failed", acd=self._name, error_type=type(error).__name__, exc_info=error)
            failures += 1
            if not pause_s:
                pause_s = min(self._pace.retry_last_s, self._pace.retry_first_s * 2 ** min(failures - 1, 20))
            await self._clock.sleep_until(self._clock.monotonic() + pause_s * (0.5 + self._random() / 2))

    async def _once(self) -> None:
        """From connecting to the end of the connection; returns when it had come up, raises otherwise."""
        line = await self._dialect.connect(self._arrived)
        reading = asyncio.create_task(line.read(), name=f"cti {self._name}:read")
        up = False
        try:
            await _unless_ended(reading, line.login())
            self._line, up = line, True
            self._figures.connections += 1
            self._alarmed = False
            await self._ask_directory()
            await _unless_ended(reading, self._resync(line))
            _log.info("cti.connected", acd=self._name)
            if self._listener is not None:
                self._listener.resumed()
            await _unless_ended(reading, self._deliver(line))
            await self._serve(line, reading)
        except (GatewayError, OSError) as error:
            if not up or isinstance(error, LoginRefused):
                raise
            _log.warning("cti.lost", acd=self._name, error_type=type(error).__name__, detail=str(error)[:200])
        finally:
            self._line = None
            try:
                await cancel_and_wait(reading)
            finally:
                await line.aclose()
            if up:
                self._dialect.cut()
                if self._listener is not None:
                    self._listener.cut()

    async def _serve(self, line: Line, reading: "asyncio.Task[None]") -> None:
        now_s = self._clock.monotonic()
        ping_s, resync_s = now_s + self._pace.ping_s, now_s + self._pace.resync_s
        while True:
            now_s = self._clock.monotonic()
            deadlines = [ping_s, resync_s]
            if (timer_s := self._dialect.next_deadline()) is not None:
                deadlines.append(timer_s)
            if self._gate.behind:
                deadlines.append(self._gate.quiet_at(now_s))
            self._sleeping_until = min(deadlines)
            self._wake.clear()
            await _first_of(reading, self._clock.sleep_until(self._sleeping_until), self._wake.wait())
            if reading.done():
                await reading
                raise unavailable("the ACD ended the connection")
            now_s = self._clock.monotonic()
            if timer_s is not None and timer_s <= now_s:
                self._dialect.on_timer()
                self._flush()
            if now_s >= ping_s:
                await _unless_ended(reading, self._dialect.check(line))
                ping_s = self._clock.monotonic() + self._pace.ping_s
            if now_s >= resync_s or (self._gate.behind and self._gate.quiet(now_s)):
                if self._gate.behind:
                    _log.warning("cti.flooded", acd=self._name, dropped=self._gate.dropped)
                self._gate.behind = False
                await _unless_ended(reading, self._resync(line))
                await _unless_ended(reading, self._deliver(line))
                resync_s = self._clock.monotonic() + self._pace.resync_s

    async def _resync(self, line: Line) -> None:
        async with self._resync_lock:
            self._figures.corrected += await self._dialect.resync(line)
            self._figures.resyncs += 1
            self._resynced_s = self._clock.monotonic()
            self._flush()

    async def _deliver(self, line: Line) -> None:
        """Agents' states that could not be told while nobody was there, or nobody knew whose they were."""
        for agent_id, position in list(self._nameless.items()):
            named = self._dialect.ledger.names.ref_of(agent_id)
            if named is not None:
                del self._nameless[agent_id]
                self._undelivered.setdefault(named, (_STATES[position.state], position.reason or ""))
        for ref, (state, reason) in list(self._undelivered.items()):
            try:
                await self._tell_agent_state(line, ref, state, reason)
            except GatewayError as error:
                self._figures.failed_commands += 1
                if error.code == "cti_unavailable":
                    raise
                _log.warning("cti.state_refused", acd=self._name, agent=ref, code=error.code)
                self._undelivered.pop(ref, None)

    # ---------------------------------------------------------------- events

    def _arrived(self, event: Event) -> None:
        self._figures.events += 1
        if not self._gate.let_in(self._clock.monotonic()):
            self._wake.set()
            return
        try:
            self._dialect.take(event)
        except Exception as error:  # noqa: BLE001 - one event that breaks us must not take the others with it
            self._figures.failed += 1
            _log.error("cti.event_failed", acd=self._name, error_type=type(error).__name__, exc_info=error)
        self._flush()
        timer_s = self._dialect.next_deadline()
        if timer_s is not None and timer_s < self._sleeping_until:
            self._wake.set()

    def _flush(self) -> None:
        for event in self._dialect.ledger.take():
            if self._listener is None:
                continue
            if isinstance(event, AgentEvent):
                self._listener.of_agent(event)
            else:
                self._listener.of_call(event)


async def _first_of(reading: "asyncio.Task[None]", *others: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(other) for other in others]
    try:
        await asyncio.wait({reading, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(*tasks)


async def _unless_ended(reading: "asyncio.Task[None]", doing: Awaitable[None]) -> None:
    """Do it, but not longer than the connection lives."""
    task = asyncio.ensure_future(doing)
    try:
        await asyncio.wait({reading, task}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await reading
            raise unavailable("the ACD ended the connection")
        await task
    finally:
        await cancel_and_wait(task)
