"""A contact center in call mode: `AcdPort` over SIP calls of the media engine, one call to a queue per contact.

The ACD owns queue, routing and sound; the contact keeps the video and is claimed by the agent's panel, or told of by a
CTI feed. Which contacts there are is `register`'s to know, what happens to one is `call`'s, what travels with it is
`headers`'. A restarted gateway has no calls: whatever was dialled died with the media processes; `contacts` says so.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.acd.events import AcdEvent, AcdRef, AgentEvent, TargetKind, TransferMode, TransferTarget
from gateway.acd.port import (
    AcdCapabilities,
    AcdMode,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    CutCause,
    DeclineReason,
    Phase,
    QueueSnapshot,
)
from gateway.acd.sip.contact import House, SipContact
from gateway.acd.sip.feed import CtiFeed, FeedAbilities, FeedEvent
from gateway.acd.sip.figures import SipCounts, SipFigures
from gateway.acd.sip.hands import Limits
from gateway.acd.sip.headers import HEADERS_LIMIT, Wardrobe
from gateway.acd.sip.lines import Lines
from gateway.acd.sip.numbers import NumberPlan
from gateway.acd.sip.prober import Prober
from gateway.acd.sip.register import Register
from gateway.acd.sip.trunks import NoTrunk, Trunks
from gateway.base.clock import Clock
from gateway.base.deadlines import Deadlines
from gateway.base.errors import GatewayError, PortFailure, SetupError, StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config.acd_sip import SipAcdSettings
from media.port import EVENT, MediaEvent, MediaPort

_log = get_logger("acd")

WAITING_LIMIT: Final = 100
"""Contacts that wait for a free trunk; beyond it new ones are told that the ACD is full."""

HANG_UP_S: Final = 5.0
"""How long closing waits for calls to be hung up."""


class SipAcd:
    """See above. One per `[[acds]]` entry; `queues` are those that it serves."""

    def __init__(
        self,
        settings: SipAcdSettings,
        *,
        media: MediaPort,
        clock: Clock,
        queues: Sequence[str],
        on_alarm: Callable[[str, str], None],
        feed: CtiFeed | None = None,
    ) -> None:
        """SetupError (`acd_template`, `acd_header`, `acd_number_pattern`, `acd_number_missing`, `acd_trunk_twice`)."""
        self._settings = settings
        self._media = media
        self._clock = clock
        self._on_alarm = on_alarm
        self._feed = feed
        self._plan = NumberPlan(settings.numbers, settings.allow)
        for queue in queues:
            if self._plan.of_queue(queue) is None:
                raise SetupError("acd_number_missing", f"acds: {settings.name} has no number for the queue {queue}.")
        self._lines = Lines(settings)
        self._trunks = Trunks(settings.trunks)
        self._counts = SipCounts()
        self._supervisor = Supervisor(f"acd:{settings.name}")
        self._register = Register(clock, Deadlines(clock, self._supervisor), self._forgotten)
        self._prober = Prober(
            trunks=self._trunks,
            media=media,
            clock=clock,
            voice_trunk=self._lines.probed_trunk,
            changed=self._trunk_changed,
        )
        self._told_by_feed = feed.abilities() if feed is not None else FeedAbilities(tells_agent=False)
        limits = Limits(
            progress_s=settings.progress_timeout.total_seconds(),
            answer_s=settings.answer_timeout.total_seconds(),
            trunk_wait_s=settings.trunk_wait.total_seconds(),
            transfer_s=settings.transfer_timeout.total_seconds(),
            told_holds=self._told_by_feed.holds,
            told_places=self._told_by_feed.gives_position,
            told_agents=self._told_by_feed.tells_agent,
            identity_is_agent=settings.identity_is_agent,
        )
        self._house = House(
            name=settings.name,
            media=media,
            clock=clock,
            supervisor=self._supervisor,
            plan=self._plan,
            wardrobe=Wardrobe(settings),
            lines=self._lines,
            trunks=self._trunks,
            limits=limits,
            counts=self._counts,
            tell=lambda event: self._listener(event),
            own=self._register.own,
            changed=self._register.changed,
            prioritise=self._prioritise,
        )
        self._agents: dict[AgentId, str] = {}  # what the ACD calls those that are signed in
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self._agent_listener: Callable[[AgentEvent], None] = lambda _: None
        self._resync_listener: Callable[[CutCause], None] = lambda _: None
        self._moved: set[str] = set()  # correlations whose priority the feed was told
        self._was_cut = False
        self._started = False

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Listen, and begin to ask the trunks. SetupError (`acd_password`) when a password file can't be read."""
        await asyncio.to_thread(self._lines.read_passwords)
        self._media.events.on(EVENT, self._heard)
        self._started = True
        self._prober.start(self._supervisor)
        if self._feed is not None:
            self._feed.listen(self)
            await self._feed.start()

    async def aclose(self) -> None:
        """Hang up everything, then end. Idempotent; takes `HANG_UP_S` at most, and what the feed needs."""
        if not self._started:
            return
        for contact in self._register.all():
            contact.leave(closed=True)
        if self._register.legs:
            try:
                async with asyncio.timeout(HANG_UP_S):
                    await self._register.all_gone.wait()
            except TimeoutError:
                _log.warning("acd.calls_left", acd=self._settings.name, calls=self._register.legs)
        if self._heard in self._media.events.listeners(EVENT):
            self._media.events.remove_listener(EVENT, self._heard)
        if self._feed is not None:
            await self._feed.aclose()
        await self._supervisor.aclose()
        self._started = False  # not before: cut short, it is done by the next who asks

    def figures(self) -> SipFigures:
        return SipFigures(
            acd=self._settings.name,
            counts=self._counts,
            trunks=self._trunks.health(self._clock.monotonic()),
            waiting=len(self._register.waiting()),
        )

    # ------------------------------------------------------------ port: listening and looking

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        told = self._told_by_feed
        consult = self._settings.transfer == "refer"
        return AcdCapabilities(
            mode=AcdMode.CALL,
            gives_position=told.gives_position,
            gives_estimate=told.gives_estimate,
            keeps_deadlines=True,
            max_attribute_bytes=HEADERS_LIMIT,
            tells_agent=told.tells_agent or self._settings.identity_is_agent,
            holds=True,
            transfers=frozenset(TransferMode) if consult else frozenset({TransferMode.BLIND}),
            wraps_up=told.wraps_up,
            tells_agent_state=told.tells_agent_state,
            takes_agent_state=True,  # without a feed too: a transfer to an agent needs what the ACD calls them
        )

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        self._agent_listener = listener

    def on_resync(self, listener: Callable[[CutCause], None]) -> None:
        self._resync_listener = listener

    async def check(self) -> None:
        """PortFailure (`acd_unavailable`, `acd_full`)."""
        refusal = self._trunks.refusal(self._clock.monotonic())
        if refusal is NoTrunk.DOWN:
            raise PortFailure("acd_unavailable", "The contact center can't be reached now.")
        if refusal is NoTrunk.FULL and len(self._register.waiting()) >= WAITING_LIMIT:
            raise PortFailure("acd_full", "All lines to the contact center are taken.")

    async def snapshot(self, queue: str) -> QueueSnapshot:
        """Of the contacts that wait there for an agent, in the order they came; agents are the ACD's."""
        waiting = [
            contact.offer
            for contact in self._register.all()
            if contact.offer.queue == queue and contact.call.phase() is Phase.QUEUED
        ]
        ordered = sorted(waiting, key=lambda offer: offer.queued_at)
        return QueueSnapshot(queue=queue, waiting=tuple(offer.contact_id for offer in ordered), ready=())

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        """The call decides whether the contact is there; who has it is the feed's to say, while it answers."""
        told = await self._told_of(refs)
        return [told.get(ref) or self._seen(ref) for ref in refs]

    def _seen(self, ref: AcdRef) -> ContactSnapshot:
        contact = self._register.get(ref)
        phase = Phase.GONE if contact is None or contact.closed else contact.call.phase()
        return ContactSnapshot(contact_id=ContactId(ref), acd_ref=ref, phase=phase)

    async def _told_of(self, refs: Sequence[AcdRef]) -> dict[AcdRef, ContactSnapshot]:
        if self._feed is None or not self._feed.connected:
            return {}
        known = {ref: self._register.get(ref) for ref in refs}
        asked = {
            contact.offer.correlation: ref
            for ref, contact in known.items()
            if contact is not None and contact.offer.correlation and not contact.call.over
        }
        found: dict[AcdRef, ContactSnapshot] = {}
        for told in await self._feed.snapshot(list(asked)):
            told_ref = asked.get(told.correlation)
            if told_ref is not None and told.phase is not Phase.GONE:
                found[told_ref] = ContactSnapshot(
                    contact_id=ContactId(told_ref), acd_ref=told_ref, phase=told.phase, agent=told.agent
                )
        return found

    # ------------------------------------------------------------ port: commands

    async def offer(self, offer: ContactOffer) -> AcdRef:
        known = self._register.get(offer.contact_id)
        if known is not None and not known.closed and not known.call.over:
            return known.ref
        if known is not None:
            known.leave(closed=True)
        wanted = offer.attributes.get(self._settings.number_attribute, "") if self._settings.number_attribute else ""
        number = self._plan.of_queue(offer.queue, wanted)
        contact = SipContact(offer, number or "", self._house)
        self._register.add(contact)
        if number is None:
            self._on_alarm("acd_number_missing", f"The queue {offer.queue} has no number at {self._settings.name}.")
        contact.start()
        return contact.ref

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        """What was sent is sent; a call that follows (a transfer) carries the new ones."""
        contact = self._register.live(ref)
        if contact is not None:
            contact.update(attributes)

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        """The customer's network is gone for a while: the ACD goes on queueing, the agent will see and hear it."""

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        self._leave(ref)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        """The agent's telephone answers offers."""

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        """The agent's telephone answers offers."""

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        contact = self._register.live(ref)
        if contact is not None:
            contact.call.claimed(agent_id)

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        """Without a picture the telephone call goes on."""

    async def hold(self, ref: AcdRef) -> None:
        self._hold(ref, on=True)

    async def resume(self, ref: AcdRef) -> None:
        self._hold(ref, on=False)

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        """The agent's panel is lost, not the agent: they are on the telephone."""

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        """As the port says; also StateConflict (`number_not_allowed`)."""
        contact = self._register.live(ref)
        if contact is None:
            raise StateConflict("transfer_refused", "There is no call that could be transferred now.")
        if mode not in self.capabilities(contact.offer.queue).transfers:
            raise StateConflict("transfer_unsupported", "This contact center can't transfer in that way.")
        number = self._number_of(target)
        by_refer = self._settings.transfer == "refer"
        contact.transfer(mode, target, number, by_refer=by_refer)

    async def end(self, ref: AcdRef, reason: str) -> None:
        """Hang up. What the ACD still says of wrap-up is passed on until `complete_wrap_up`."""
        contact = self._register.live(ref)
        if contact is not None:
            contact.leave(closed=False)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        self._leave(ref)

    async def set_agent_state(self, position: AgentPosition) -> None:
        if position.state == "logged_off":
            self._agents.pop(position.agent_id, None)
        else:
            self._agents[position.agent_id] = position.ref or str(position.agent_id)
        if self._feed is not None and self._told_by_feed.takes_agent_state:
            await self._feed.set_agent_state(position)

    # ------------------------------------------------------------ what a feed tells

    def of_call(self, event: FeedEvent) -> None:
        contact = self._register.of_correlation(event.correlation)
        if contact is None:
            self._counts.unknown_events += 1
        else:
            contact.fed(event)

    def of_agent(self, event: AgentEvent) -> None:
        self._agent_listener(event)

    def cut(self) -> None:
        self._was_cut = True

    def resumed(self) -> None:
        """The first time there is nothing to reconcile: nothing was told before either."""
        if self._was_cut:
            self._was_cut = False
            self._resync_listener(CutCause.UNKNOWN)

    def _prioritise(self, contact: SipContact) -> None:
        """Once, when the feed has the call in a queue: before, there is nothing to move forward."""
        feed, offer = self._feed, contact.offer
        if feed is None or not self._told_by_feed.prioritises or not offer.priority or offer.correlation in self._moved:
            return
        self._moved.add(offer.correlation)

        async def ask() -> None:
            try:
                await feed.set_priority(offer.correlation, offer.priority)
            except GatewayError as error:
                _log.warning("acd.priority_not_set", contact_id=offer.contact_id, code=error.code)

        _ = self._supervisor.spawn(ask(), name=f"priority:{offer.contact_id}")

    # ------------------------------------------------------------ contacts

    def _leave(self, ref: AcdRef) -> None:
        contact = self._register.get(ref)
        if contact is not None:
            contact.leave(closed=True)

    def _hold(self, ref: AcdRef, *, on: bool) -> None:
        contact = self._register.live(ref)
        if contact is not None:
            contact.call.hold(on)

    def _number_of(self, target: TransferTarget) -> str:
        """StateConflict (`transfer_unsupported`, `number_not_allowed`)."""
        match target.kind:
            case TargetKind.NUMBER:
                return self._plan.of_transfer(target.value)
            case TargetKind.AGENT:
                return self._plan.of_transfer(self._agents.get(AgentId(target.value), ""))
            case TargetKind.QUEUE:
                number = self._plan.of_queue(target.value)
                if number is None:
                    raise StateConflict("transfer_unsupported", "That queue can't be called.")
                return number

    def _heard(self, event: MediaEvent) -> None:
        leg_id = getattr(event, "leg_id", None)
        contact = self._register.of_leg(leg_id) if leg_id is not None else None
        if contact is not None:
            contact.heard(event)

    def _forgotten(self, contact: SipContact) -> None:
        self._moved.discard(contact.offer.correlation)

    # ------------------------------------------------------------ trunks

    def _trunk_changed(self, name: str, there: bool) -> None:
        if there:
            self._register.look_at_trunks()
        else:
            self._on_alarm("acd_trunk_lost", f"The trunk {name} of {self._settings.name} does not answer.")
