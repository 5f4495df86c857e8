"""The outbox: commands on their way to an ACD, each delivered once or written down as dead.

Letters of one task go one after the other in the order they were made; tasks don't wait for each other. A letter is
written to the records before it is sent and struck out when it is done, so it outlives the process; tried again, it
carries the same idempotency key. Failures of the other side are retried with back-off, under one circuit breaker for
the whole ACD; what it refuses for good, or for too long, becomes a dead letter.

Full (`settings.outbox_limit`) means that new contacts are refused, not that a contact in progress loses a command:
those are few per contact, and what a newer one makes pointless is struck out before it is sent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from gateway.acd.tasks.mapping import Command, TaskMapping
from gateway.acd.tasks.ports import CallFailed, Letter, LetterStore
from gateway.acd.tasks.requests import Later, Refused, Reply, Requests
from gateway.acd.tasks.templates import TemplateFault
from gateway.base.breaker import Breaker, BreakerState
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import new_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config.acd_tasks import TaskAcdSettings

_log = get_logger("acd.tasks")

LETTER_PREFIX: Final = "le"
LEFT_OVER_LIMIT: Final = 20_000  # letters of an earlier process that are taken over
NAMING: Final = frozenset({Command.CREATE, Command.HANDED_OVER})
"""Whose answer may say what the ACD calls the task from now on."""

_SUPERSEDED: Final = frozenset({Command.UPDATE, Command.OFFERABLE, Command.AGENT_STATE})
_UNDOES: Final = {Command.HELD: Command.RESUMED, Command.RESUMED: Command.HELD}


@dataclass(slots=True)
class _Lane:
    """Letters of one task. The first is being delivered."""

    letters: deque[Letter] = field(default_factory=deque)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    reached: bool = False  # the first may have reached the ACD


class Letters:
    """Delivers the letters of one ACD by its `requests`. `view` as there.

    `on_reply` hears of every request that was done, `on_dead` of every letter that died, `on_open` when the breaker
    opened and closed. `written` writes what is known of tasks; it is waited for before one is made and before it is
    forgotten that it was, so that no crash leaves a task behind. `store` None: nothing survives a restart.
    """

    def __init__(
        self,
        *,
        settings: TaskAcdSettings,
        mapping: TaskMapping,
        requests: Requests,
        store: LetterStore | None,
        clock: Clock,
        node: str,
        view: Callable[[str], Mapping[str, Any] | None],
        on_reply: Callable[[Letter, Reply], None],
        on_dead: Callable[[Letter], None],
        on_done: Callable[[Letter], None],
        on_open: Callable[[bool], None],
        written: Callable[[], Awaitable[bool]],
    ) -> None:
        self._settings = settings
        self._mapping = mapping
        self._requests = requests
        self._store = store
        self._clock = clock
        self._node = node
        self._view = view
        self._on_reply = on_reply
        self._on_dead = on_dead
        self._on_done = on_done
        self._on_open = on_open
        self._written = written
        self._lanes: dict[str, _Lane] = {}
        self._breaker = Breaker(
            failures=settings.breaker_failures, first_pause_s=settings.breaker_pause.total_seconds()
        )
        self._was_open = False
        self._gate = asyncio.Semaphore(settings.connections)
        self._tasks = Supervisor(f"acd:{settings.name}:letters")
        self._closing = False
        self.sent = 0
        self.failed = 0
        self.dead = 0

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Take over what an earlier process left. While the records are away, nothing is taken over."""
        if self._store is None:
            return
        try:
            left = await self._store.letters(self._settings.name, self._node, LEFT_OVER_LIMIT)
        except PortFailure as failure:
            _log.error("acd.letters_unread", acd=self._settings.name, code=failure.code)
            return
        for letter in left:
            # It may have been on its way when the process ended. As every repetition it begins with its first request:
            # what was left out the first time (is it there already?) is what matters now.
            self._lane_of(letter).letters.append(replace(letter, tries=max(1, letter.tries), step=0))
        for key in list(self._lanes):
            self._drain_soon(key)

    async def aclose(self) -> None:
        """Stop sending. What is not delivered stays in the records. Idempotent."""
        self._closing = True
        left = [letter for lane in self._lanes.values() for letter in lane.letters]
        await self._tasks.aclose()
        for letter in left:
            await self._keep(letter)
        self._lanes.clear()

    # ------------------------------------------------------------ what callers use

    @property
    def pending(self) -> int:
        """Letters that are not delivered."""
        return sum(len(lane.letters) for lane in self._lanes.values())

    @property
    def full(self) -> bool:
        return self.pending >= self._settings.outbox_limit

    @property
    def is_open(self) -> bool:
        """The breaker is: the ACD is left alone."""
        return self._breaker.state is not BreakerState.CLOSED

    def has(self, key: str, command: Command | None = None) -> bool:
        """Whether letters of that task (with that command) are on their way."""
        lane = self._lanes.get(key)
        return lane is not None and any(command in (None, letter.command) for letter in lane.letters)

    def post(self, key: str, number: int, command: Command, data: Mapping[str, object], at: datetime) -> bool:
        """Send a command, after those before it. `key`: the contact, or whatever else has an order of its own.

        False: this ACD is not told that (no such command in its mapping), or it would undo what is still waiting.
        """
        if command not in self._mapping.commands or self._closing:
            return False
        letter = Letter(
            letter_id=new_id(LETTER_PREFIX),
            acd=self._settings.name,
            contact_id=key,
            number=number,
            command=command,
            data=dict(data),
            created_at=at,
        )
        return self._queue(letter)

    def again(self, letter: Letter) -> None:
        """Deliver a dead letter once more: an admin says so."""
        self._queue(replace(letter, tries=0, cause="", dead_at=None, created_at=self._clock.now()))

    async def ask(self, key: str, command: Command, data: Mapping[str, object]) -> Reply:
        """Send a command after those before it and return what came of it. It is tried once.

        Refused, TemplateFault; PortFailure (`acd_away`) when there is no answer, or earlier letters do not arrive.
        """
        lane = self._lanes.get(key)
        if lane is not None:
            try:
                async with asyncio.timeout(self._settings.timeout.total_seconds()):
                    await lane.empty.wait()
            except TimeoutError:
                raise self._away() from None
        if not self._breaker.admits(self._clock.monotonic()):
            raise self._away()
        letter = Letter(
            letter_id=new_id(LETTER_PREFIX),
            acd=self._settings.name,
            contact_id=key,
            number=0,
            command=command,
            data=dict(data),
            created_at=self._clock.now(),
        )
        reply = Reply()
        for step, plan in enumerate(self._mapping.commands.get(command, ())):
            try:
                reply = await self._requests.send(replace(letter, step=step), plan) or reply
            except (CallFailed, Later) as error:
                self._told_failure()
                raise self._away() from error
            except BaseException:
                self._breaker.gave_up(self._clock.monotonic())
                raise
        self._told_success()
        return reply

    # ------------------------------------------------------------ lanes

    def _lane_of(self, letter: Letter) -> _Lane:
        return self._lanes.setdefault(letter.contact_id, _Lane())

    def _queue(self, letter: Letter) -> bool:
        lane = self._lanes.get(letter.contact_id)
        if lane is None:
            self._lane_of(letter).letters.append(letter)
            self._drain_soon(letter.contact_id)
            return True
        waiting = list(lane.letters)[1:]
        if letter.command in _SUPERSEDED:
            for old in waiting:
                if old.command is letter.command:
                    lane.letters.remove(old)
        undone = _UNDOES.get(letter.command)
        if undone is not None and waiting and waiting[-1].command is undone:
            lane.letters.pop()
            return False
        lane.letters.append(letter)
        return True

    def _drain_soon(self, key: str) -> None:
        _ = self._tasks.spawn(self._drain(key), name=f"deliver:{key}")

    async def _drain(self, key: str) -> None:
        lane = self._lanes[key]
        while lane.letters:
            lane.reached = lane.letters[0].tries > 0
            if lane.letters[0].command in NAMING:
                await self._written()
            await self._keep(lane.letters[0])
            try:
                ended = await self._deliver(lane)
            except Exception as error:  # noqa: BLE001 - the top of a task: our own fault stops no other letter
                _log.error("acd.letter_failed", acd=self._settings.name, exc_info=error)
                ended = self._dead(lane.letters[0], "internal")
            lane.letters.popleft()
            if ended.dead_at is not None:
                self.dead += 1
                await self._keep(ended)
                _log.warning("acd.letter_dead", acd=ended.acd, command=ended.command.value, cause=ended.cause)
                self._on_dead(ended)
            else:
                if ended.command in NAMING:
                    await self._written()
                await self._strike_out(ended)
                self._on_done(ended)
        del self._lanes[key]
        lane.empty.set()

    async def _deliver(self, lane: _Lane) -> Letter:
        """Send the first letter until it is done or dead; what became of it."""
        letter = lane.letters[0]
        started_s = self._clock.monotonic()
        pause_s = self._settings.retry_first.total_seconds()
        while True:
            if pointless := self._pointless(lane):
                for each in pointless:
                    lane.letters.remove(each)
                    await self._strike_out(each)
                return letter
            await self._admitted()
            wait_s = 0.0
            try:
                letter = await self._steps(lane, letter)
                self._told_success()
                self.sent += 1
                return letter
            except Refused as refusal:
                self._told_success()  # it answers: it is there
                return self._dead(letter, refusal.cause)
            except TemplateFault as fault:
                self._breaker.gave_up(self._clock.monotonic())
                return self._dead(letter, f"template: {fault.message}"[:200])
            except (CallFailed, Later) as error:
                self._told_failure()
                cause = error.reason if isinstance(error, CallFailed) else error.cause
                lane.reached = lane.reached or cause not in ("unreachable", "tls")
                wait_s = error.retry_after_s or 0.0 if isinstance(error, Later) else 0.0
                letter = replace(letter, tries=letter.tries + 1, cause=cause)
                lane.letters[0] = letter
                if self._clock.monotonic() - started_s >= self._settings.give_up.total_seconds():
                    return self._dead(letter, cause)
            except BaseException:
                self._breaker.gave_up(self._clock.monotonic())
                raise
            await self._clock.sleep_until(self._clock.monotonic() + max(pause_s, wait_s))
            pause_s = min(pause_s * 2, self._settings.retry_last.total_seconds())

    def _pointless(self, lane: _Lane) -> list[Letter]:
        """Of a task that certainly never reached the ACD and is cancelled by now: what follows its creation, up to the
        cancel. The contact may have come again since; that goes out."""
        letters = list(lane.letters)
        if letters[0].command is not Command.CREATE or lane.reached:
            return []
        commands = [letter.command for letter in letters]
        return letters[1 : commands.index(Command.CANCEL) + 1] if Command.CANCEL in commands else []

    async def _steps(self, lane: _Lane, letter: Letter) -> Letter:
        plans = self._mapping.commands.get(letter.command, ())
        async with self._gate:
            while letter.step < len(plans):
                reply = await self._requests.send(letter, plans[letter.step])
                letter = replace(letter, step=letter.step + 1)
                lane.letters[0] = letter
                if reply is not None:
                    self._on_reply(letter, reply)
                if letter.step < len(plans):
                    await self._keep(letter)
        return letter

    # ------------------------------------------------------------ the breaker

    async def _admitted(self) -> None:
        """Return when the ACD may be called."""
        while not self._breaker.admits(self._clock.monotonic()):
            now_s = self._clock.monotonic()
            await self._clock.sleep_until(now_s + max(0.01, self._breaker.opens_in(now_s)))

    def _told_success(self) -> None:
        self._breaker.succeeded(self._clock.monotonic())
        self._tell_open()

    def _told_failure(self) -> None:
        self.failed += 1
        self._breaker.failed(self._clock.monotonic())
        self._tell_open()

    def _tell_open(self) -> None:
        is_open = self._breaker.state is BreakerState.OPEN
        if is_open != self._was_open:
            self._was_open = is_open
            _log.warning("acd.breaker", acd=self._settings.name, open=is_open)
            self._on_open(is_open)

    # ------------------------------------------------------------ records

    def _dead(self, letter: Letter, cause: str) -> Letter:
        """With what is known of the task, which an admin may want to send it again for."""
        task = self._view(letter.contact_id)
        data = {**letter.data, "task": dict(task)} if task is not None else letter.data
        return replace(letter, cause=cause, dead_at=self._clock.now(), data=data)

    async def _keep(self, letter: Letter) -> None:
        """Write it down. A letter that can't be written is sent all the same."""
        if self._store is not None:
            try:
                await self._store.put_letter(letter, self._node)
            except PortFailure as failure:
                _log.warning("acd.letter_unwritten", acd=letter.acd, code=failure.code)

    async def _strike_out(self, letter: Letter) -> None:
        if self._store is not None:
            try:
                await self._store.drop_letter(letter.letter_id)
            except PortFailure as failure:  # it will be sent again after a restart, with the same key
                _log.warning("acd.letter_left", acd=letter.acd, code=failure.code)

    def _away(self) -> PortFailure:
        return PortFailure("acd_away", "The ACD does not answer; try again in a moment.", retry_after_s=5)
