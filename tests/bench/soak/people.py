"""The robots of a soak: customers who come, talk and go, agents who take what rings as long as it lasts."""

import asyncio
import time

from gateway.canary.talk import CanaryFailure
from signaling.messages import (
    AcceptOffer,
    AgentState,
    Assigned,
    ContactState,
    Error,
    HangUp,
    MenuChoice,
    MenuNode,
    Message,
    Offer,
    OfferEnded,
    QueuePosition,
    SetReady,
    WrapUp,
    WrapUpStarted,
)
from tests.bench.soak.plan import AT_LAST_S
from tests.bench.soak.record import Call, Log, OfferSeen, Side
from tests.support.robots import Robot

STEP_S = 40.0
ANSWERED_S = 180.0
PAUSE_S = 0.5


async def visit(robot: Robot, call: Call, log: Log, until_s: float) -> None:
    """One customer's contact, from the click to the end of the call, which is before `until_s` (monotonic).

    What went wrong is written down, not raised.
    """
    try:
        async with asyncio.timeout(STEP_S):
            await robot.enter(f"Robot {call.number}")
    except (CanaryFailure, TimeoutError, OSError) as error:
        call.refused = str(error) or type(error).__name__
        return
    call.contact_id = robot.contact_id
    log.by_contact[call.contact_id] = call
    try:
        await _talk(robot, call, until_s)
    except CanaryFailure as error:
        call.error = str(error)
    except TimeoutError:
        call.error = f"nothing happened in state {call.state}"
    finally:
        call.ended_s = time.monotonic()
        call.sides.pop("customer", None)


async def _talk(robot: Robot, call: Call, until_s: float) -> None:
    talk = robot.talk
    async with asyncio.timeout(STEP_S):
        node = await talk.wait_for(MenuNode, lambda node: bool(node.options))
        await talk.send(MenuChoice(node_id=node.node_id, key=node.options[0].key))
        await talk.wait_for(QueuePosition)
    call.state = "queued"
    robot.join()
    async with asyncio.timeout(ANSWERED_S):
        await talk.wait_for(ContactState, lambda state: state.state == "active")
    call.state, call.active_s = "active", time.monotonic()
    call.sides["customer"] = Side("customer", robot)
    try:
        async with asyncio.timeout(min(call.talk_s, max(1.0, until_s - time.monotonic()))):
            ended = await talk.wait_for(ContactState, lambda state: state.state in ("wrap_up", "closed"))
            call.error = f"the contact ended by itself: {ended.end_reason or ended.state}"
            return
    except TimeoutError:
        call.state = "leaving"
    await talk.send(HangUp())
    async with asyncio.timeout(STEP_S + AT_LAST_S):
        await talk.wait_for(ContactState, lambda state: state.state in ("wrap_up", "closed"))


class Seat:
    """One robot agent. `serve` runs until cancelled and begins anew when the session is over."""

    def __init__(self, number: int, network: str, log: Log) -> None:
        self.number = number
        self.network = network
        self.ready = asyncio.Event()
        self._log = log
        self._call: Call | None = None

    async def serve(self, robot: Robot) -> None:
        """Sit down and do what the panel's person does, message by message."""
        await robot.sit_down(self.number)
        while True:
            message = await robot.talk.wait_for(Message)
            match message:
                case AgentState(state="not_ready"):
                    await self._part(robot)
                    await asyncio.sleep(PAUSE_S)
                    await robot.talk.send(SetReady())
                case AgentState(state="ready"):
                    await self._part(robot)
                    self.ready.set()
                case Offer():
                    seen = OfferSeen(message.contact_id, message.offer_id, self.number, time.monotonic())
                    self._log.offers.append(seen)
                    await robot.talk.send(AcceptOffer(offer_id=message.offer_id))
                case OfferEnded():
                    self._close_offer(message)
                case Assigned():
                    self._join(robot, message.contact_id)
                case WrapUpStarted():
                    await self._part(robot)
                    await robot.talk.send(WrapUp(disposition=message.dispositions[0]))
                case Error(code=code):
                    self._log.refusals[code] += 1

    def _join(self, robot: Robot, contact_id: str) -> None:
        call = self._log.by_contact.get(contact_id)
        if call is None or self._call is call:  # the second is a full view after a reload
            return
        self._call = call
        robot.join()
        call.agent_networks.add(self.network)
        call.sides["agent"] = Side("agent", robot)

    async def _part(self, robot: Robot) -> None:
        if self._call is not None:
            self._call.sides.pop("agent", None)
            self._call = None
            await robot.part()

    def _close_offer(self, ended: OfferEnded) -> None:
        for seen in self._log.offers:
            if seen.offer_id == ended.offer_id and seen.seat == self.number:
                seen.until_s, seen.how = time.monotonic(), ended.reason
