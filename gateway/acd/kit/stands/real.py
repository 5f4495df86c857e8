"""A stand before a real ACD's test queue: the adapter as the gateway runs it, and people's hands at the ACD.

How the adapter is built and what it needs of the process is a `Bench`, made by whoever puts the program together. The
bench lives for a whole run, the stand for one scenario.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.acd.events import AcdEvent, Offered, Queued, QueueExit, TargetKind, TransferTarget, VoiceUp
from gateway.acd.kit.hands import BY_HAND, Hands, not_by_itself
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Room
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import AcdCapabilities, AcdMode, AcdPort, AgentPosition
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, InvariantBroken, PortFailure, SetupError
from gateway.base.ids import AgentId, ContactId

ANNA: Final = AgentId("ag_kitanna0")
BEN: Final = AgentId("ag_kitben00")

QUIET_S: Final = 1.0
"""A real ACD and its network say within this what they say too much."""

LIMIT_S: Final = 60.0
"""For a scenario, besides what each hand may take."""

HANDS_OF_A_SCENARIO: Final = 6

WRONG_LOGIN: Final = frozenset({"401", "403", "407"})  # RFC 3261 §21.4.2, .4, .8
NO_SUCH_QUEUE: Final = frozenset({"404", "410", "484", "604"})
NO_ANSWER: Final = frozenset({"", "0", "408"})


class Adapter(AcdPort, Protocol):
    """An adapter with a life."""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A real ACD within reach. `open_` builds an adapter and starts it; it is called with what must be done before the
    adapter says anything. SetupError of `open_`: the target can't be used, and why."""

    adapter: str
    queue: str
    agents: tuple[str, ...]  # what the ACD calls them, for whoever is asked to be their hand
    open_: Callable[[Callable[[AcdPort], None]], Awaitable[Adapter]]
    may_restart: bool  # a gateway that is built anew finds what it has to find
    why_silent: Callable[[], SetupError | None]  # what is known of a target that took no contact


class RealStand:
    """A `Stand` and `AtTarget`. `wait_s`: how long the ACD may take for what must happen."""

    agents = (ANNA, BEN)
    quiet_s = QUIET_S

    def __init__(self, bench: Bench, hands: Hands, *, wait_s: float, patience_s: float) -> None:
        self.adapter = bench.adapter
        self.queue = bench.queue
        self.can: frozenset[Act] = frozenset()  # known when the adapter is there
        self.target = TransferTarget(kind=TargetKind.QUEUE, value=bench.queue)
        self.wait_s = wait_s
        self.limit_s = LIMIT_S + 2 * wait_s + (HANDS_OF_A_SCENARIO * patience_s if hands.there else 0.0)
        self._bench = bench
        self._hands = hands
        self._acd: Adapter | None = None
        self._meet: Callable[[AcdPort], None] = lambda _: None

    async def start(self, meet: Callable[[AcdPort], None]) -> None:
        self._meet = meet
        await self._begin()

    async def _begin(self) -> None:
        self._acd = await self._bench.open_(self._meet)
        capabilities = self._acd.capabilities(self.queue)
        self.can = can_at(capabilities, named=bool(self._bench.agents))
        if capabilities.takes_agent_state:
            for agent_id in self.agents:  # the scenario before may have left them ready
                with contextlib.suppress(PortFailure):
                    await self._acd.set_agent_state(_away(agent_id, self.queue))

    async def aclose(self) -> None:
        if self._acd is not None:
            await self._acd.aclose()
            self._acd = None  # not before: cut short, it is closed by the next who asks

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        """NoHand when nobody does it."""
        if act is Act.RESTART_GATEWAY:
            await self.aclose()
            await self._begin()
            return
        if act is Act.NEVER_CONNECT:
            return  # nobody is ready
        words = BY_HAND.get(act)
        if words is None:
            raise InvariantBroken("kit_cannot", f"This stand can't do {act}.")
        await self._hands.do(act, words.format(agent=self._called(agent)))

    def said(self, contact: ContactId) -> Mapping[str, int] | None:
        return None

    def not_run(self, needs: frozenset[Act], hand: Hand, capabilities: AcdCapabilities) -> str | None:
        ours = frozenset({Act.NEVER_CONNECT, *([Act.RESTART_GATEWAY] if self._bench.may_restart else [])})
        serving = can_at(capabilities, named=bool(self._bench.agents)) & {Act.READY, Act.ANSWER}
        return not_by_itself(needs, hand, ours, serving=serving, there=self._hands.there)

    def why_silent(self, exit_: AcdEvent | None = None) -> SetupError:
        """Why a contact was not taken, as far as the ACD or the bench says."""
        known = self._bench.why_silent()
        if known is not None:
            return known
        if exit_ is None:
            return SetupError(
                "kit_silent", f"The target took a contact and said nothing of it within {self.wait_s:g} s."
            )
        status, detail = exit_.raw.get("sip_status", ""), exit_.raw.get("detail", "")
        if status in WRONG_LOGIN:
            return SetupError("kit_login", f"The target refused our login: {status}. See VISAVIS_KIT_SECRET.")
        if status in NO_SUCH_QUEUE:
            return SetupError("kit_no_queue", f"The target has no such queue: {status}.")
        if status in NO_ANSWER:
            return SetupError("kit_unreachable", f"Nobody answers at the target{f': {detail}' if detail else ''}.")
        return SetupError("kit_refused", f"The target took no contact: {' '.join(filter(None, [status, detail]))}.")

    def _called(self, agent: AgentId | None) -> str:
        names = dict(zip(self.agents, self._bench.agents, strict=False))
        if agent is None:
            return "the agent"
        ordinal = "the second agent" if agent == BEN else "the first agent"
        return f"{ordinal} ({names[agent]})" if agent in names else ordinal


def can_at(capabilities: AcdCapabilities, *, named: bool) -> frozenset[Act]:
    """What hands are asked for there. `named`: we know what the ACD calls our agents, so that one whose state it takes
    from us is made ready by us; in task mode it may call them as we do. Where nobody is told to ring, whoever claims is
    the agent."""
    left_out: set[Act] = set()
    by_us = capabilities.takes_agent_state and (named or capabilities.mode is AcdMode.TASK)
    if by_us or not capabilities.tells_agent:
        left_out |= {Act.READY, Act.NOT_READY}
    if capabilities.mode is not AcdMode.CALL or not capabilities.tells_agent:
        left_out.add(Act.ANSWER)  # it is given in our panel, or by the queue
    return frozenset({*BY_HAND, Act.RESTART_GATEWAY} - left_out)


def _away(agent_id: AgentId, queue: str) -> AgentPosition:
    return AgentPosition(agent_id=agent_id, queues=(queue,), state="not_ready", reason="break", ready_since=None)


async def trial(stand: RealStand, clock: Clock) -> None:
    """One contact, to see whether there is a queue that takes it: what fails here would fail in every scenario.

    SetupError: `kit_login`, `kit_no_queue`, `kit_unreachable`, `kit_refused`, `kit_silent`, and those of the bench.
    """
    room = Room(stand, clock)
    try:
        await stand.start(room.meet)
        try:
            call = await room.enter()
            # That a call was offered is our own word; of a task it is the ACD's.
            answers = _ANSWERS if room.can.mode is AcdMode.CALL else (*_ANSWERS, Offered)
            heard = await room.until(
                lambda: next((each for each in call.events if isinstance(each.body, answers)), None), "an answer"
            )
        except Missed:
            raise stand.why_silent() from None
        except GatewayError as error:
            raise SetupError("kit_refused", f"The target took no contact: {error.detail}") from error
        if isinstance(heard.body, QueueExit):
            raise stand.why_silent(heard)
        await call.cancel("kit")
        await call.gone()
    except Missed as missed:
        raise SetupError("kit_refused", f"The target kept a contact that was cancelled: {missed}.") from missed
    finally:
        try:
            await room.leave_nothing()
        finally:
            await stand.aclose()


_ANSWERS: Final = (Queued, VoiceUp, QueueExit)
