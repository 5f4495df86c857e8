"""Stands of call mode: the adapter over simulated telephones, and, with a feed, a simulated switch that is led by hand.

What the switch is told of people is in `Switch`; one per kind. The plain one (`sip`) has none: its agents claim.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from gateway.acd.events import TargetKind, TransferTarget
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.switchboard import Switchboard
from gateway.acd.kit.stands.telephone import Telephone
from gateway.acd.port import AcdPort
from gateway.acd.sip.adapter import SipAcd
from gateway.acd.sip.feed import CtiFeed
from gateway.base.clock import Clock
from gateway.base.errors import InvariantBroken
from gateway.base.ids import AgentId, ContactId
from gateway.config.acd_sip import SipAcdSettings
from media.port import DialVoice

QUEUE: Final = "kit"
NUMBER: Final = "7000"
ELSEWHERE: Final = "7100"
HEADER: Final = "X-Video-Contact-Id"
ANNA, BEN = AgentId("ag_kitanna0"), AgentId("ag_kitben00")

SERVER_FULL, DECLINED, BUSY = 503, 603, 486

PLAIN: Final = frozenset(
    {
        Act.HANG_UP,
        Act.HOLD,
        Act.RESUME,
        Act.FULL,
        Act.REFUSE,
        Act.SLOW,
        Act.HANG_UP_AT_ONCE,
        Act.NEVER_CONNECT,
        Act.FAIL_TRANSFERS,
        Act.RESTART_ACD,
        Act.RESTART_GATEWAY,
    }
)
FED: Final = PLAIN | {
    Act.READY,
    Act.NOT_READY,
    Act.CRASH,
    Act.ANSWER,
    Act.REJECT,
    Act.RING_OUT,
    Act.MOVE,
    Act.LET_GO,
    Act.REPEAT,
    Act.SAY_OLD,
    Act.LOSE,
    Act.SAY_UNKNOWN,
    Act.SAY_STRANGER,
    Act.SAY_NONSENSE,
    Act.CLOCK_WRONG,
    Act.CUT,
    Act.MEND,
}


AFTERWARDS: Final = (Act.WRAP_UP, Act.WRAP_UP_DONE)
"""Of an agent whose call is over."""


class Switch(Protocol):
    """A simulated switch with a queue, as its people and its dialplan act on it."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Nobody is served any more; calls go on."""
        ...

    async def restart(self) -> None:
        """All calls are lost."""
        ...

    async def aclose(self) -> None: ...

    def feed(self) -> CtiFeed:
        """A connection to it, not yet started."""
        ...

    def arrived(self, contact: ContactId, correlation: str) -> None: ...

    def ring(self, contact: ContactId, agent: AgentId) -> None: ...

    def answer(self, contact: ContactId, agent: AgentId) -> None: ...

    def not_taken(self, contact: ContactId, agent: AgentId, why: Act) -> None:
        """`why`: REJECT, RING_OUT or CRASH."""
        ...

    def let_go(self, contact: ContactId) -> None: ...

    def over(self, contact: ContactId, by: str, *, talked: bool) -> None:
        """The call is over, hung up by `caller` or `agent`."""
        ...

    def hold(self, contact: ContactId, on: bool) -> None: ...

    def move(self, contact: ContactId, agent: AgentId) -> None: ...

    def agent(self, agent: AgentId, act: Act) -> None:
        """READY, NOT_READY, CRASH; WRAP_UP and WRAP_UP_DONE where it has them."""
        ...

    def odd(self, act: Act, contact: ContactId | None, agent: AgentId | None) -> None:
        """Say something as real ones do."""
        ...


class CallStand:
    """A `Stand`."""

    queue = QUEUE
    agents = (ANNA, BEN)
    wait_s = 5.0
    target = TransferTarget(kind=TargetKind.NUMBER, value=ELSEWHERE)

    def __init__(self, adapter: str, clock: Clock, switch: Switch | None = None, *, more: Iterable[Act] = ()) -> None:
        self.adapter = adapter
        self.can = (PLAIN if switch is None else FED) | set(more)
        self.quiet_s = 0.05 if switch is None else 0.15
        self._clock = clock
        self._switch = switch
        self._board = Switchboard(self._rang)
        self._telephone = Telephone(clock, self._answered, self._hung_up)
        self._acd: SipAcd | None = None
        self._meet: Callable[[AcdPort], None] = lambda _: None

    # ------------------------------------------------------------ life

    async def start(self, meet: Callable[[AcdPort], None]) -> None:
        self._meet = meet
        if self._switch is not None:
            await self._switch.start()
        await self._begin()

    async def _begin(self) -> None:
        feed = self._switch.feed() if self._switch is not None else None
        self._acd = SipAcd(
            SipAcdSettings.model_validate(
                {
                    "name": "kit",
                    "trunks": [{"name": "kit", "domain": "kit.example", "capacity": 200, "probe_interval": 0}],
                    "numbers": {QUEUE: NUMBER},
                    "allow": [NUMBER, ELSEWHERE],
                }
            ),
            media=self._telephone,
            clock=self._clock,
            queues=[QUEUE],
            on_alarm=lambda _code, _detail: None,
            feed=feed,
        )
        self._meet(self._acd)
        await self._acd.start()
        async with asyncio.timeout(self.wait_s):
            while feed is not None and not feed.connected:  # noqa: ASYNC110 - a feed has no event for it
                await asyncio.sleep(0.01)

    async def aclose(self) -> None:
        if self._acd is not None:
            await self._acd.aclose()
            self._acd = None
        await self._telephone.aclose()
        if self._switch is not None:
            await self._switch.aclose()

    def said(self, contact: ContactId) -> Mapping[str, int] | None:
        return None

    # ------------------------------------------------------------ the telephone

    def _answered(self, call: DialVoice) -> None:
        contact = ContactId(call.call_id)
        if f":{NUMBER}@" not in call.to_uri:
            return  # the target of a transfer
        self._board_in(contact, dict(call.headers).get(HEADER, ""))

    def _board_in(self, contact: ContactId, correlation: str) -> None:
        if self._switch is not None:
            self._switch.arrived(contact, correlation)
        self._board.arrive(contact)

    def _hung_up(self, call: DialVoice) -> None:
        """By us. The call to the queue is the one that the switch knows."""
        if f":{NUMBER}@" in call.to_uri:
            self._gone(ContactId(call.call_id), "caller")

    def _gone(self, contact: ContactId, by: str) -> None:
        if not self._board.knows(contact):
            return
        talked = contact in self._board.talking
        if self._switch is not None:
            self._switch.over(contact, by, talked=talked)
        self._board.leave(contact)

    def _end(self, contact: ContactId) -> None:
        """By the other side."""
        for leg_id in self._telephone.legs_of(contact):
            self._telephone.end(leg_id)

    def _rang(self, contact: ContactId, agent: AgentId) -> None:
        if self._switch is not None:
            self._switch.ring(contact, agent)

    # ------------------------------------------------------------ acts

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        if contact is not None and act not in AFTERWARDS:
            await self._has_come(contact)
        match act:
            case Act.FULL:
                self._telephone.status = SERVER_FULL
            case Act.REFUSE:
                self._telephone.status = DECLINED
            case Act.FAIL_TRANSFERS:
                self._telephone.status = BUSY
            case Act.SLOW:
                self._telephone.delay_s = 0.3
            case Act.HANG_UP_AT_ONCE:
                self._telephone.ends_at_once = True
            case Act.NEVER_CONNECT:
                pass  # nobody is ready
            case Act.RESTART_GATEWAY:
                if self._acd is not None:
                    await self._acd.aclose()
                await self._begin()
            case Act.RESTART_ACD:
                self._board.clear()
                if self._switch is not None:
                    await self._switch.restart()
                for leg_id in list(self._telephone.calls):
                    self._telephone.end(leg_id)
            case _ if contact is not None:
                self._of_contact(act, contact, agent)
            case _:
                await self._of_switch(act, agent)

    async def _has_come(self, contact: ContactId) -> None:
        """The call needs a moment until the switch has it."""
        async with asyncio.timeout(self.wait_s):
            while not self._board.knows(contact):  # noqa: ASYNC110 - the telephone has no event for it
                await asyncio.sleep(0.005)

    def _of_contact(self, act: Act, contact: ContactId, agent: AgentId | None) -> None:
        switch = self._switch
        match act:
            case Act.HANG_UP:
                self._gone(contact, "agent")
                self._end(contact)
            case Act.HOLD | Act.RESUME if switch is None:
                for leg_id in self._telephone.legs_of(contact):
                    self._telephone.held(leg_id, act is Act.HOLD)
            case Act.HOLD | Act.RESUME if switch is not None:
                switch.hold(contact, act is Act.HOLD)
            case Act.ANSWER if switch is not None:
                if (answering := self._board.answer(contact)) is not None:
                    switch.answer(contact, answering)
            case Act.REJECT | Act.RING_OUT if switch is not None:
                self._not_taken(act, contact, switch)
            case Act.CRASH if switch is not None and agent is not None:
                if self._board.ringing.get(contact) == agent:
                    self._not_taken(act, contact, switch)
                elif self._board.talking.get(contact) == agent:
                    self._gone(contact, "agent")
                    self._end(contact)
                switch.agent(agent, Act.CRASH)
            case Act.LET_GO if switch is not None:
                switch.let_go(contact)
                self._board.leave(contact)
                self._end(contact)
            case Act.MOVE if switch is not None and agent is not None:
                switch.move(contact, agent)
                self._board.move(contact, agent)
            case Act.WRAP_UP | Act.WRAP_UP_DONE if switch is not None and agent is not None:
                switch.agent(agent, act)
            case _ if switch is not None:
                switch.odd(act, contact, agent)
            case _:
                raise InvariantBroken("kit_cannot", f"This stand can't do {act}.")

    def _not_taken(self, act: Act, contact: ContactId, switch: Switch) -> None:
        agent = self._board.ringing.get(contact)
        if agent is not None:
            switch.not_taken(contact, agent, act)
            self._board.refuse(contact)

    async def _of_switch(self, act: Act, agent: AgentId | None) -> None:
        switch = self._switch
        if switch is None:
            raise InvariantBroken("kit_cannot", f"This stand can't do {act}.")
        match act:
            case Act.CUT:
                await switch.stop()
            case Act.MEND:
                await switch.start()
            case Act.READY if agent is not None:
                switch.agent(agent, act)
                self._board.ready(agent)
            case Act.NOT_READY | Act.CRASH if agent is not None:
                self._board.not_ready(agent)
                switch.agent(agent, act)
            case _:
                switch.odd(act, None, agent)


def sip_stand(clock: Clock) -> CallStand:
    """Without a feed: the agent's panel claims."""
    return CallStand("sip", clock)
