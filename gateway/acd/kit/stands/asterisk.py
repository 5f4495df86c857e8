"""The stand of call mode with an Asterisk: its Manager Interface is simulated, over a real socket."""

from typing import Final

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.ami.connection import AmiLogin
from gateway.acd.cti.ami.dialect import AmiDialect
from gateway.acd.cti.ami.simulator import AsteriskSimulator, Caller
from gateway.acd.cti.connection import Address
from gateway.acd.cti.ledger import Ledger
from gateway.acd.cti.reader import CtiReader, Pace
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.calls import ANNA, BEN, QUEUE, CallStand
from gateway.acd.sip.feed import CtiFeed
from gateway.base.clock import Clock
from gateway.base.ids import AgentId, ContactId, new_offer_id

PHONES: Final = {ANNA: "PJSIP/1001", BEN: "PJSIP/1002"}
PACE: Final = Pace(ping_s=1.0, resync_s=60.0, retry_first_s=0.02, retry_last_s=0.1, refused_s=0.5)
WRAP_UP: Final = "wrapup"
_YEAR_S: Final = 365 * 86_400.0
_UNAVAILABLE, _NOT_IN_USE = 5, 1


class Overheard(AsteriskSimulator):
    """Keeps what it said last, so that it can be said again."""

    last = b""

    def send(self, data: bytes) -> None:
        self.last = data
        super().send(data)


class AsteriskSwitch:
    """A `Switch`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = 0.0
        self.simulator = Overheard(time=lambda: clock.now().timestamp() + self._ahead_s)
        self._callers: dict[ContactId, Caller] = {}
        self._rang = b""  # what was said when it rang last
        self._unheard = False

    async def start(self) -> None:
        await self.simulator.start(self.simulator.port)

    async def stop(self) -> None:
        await self.simulator.aclose()

    async def restart(self) -> None:
        self._callers.clear()
        await self.simulator.restart()

    async def aclose(self) -> None:
        await self.simulator.aclose()

    def feed(self) -> CtiFeed:
        names = AgentNames({phone: agent for agent, phone in PHONES.items()})
        dialect = AmiDialect(
            address=Address(host="127.0.0.1", port=self.simulator.port, connect_s=2.0, answer_s=1.0),
            login=AmiLogin(user=self.simulator.user, secret=self.simulator.secret),
            ledger=Ledger("kit", names, new_offer_id),
            clock=self._clock,
            variable=self.simulator.variable,
            wrap_up_reasons=(WRAP_UP,),
            queue_log=None,
        )
        return CtiReader("kit", dialect, self._clock, PACE, random=lambda: 0.0, on_alarm=lambda _code, _detail: None)

    # ------------------------------------------------------------ callers

    def arrived(self, contact: ContactId, correlation: str) -> None:
        caller = self._callers[contact] = self.simulator.call(correlation)
        self.simulator.join(caller, QUEUE)

    def ring(self, contact: ContactId, agent: AgentId) -> None:
        if self._unheard:
            self.simulator.muted.add("AgentCalled")
        self.simulator.ring(self._callers[contact], PHONES[agent])
        self._rang = self.simulator.last
        self.simulator.muted.discard("AgentCalled")
        self._unheard = False

    def answer(self, contact: ContactId, agent: AgentId) -> None:
        self.simulator.answer(self._callers[contact], PHONES[agent])

    def not_taken(self, contact: ContactId, agent: AgentId, why: Act) -> None:
        status = {Act.REJECT: "BUSY", Act.CRASH: "CHANUNAVAIL"}.get(why, "")
        self.simulator.no_answer(self._callers[contact], PHONES[agent], status)
        if why is not Act.CRASH:
            self.simulator.pause(PHONES[agent], "autopause")

    def let_go(self, contact: ContactId) -> None:
        caller = self._callers.pop(contact)
        self.simulator.leave(caller, "TIMEOUT")
        self.simulator.hang_up(caller)

    def over(self, contact: ContactId, by: str, *, talked: bool) -> None:
        caller = self._callers.pop(contact, None)
        if caller is None:
            return
        if talked:
            self.simulator.complete(caller, by, QUEUE)
        else:
            self.simulator.abandon(caller)

    def hold(self, contact: ContactId, on: bool) -> None:
        self.simulator.hold(self._callers[contact], on=on)

    def move(self, contact: ContactId, agent: AgentId) -> None:
        self.simulator.attended_transfer(self._callers[contact], PHONES[agent])

    # ------------------------------------------------------------ agents

    def agent(self, agent: AgentId, act: Act) -> None:
        phone, simulator = PHONES[agent], self.simulator
        known = phone in simulator.members
        match act:
            case Act.READY if not known:
                simulator.member(phone, agent, QUEUE)
            case Act.READY:
                simulator.device(phone, _NOT_IN_USE)
                simulator.unpause(phone)
            case Act.NOT_READY if known:
                simulator.pause(phone, "break")
            case Act.CRASH if known:
                simulator.device(phone, _UNAVAILABLE)
            case Act.WRAP_UP if known:
                simulator.pause(phone, WRAP_UP)
            case Act.WRAP_UP_DONE if known:
                simulator.unpause(phone)
            case _:
                pass

    # ------------------------------------------------------------ oddities

    def odd(self, act: Act, contact: ContactId | None, agent: AgentId | None) -> None:
        simulator = self.simulator
        caller = self._callers.get(contact) if contact is not None else None
        match act:
            case Act.REPEAT:
                simulator.send(self._rang)
            case Act.SAY_OLD if caller is not None and agent is not None:
                simulator.no_answer(caller, PHONES[agent])
            case Act.LOSE:
                self._unheard = True
            case Act.SAY_UNKNOWN if caller is not None:
                simulator.event("BananaPeeled", ("Uniqueid", caller.uniqueid), ("Linkedid", caller.uniqueid))
            case Act.SAY_STRANGER:
                simulator.join(simulator.call(""), QUEUE)
                simulator.join(simulator.call("STRANGER"), QUEUE)
            case Act.SAY_NONSENSE:
                simulator.send(b"\x00\xff: no message\r\nEvent\r\n: \r\n\r\nEvent: \r\nUniqueid: \x80\r\n\r\n")
            case Act.CLOCK_WRONG:
                self._ahead_s = _YEAR_S
            case _:
                pass


def ami_stand(clock: Clock) -> CallStand:
    return CallStand("ami", clock, AsteriskSwitch(clock), more=(Act.WRAP_UP, Act.WRAP_UP_DONE))
