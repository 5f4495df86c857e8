"""Asterisk as a feed: connecting, the whole state, commands. What its events mean is in `mapper`."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from gateway.acd.cti.ami.connection import AmiConnection, AmiLogin
from gateway.acd.cti.ami.mapper import AmiMapper
from gateway.acd.cti.ami.queue_log import QueueLog
from gateway.acd.cti.ami.wire import AmiMessage
from gateway.acd.cti.call import Call
from gateway.acd.cti.connection import Address, Pipe
from gateway.acd.cti.ledger import Ledger
from gateway.acd.events import AcdAgentState
from gateway.acd.sip.feed import FeedAbilities
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.log import get_logger

_log = get_logger("cti")

MAX_REASON: Final = 64
_GONE: Final = ("not found", "not in", "no such", "unable to find", "doesn't exist", "interface not found")


class AmiDialect:
    """Implements `gateway.acd.cti.reader.Dialect`."""

    def __init__(
        self,
        *,
        address: Address,
        login: AmiLogin,
        ledger: Ledger,
        clock: Clock,
        variable: str,
        wrap_up_reasons: Iterable[str],
        queue_log: Path | None = None,
    ) -> None:
        """`queue_log`: Asterisk's file of that name where this machine can read it; None: no replay."""
        reasons = tuple(wrap_up_reasons)
        self.ledger = ledger
        self.mapper = AmiMapper(ledger, variable, reasons)
        self._address = address
        self._login = login
        self._clock = clock
        self._wrap_up_reason = reasons[0] if reasons else "wrapup"
        self._queue_log = QueueLog(queue_log) if queue_log is not None else None
        self._line: AmiConnection | None = None
        self._unreadable = 0
        self._since = 0  # what is heard in this round or a later one may be in the unread part of queue_log

    def abilities(self) -> FeedAbilities:
        return FeedAbilities(
            gives_position=True,
            tells_agent_state=True,
            takes_agent_state=True,
            holds=True,
            wraps_up=True,
            withdraws=True,
            prioritises=True,
        )

    async def connect(self, on_event: Callable[[AmiMessage], None]) -> AmiConnection:
        pipe = await Pipe.open(self._address)
        self._line = AmiConnection(pipe, self._login, self._address, on_event)
        return self._line

    def take(self, event: AmiMessage) -> None:
        self.mapper.take(event, self._clock.now(), self._clock.monotonic())

    async def resync(self, line: AmiConnection) -> int:
        if self._queue_log is not None:
            begun = self._next_round()
            unread = await asyncio.to_thread(self._queue_log.unread)
            # Cut short until here, it is all still to be read.
            self.mapper.replay(unread.lines, self._since, self._clock.now(), self._clock.monotonic())
            self._since = begun
            self._queue_log.taken(unread)
        self.mapper.begin_snapshot()
        channels: list[AmiMessage] | None = None
        try:
            channels = await line.collect("CoreShowChannels")
        except PortFailure as error:
            if error.code != "acd_refused":
                raise
            _log.warning("cti.channels_refused", detail=error.detail)  # the user has no `write=reporting`
        status = await line.collect("QueueStatus")
        return self.mapper.snapshot(status, channels, self._clock.now(), self._clock.monotonic())

    async def check(self, line: AmiConnection) -> None:
        """Where the log ends is asked first: of what was written by then the pong says that it was told."""
        if self._queue_log is None:
            return await line.ping()
        begun = self._next_round()
        end = await asyncio.to_thread(self._queue_log.end)
        await line.ping()
        self._since = begun
        self._queue_log.taken(end)

    def _next_round(self) -> int:
        self.ledger.round += 1
        return self.ledger.round

    def cut(self) -> None:
        self._unreadable = self.unreadable()
        self._line = None

    def next_deadline(self) -> float | None:
        return self.mapper.next_deadline()

    def on_timer(self) -> None:
        self.mapper.on_timer(self._clock.now(), self._clock.monotonic())

    def unreadable(self) -> int:
        parser = self._line.parser if self._line is not None else None
        return self._unreadable + (parser.overlong + parser.meaningless if parser is not None else 0)

    # ---------------------------------------------------------------- commands

    async def withdraw(self, line: AmiConnection, call: Call) -> None:
        """The caller goes on in the dialplan behind Queue(), with QUEUESTATUS=WITHDRAW. Since Asterisk 18.8."""
        fields = [("Queue", call.queue), ("Caller", call.channel), ("WithdrawInfo", "video")]
        await self._do(line, "QueueWithdrawCaller", fields)

    async def set_priority(self, line: AmiConnection, call: Call, priority: int) -> None:
        fields = [
            ("Queue", call.queue),
            ("Caller", call.channel),
            ("Priority", str(max(0, priority))),
            ("Immediate", "true"),  # since 20; older ones move the caller at the next join
        ]
        await self._do(line, "QueueChangePriorityCaller", fields)

    async def set_agent_state(self, line: AmiConnection, ref: str, state: AcdAgentState, reason: str) -> None:
        """In all their queues at once."""
        fields = [("Interface", ref), ("Paused", "false" if state is AcdAgentState.READY else "true")]
        if state is not AcdAgentState.READY:
            said = self._wrap_up_reason if state is AcdAgentState.WRAP_UP else reason or state.value
            fields.append(("Reason", _one_line(said)))
        await self._do(line, "QueuePause", fields)

    @staticmethod
    async def _do(line: AmiConnection, action: str, fields: Iterable[tuple[str, str]]) -> None:
        response = await line.act(action, fields)
        text = response.get("Message")
        if response.response != "Success" and not any(word in text.lower() for word in _GONE):
            raise PortFailure("acd_refused", f"The ACD refused {action}: {text[:100]}")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:MAX_REASON]
