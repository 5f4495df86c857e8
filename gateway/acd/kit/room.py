"""A scenario's room: our hand on the port, the other hand at the ACD, and everything that is said between them.

Plays what a contact and the roster do, per mode: in own and task mode an offer is accepted and the media confirmed, in
call mode the panel claims what the ACD has connected.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from gateway.acd.correlation import new_correlation
from gateway.acd.events import (
    Abandoned,
    Accepted,
    AcdEvent,
    AcdRef,
    Connected,
    Ended,
    NoAnswer,
    QueueExit,
    Rejected,
    Reserved,
    TransferMode,
    TransferTarget,
    VoiceUp,
)
from gateway.acd.kit.log import Asked, Back, Done, Log, Missed
from gateway.acd.kit.stand import Act, Stand
from gateway.acd.port import (
    AcdCapabilities,
    AcdMode,
    AcdPort,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    CutCause,
    DeclineReason,
    Phase,
    Resyncs,
)
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, InvariantBroken, PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId, new_contact_id

T = TypeVar("T")

COMMAND_S: Final = 10.0
"""The gateway waits no longer for a command."""

CLEAN_UP_S: Final = 5.0
"""For each contact that a scenario has left at a real ACD."""

POLL_S: Final = 0.02


class Room:
    """One scenario's."""

    def __init__(self, stand: Stand, clock: Clock) -> None:
        self.stand = stand
        self.clock = clock
        self.log = Log(clock)
        self.calls: list[Call] = []
        self._port: AcdPort | None = None
        self._ready_since = {agent_id: clock.now() for agent_id in stand.agents}

    # ------------------------------------------------------------ both hands

    def meet(self, port: AcdPort) -> None:
        """Listen to this adapter from now on, and use it."""
        self._port = port
        self.log.life += 1
        port.on_event(self.log.heard)
        port.on_agent_event(self.log.heard_of_agent)
        if isinstance(port, Resyncs):
            port.on_resync(lambda cause: self.log.add(Back(self.clock.monotonic(), cause)))

    def back(self) -> CutCause | None:
        """Why the ACD was away, if the adapter has said that it is back."""
        return next((entry.cause for entry in self.log.entries if isinstance(entry, Back)), None)

    @property
    def port(self) -> AcdPort:
        if self._port is None:
            raise InvariantBroken("kit_no_adapter", "The stand has not shown its adapter.")
        return self._port

    @property
    def can(self) -> AcdCapabilities:
        return self.port.capabilities(self.stand.queue)

    @property
    def anna(self) -> AgentId:
        return self.stand.agents[0]

    @property
    def ben(self) -> AgentId:
        return self.stand.agents[1]

    async def do(self, act: Act, call: "Call | None" = None, agent: AgentId | None = None) -> None:
        """Ask the stand."""
        contact_id = call.contact_id if call is not None else None
        self.log.add(Done(self.clock.monotonic(), " ".join(filter(None, [act.value, contact_id, agent]))))
        await self.stand.do(act, contact_id, agent)

    async def ask(
        self,
        command: str,
        contact_id: ContactId | None,
        doing: Callable[[], Awaitable[T]],
        detail: str = "",
        offer_id: OfferId | None = None,
    ) -> T:
        """Give the adapter a command and write it down. Missed when it does not return in time."""
        self.log.add(Asked(self.clock.monotonic(), command, contact_id, detail, offer_id))
        try:
            async with asyncio.timeout(COMMAND_S):
                result = await doing()
        except TimeoutError:
            raise Missed(f"the command {command} did not return within {COMMAND_S:g} s") from None
        self.log.add(Asked(self.clock.monotonic(), command, contact_id, detail, offer_id, returned=True))
        return result

    # ------------------------------------------------------------ agents

    async def ready(self, *agents: AgentId) -> None:
        for agent_id in agents:
            self._ready_since[agent_id] = self.clock.now()
            if Act.READY in self.stand.can:
                await self.do(Act.READY, agent=agent_id)
            await self.seat(agent_id, "ready")

    async def not_ready(self, agent_id: AgentId) -> None:
        if Act.NOT_READY in self.stand.can:
            await self.do(Act.NOT_READY, agent=agent_id)
        await self.seat(agent_id, "not_ready")

    async def seat(self, agent_id: AgentId | None, state: str) -> None:
        """Tell the adapter the state of an agent as the roster would. Nothing where it does not want to know."""
        if agent_id is None or not self.can.takes_agent_state:
            return
        position = AgentPosition(
            agent_id=agent_id,
            queues=(self.stand.queue,),
            state=state,
            reason=None,
            ready_since=self._ready_since[agent_id] if state == "ready" else None,
        )
        with contextlib.suppress(PortFailure):  # the gateway tells it again later
            await self.ask("set_agent_state", None, lambda: self.port.set_agent_state(position), f"{agent_id} {state}")

    # ------------------------------------------------------------ contacts

    async def enter(self, *, offerable: bool = True, priority: int = 0) -> "Call":
        """Offer a new contact."""
        offer = ContactOffer(
            contact_id=new_contact_id(),
            site="acd-kit",
            queue=self.stand.queue,
            language="en",
            priority=priority,
            queued_at=self.clock.now(),
            display_name="Conformance kit",
            offerable=offerable,
            correlation=new_correlation(),
            attributes={"kit": "yes"},
        )
        call = Call(self, offer)
        self.calls.append(call)
        await call.offered()
        return call

    async def quiet(self) -> None:
        """Long enough for what must not come to come."""
        await asyncio.sleep(self.stand.quiet_s)

    async def until(self, found: Callable[[], T | None], what: str) -> T:
        return await self.log.until(found, what, self.stand.wait_s)

    async def tidy(self) -> None:
        """End what the scenario left open, as the gateway does when it stops; then the ACD has none of it."""
        for call in self.calls:
            await call.over()
        for call in self.calls:
            await call.gone()

    async def leave_nothing(self) -> None:
        """A real ACD keeps what a scenario that failed has left there: end it as far as it goes."""
        for call in self.calls:
            with contextlib.suppress(GatewayError, Missed, TimeoutError):
                async with asyncio.timeout(CLEAN_UP_S):
                    await call.over()


class Call:
    """One contact, as the gateway has it."""

    def __init__(self, room: Room, offer: ContactOffer) -> None:
        self._room = room
        self.offer = offer
        self.contact_id = offer.contact_id
        self.ref = AcdRef("")
        self.agent: AgentId | None = None
        self.talking = False
        self.closed = False
        self._answered: set[OfferId] = set()

    # ------------------------------------------------------------ what was said

    @property
    def events(self) -> Sequence[AcdEvent]:
        return self._room.log.said_of(self.contact_id)

    def bodies(self, *kinds: type[T]) -> list[T]:
        return self._room.log.bodies(self.contact_id, *kinds)

    async def says(self, kind: type[T], *, more_than: int = 0) -> T:
        """The next event of that kind: the one after `more_than` of them."""

        def found() -> T | None:
            told = self.bodies(kind)
            return told[more_than] if len(told) > more_than else None

        return await self._room.until(found, f"{kind.__name__} of {self.contact_id}")

    def rung(self) -> Reserved | None:
        """The last offer that we have not answered and the ACD has not taken back."""
        ringing: Reserved | None = None
        for event in self.events:
            body = event.body
            if isinstance(body, Reserved):
                ringing = body
            elif isinstance(body, Rejected | NoAnswer | Accepted):
                ringing = None if ringing is not None and body.offer_id == ringing.offer_id else ringing
            elif isinstance(body, Connected | Abandoned | QueueExit | Ended):
                ringing = None
        return ringing if ringing is not None and ringing.offer_id not in self._answered else None

    async def rings(self) -> Reserved:
        """An agent is rung; the roster has them reserved."""
        reserved = await self._room.until(self.rung, f"an offer of {self.contact_id}")
        self.agent = reserved.agent_id
        await self._room.seat(reserved.agent_id, "reserved")
        return reserved

    async def snapshot(self) -> ContactSnapshot | None:
        """What the ACD believes of it."""
        seen = await self._room.port.contacts([self.ref])
        return next((each for each in seen if each.contact_id == self.contact_id), None)

    async def phase_becomes(self, *wanted: Phase) -> None:
        """Missed when the ACD does not come to believe that in time."""
        room = self._room
        deadline = room.clock.monotonic() + room.stand.wait_s
        while True:
            seen = await self._seen()
            if seen in wanted:
                return
            if room.clock.monotonic() >= deadline:
                names = " or ".join(wanted)
                raise Missed(f"the ACD believes {self.contact_id} is {seen or 'unknown'}, and it is {names}")
            await asyncio.sleep(max(POLL_S, room.stand.quiet_s / 5))

    async def _seen(self) -> Phase | None:
        try:
            snapshot = await self.snapshot()
        except GatewayError:
            return None  # not just now
        return snapshot.phase if snapshot is not None else None

    # ------------------------------------------------------------ what we do

    async def offered(self) -> None:
        self.ref = await self._ask("offer", lambda: self._room.port.offer(self.offer), self.offer.correlation)

    async def accept(self, reserved: Reserved) -> None:
        """The agent took it in our panel."""
        self._answered.add(reserved.offer_id)
        await self._ask(
            "accept", lambda: self._room.port.accept(self.ref, reserved.offer_id), offer_id=reserved.offer_id
        )
        await self._room.seat(reserved.agent_id, "busy")

    async def decline(self, reserved: Reserved, reason: DeclineReason) -> None:
        """They did not."""
        self._answered.add(reserved.offer_id)
        if reserved.agent_id is not None:
            await self._room.not_ready(reserved.agent_id)
        await self._ask(
            "decline",
            lambda: self._room.port.decline(self.ref, reserved.offer_id, reason),
            reason.value,
            offer_id=reserved.offer_id,
        )
        self.agent = None

    async def media(self, ok: bool) -> None:
        await self._ask("confirm_media", lambda: self._room.port.confirm_media(self.ref, ok), str(ok))
        self.talking = ok

    async def claim(self, agent_id: AgentId) -> None:
        await self._ask("claimed", lambda: self._room.port.claimed(self.ref, agent_id), agent_id)
        self.agent = agent_id
        self.talking = True

    async def connect(self) -> None:
        """Until customer and agent talk, by whatever way the mode has."""
        room = self._room
        if room.can.mode is not AcdMode.CALL:
            await self.accept(await self.rings())
            await self.media(True)
            return
        if room.can.tells_agent:
            reserved = await self.rings()
            await room.do(Act.ANSWER, self, reserved.agent_id)
            await self.says(Connected)
            await self.claim(reserved.agent_id or room.anna)
            return
        if Act.ANSWER in room.stand.can:
            await room.do(Act.ANSWER, self, room.anna)
        await room.until(
            lambda: next((each for each in self.bodies(VoiceUp) if each.answered), None), f"voice of {self.contact_id}"
        )
        await self.claim(room.anna)

    async def hand_over(self, agent_id: AgentId) -> None:
        """An agent who was asked by the one who has it takes it over. A foreign ACD books them by that; ours is told
        who is busy."""
        await self._ask("claimed", lambda: self._room.port.claimed(self.ref, agent_id), agent_id)
        self.agent = agent_id
        if self._room.can.mode is AcdMode.OWN:
            await self._room.seat(agent_id, "busy")

    async def hold(self) -> None:
        await self._ask("hold", lambda: self._room.port.hold(self.ref))

    async def resume(self) -> None:
        await self._ask("resume", lambda: self._room.port.resume(self.ref))

    async def requeue(self, reason: str = "agent_lost") -> None:
        self.talking = False
        await self._ask("requeue", lambda: self._room.port.requeue(self.ref, reason), reason)

    async def transfer(self, mode: TransferMode, target: TransferTarget) -> None:
        await self._ask(
            "transfer", lambda: self._room.port.transfer(self.ref, mode, target), f"{mode.value} {target.value}"
        )

    async def cancel(self, reason: str = "abandoned") -> None:
        """The customer left before an agent had them."""
        self.closed = True
        await self._ask("cancel", lambda: self._room.port.cancel(self.ref, reason), reason)
        await self._release("ready")

    async def end(self, reason: str = "normal") -> None:
        """The call is over; the agent wraps up."""
        self.talking = False
        await self._ask("end", lambda: self._room.port.end(self.ref, reason), reason)
        await self._room.seat(self.agent, "working_after_call")

    async def wrap_up(self, disposition: str | None = "resolved") -> None:
        self.closed = True
        await self._ask(
            "complete_wrap_up", lambda: self._room.port.complete_wrap_up(self.ref, disposition), disposition or ""
        )
        await self._release("ready")

    async def _release(self, state: str) -> None:
        agent_id, self.agent = self.agent, None
        await self._room.seat(agent_id, state)

    async def over(self) -> None:
        """Closed by us if the ACD has not closed it, and wrapped up either way. Once."""
        if self.closed:
            return
        if any(isinstance(event.body, Abandoned | QueueExit) for event in self.events):
            self.closed = True
            return
        if not self.talking and not any(isinstance(event.body, Ended) for event in self.events):
            await self.cancel("kit")
            return
        if self.talking and not any(isinstance(event.body, Ended) for event in self.events):
            await self.end()
        await self.wrap_up()

    async def gone(self) -> None:
        """The ACD has it no more."""
        await self.phase_becomes(Phase.GONE)

    async def _ask(
        self, command: str, doing: Callable[[], Awaitable[T]], detail: str = "", offer_id: OfferId | None = None
    ) -> T:
        return await self._room.ask(command, self.contact_id, doing, detail, offer_id)
