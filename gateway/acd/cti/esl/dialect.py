"""FreeSWITCH as a feed: connecting, the whole state, commands. What its events mean is in `mapper`."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from gateway.acd.cti.call import Call, CallState
from gateway.acd.cti.connection import Address, Pipe
from gateway.acd.cti.esl.connection import EslConnection
from gateway.acd.cti.esl.mapper import EslMapper
from gateway.acd.cti.esl.wire import Frame, parse_event, parse_listing
from gateway.acd.cti.ledger import Ledger
from gateway.acd.events import AcdAgentState
from gateway.acd.sip.feed import FeedAbilities
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure, StateConflict

MAX_LOOKED_UP: Final = 500
"""Channels asked for one by one in one snapshot; what is left is for the next."""

_UUID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.@:/+-]{1,128}")
_STATUSES: Final = {
    AcdAgentState.READY: "'Available'",
    AcdAgentState.NOT_READY: "'On Break'",
    AcdAgentState.WRAP_UP: "'On Break'",
    AcdAgentState.LOGGED_OFF: "'Logged Out'",
}
_GONE: Final = ("not found", "no such channel")


class EslDialect:
    """Implements `gateway.acd.cti.reader.Dialect`."""

    def __init__(
        self,
        *,
        address: Address,
        password: str,
        ledger: Ledger,
        clock: Clock,
        header: str,
        queues: Sequence[str] = (),
        withdraw_to: str = "",
    ) -> None:
        """`queues`: those of mod_callcenter to look at, `support@default`; empty: all. `withdraw_to`: where a withdrawn
        call goes, `extension XML context`; empty: calls can't be withdrawn."""
        self.ledger = ledger
        self.mapper = EslMapper(ledger, header)
        self._address = address
        self._password = password
        self._clock = clock
        self._header = header
        self._queues = tuple(queues)
        self._withdraw_to = withdraw_to
        self._line: EslConnection | None = None
        self._unreadable = 0

    def abilities(self) -> FeedAbilities:
        return FeedAbilities(
            gives_position=False,  # only snapshots show it
            tells_agent_state=True,
            takes_agent_state=True,
            holds=True,
            wraps_up=True,
            withdraws=bool(self._withdraw_to),
            prioritises=False,
        )

    async def connect(self, on_event: Callable[[Frame], None]) -> EslConnection:
        pipe = await Pipe.open(self._address)
        self._line = EslConnection(pipe, self._password, self._address, on_event)
        return self._line

    def take(self, event: Frame) -> None:
        self.mapper.take(parse_event(event.body), self._clock.now(), self._clock.monotonic())

    async def resync(self, line: EslConnection) -> int:
        self.mapper.begin_snapshot()
        agents = parse_listing(await line.api("callcenter_config agent list")).rows
        queues = self._queues or tuple(
            row.get("name", "") for row in parse_listing(await line.api("callcenter_config queue list")).rows
        )
        members: list[dict[str, str]] = []
        for queue in queues:
            if _NAME.fullmatch(queue):
                members += parse_listing(await line.api(f"callcenter_config queue list members {queue}")).rows
        await self._learn(line, members)
        alive = await self._alive(line, {row.get("session_uuid", "") for row in members})
        return self.mapper.snapshot(members, agents, alive, self._clock.now(), self._clock.monotonic())

    async def _learn(self, line: EslConnection, members: Sequence[dict[str, str]]) -> None:
        """Calls that came while nobody listened: the channel is asked for its header."""
        unknown = [row for row in members if self.ledger.calls.find(row.get("session_uuid", "")) is None]
        for row in unknown[:MAX_LOOKED_UP]:
            leg = row.get("session_uuid", "")
            if row.get("state") != "Abandoned" and _UUID.fullmatch(leg):
                correlation = (await line.api(f"uuid_getvar {leg} sip_h_{self._header}")).strip()
                call = self.mapper.learn(correlation, leg, row.get("uuid", ""))
                if call is not None:
                    call.channel = row.get("uuid", "")

    async def _alive(self, line: EslConnection, listed: set[str]) -> set[str]:
        """Of the calls that are in no queue any more: whose channel is still up."""
        legs = [
            call.leg
            for call in self.ledger.calls
            if call.state is not CallState.ENDED and call.leg not in listed and _UUID.fullmatch(call.leg)
        ]
        alive = set(legs[MAX_LOOKED_UP:])
        for leg in legs[:MAX_LOOKED_UP]:
            if (await line.api(f"uuid_exists {leg}")).strip() == "true":
                alive.add(leg)
        return alive

    async def check(self, line: EslConnection) -> None:
        await line.ping()

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

    async def withdraw(self, line: EslConnection, call: Call) -> None:
        """mod_callcenter has no word for it: the channel is sent elsewhere, and with that it has left."""
        if not self._withdraw_to:
            raise StateConflict("cti_unsupported", "mod_callcenter can't let a caller go without withdraw_to.")
        if not _UUID.fullmatch(call.leg):
            return
        call.withdrawn = True
        try:
            await line.order(f"uuid_transfer {call.leg} {self._withdraw_to}")
        except PortFailure as error:
            call.withdrawn = False
            if not _gone(error):
                raise

    async def set_priority(self, line: EslConnection, call: Call, priority: int) -> None:
        """The score is set when a caller joins (`cc_base_score` in the dialplan), and never again."""
        raise StateConflict("cti_unsupported", "mod_callcenter can't change a caller's priority.")

    async def set_agent_state(self, line: EslConnection, ref: str, state: AcdAgentState, reason: str) -> None:
        """mod_callcenter knows no reasons."""
        if _NAME.fullmatch(ref):
            try:
                await line.order(f"callcenter_config agent set status {ref} {_STATUSES[state]}")
            except PortFailure as error:
                if not _gone(error):
                    raise


def _gone(error: PortFailure) -> bool:
    return error.code == "acd_refused" and any(word in error.detail.lower() for word in _GONE)
