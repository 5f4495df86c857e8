"""What a contact does to the world: journal, notices, and commands to media, ACD and recording, each in its lane.

It decides nothing. Results that matter come back to the mailbox as messages.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.acd.events import AcdRef, TransferMode, TransferTarget
from gateway.acd.port import AcdPort, ContactOffer, DeclineReason
from gateway.base.clock import Clock
from gateway.base.deadlines import Deadlines
from gateway.base.errors import GatewayError, StateConflict
from gateway.base.ids import AgentId, ContactId, LegId, OfferId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config import ContactSettings, SiteSettings
from gateway.contacts.chat import ChatPort
from gateway.contacts.fold import fold_contact
from gateway.contacts.journal import ContactHistoryPort, JournalEvent, JournalPort, JournalSource, JournalValue
from gateway.contacts.lanes import Lane, Lanes
from gateway.contacts.messages import (
    LegNotOpened,
    LegOpened,
    Message,
    OfferedAnew,
    PlaceIsKept,
    PlaceIsNotKept,
    SourceRefused,
    Tidied,
    TransferRefused,
)
from gateway.contacts.model import Contact, Role
from gateway.contacts.ports import (
    AgentsPort,
    CustomersPort,
    KeepOrder,
    MenuPort,
    PlacesPort,
    QualityPort,
    RecordingOrder,
    RecordingPort,
)
from gateway.contacts.views import Views
from gateway.parties import AgentNotice, AgentParty, CustomerNotice, CustomerParty, NoticePort, ReportMedia
from media.port import CloseLeg, Command, LegAnswer, MediaPort, MediaRefused, OpenLeg, SendDtmf, SetSource, Source

_log = get_logger("contact")

MEDIA_TIMEOUT_S: Final = 6.0
"""The media port answers within 5 s; one that does not is taken for broken."""

JOURNAL_LIMIT: Final = 2000
"""Events kept of one contact. Beyond it only changes of state are written: a leg that flaps must not fill the disk."""

ACD_TIMEOUT_S: Final = 10.0
RECORDING_TIMEOUT_S: Final = 10.0
"""Then the next command may come. This one goes on: cut short, a stop would leave the capture open for hours."""

PLACES_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Everything a contact reaches, handed in by the desk."""

    clock: Clock
    node: str  # this one's name: whose contacts these are
    settings: ContactSettings
    sites: Mapping[str, SiteSettings]
    media: MediaPort
    acd: AcdPort
    recording: RecordingPort
    journal: JournalPort
    history: ContactHistoryPort
    notices: NoticePort
    agents: AgentsPort
    quality: QualityPort
    lag_s: Callable[[], float]  # how late the event loop was of late
    menus: MenuPort
    views: Views
    deadlines: Deadlines
    supervisor: Supervisor
    alarm: Callable[[str, str, Contact | None], None]
    board_changed: Callable[[], None]
    claim_leg: Callable[[LegId, ContactId], None]  # events of this leg go to that contact
    release_leg: Callable[[LegId], None]
    issue_claim: Callable[[ContactId], str]  # a correlation id by which an agent's panel finds the contact
    end_claim: Callable[[ContactId], None]  # it leads nowhere any more
    ring_at: Callable[[AgentId, Contact], bool]  # the agent takes contacts, and no other rings there: this one does now
    rings_no_more: Callable[[AgentId], None]
    customers: CustomersPort | None = None
    places: PlacesPort | None = None
    chat: ChatPort | None = None  # without it lines live as long as their contact


class Effects:
    """The hands of one contact."""

    def __init__(self, contact: Contact, neighbours: Neighbours, post: Callable[[Message], None]) -> None:
        self._contact = contact
        self._n = neighbours
        self.post = post
        self._events: list[JournalEvent] = []
        self._ref: AcdRef | None = None
        self._lanes = Lanes(
            neighbours.supervisor,
            contact.contact_id,
            on_error=self._lane_failed,
            on_idle=lambda: post(Tidied()),
        )

    @property
    def idle(self) -> bool:
        """No command to a neighbour is under way."""
        return self._lanes.idle

    @property
    def depth(self) -> int:
        """Commands waiting for the slowest neighbour."""
        return self._lanes.depth

    # ------------------------------------------------------------ journal

    def journal(
        self,
        name: str,
        source: JournalSource,
        *,
        reason: str | None = None,
        data: Mapping[str, JournalValue] | None = None,
        state_changed: bool = False,
    ) -> None:
        """Append one event; a change of state also saves the row of the contacts list."""
        if len(self._events) >= JOURNAL_LIMIT and not state_changed:
            return
        contact = self._contact
        contact.seq += 1
        event = JournalEvent(
            contact_id=contact.contact_id,
            seq=contact.seq,
            name=name,
            at=self._n.clock.now(),
            mono_s=self._n.clock.monotonic(),
            source=source,
            state=contact.state.value,
            reason=reason,
            data=dict(data or {}),
        )
        self._events.append(event)
        self._n.journal.append(event)
        if state_changed:
            self._n.history.save(fold_contact(self._events))

    # ------------------------------------------------------------ people

    def tell_customer(self, notice: CustomerNotice | None) -> None:
        if notice is not None:
            self._n.notices.tell(CustomerParty(contact_id=self._contact.contact_id), notice)

    def tell_agent(self, notice: AgentNotice | None) -> None:
        """To the agent the contact rings at or is with; to nobody when there is none."""
        if notice is not None and self._contact.agent is not None:
            self._n.notices.tell(AgentParty(agent_id=self._contact.agent.agent_id), notice)

    def tell_second(self, notice: AgentNotice | None) -> None:
        """To the agent who is asked, if there is one."""
        if notice is not None and self._contact.second is not None:
            self._n.notices.tell(AgentParty(agent_id=self._contact.second.agent_id), notice)

    # ------------------------------------------------------------ media

    def open_leg(self, leg_id: LegId, sdp: str) -> None:
        async def job() -> None:
            try:
                answer = await self._execute(OpenLeg(leg_id=leg_id, sdp_offer=sdp, call_id=self._contact.contact_id))
            except MediaRefused as refusal:
                self.post(LegNotOpened(leg_id=leg_id, code=refusal.code, detail=refusal.detail))
                return
            except TimeoutError:
                self.post(LegNotOpened(leg_id=leg_id, code="media_timeout", detail="The media engine is too slow."))
                await self._execute(CloseLeg(leg_id=leg_id))
                return
            if isinstance(answer, LegAnswer):
                self.post(LegOpened(leg_id=leg_id, sdp=answer.sdp_answer))

        self._put(Lane.MEDIA, job)

    def close_leg(self, leg_id: LegId) -> None:
        """Behind what was asked for this leg before, but not in the way of what is asked of others: it may take 5 s."""

        async def job() -> None:
            await self._execute(CloseLeg(leg_id=leg_id))

        async def turn_off() -> None:
            self._put(f"closing {leg_id}", job)

        self._put(Lane.MEDIA, turn_off)

    def set_source(self, leg_id: LegId, source: Source) -> None:
        async def job() -> None:
            try:
                await self._execute(SetSource(leg_id=leg_id, source=source))
            except MediaRefused as refusal:
                self.post(SourceRefused(leg_id=leg_id, code=refusal.code))

        self._put(Lane.MEDIA, job)

    def press_keys(self, leg_id: LegId, keys: str) -> None:
        """Keys that can't be pressed any more (the call is over, or too many wait) are a line in the log."""

        async def job() -> None:
            try:
                await self._execute(SendDtmf(leg_id=leg_id, digits=keys))
            except MediaRefused as refusal:
                _log.info("contact.keys_refused", contact_id=self._contact.contact_id, leg_id=leg_id, code=refusal.code)

        self._put(Lane.MEDIA, job)

    async def _execute(self, command: Command) -> object:
        async with asyncio.timeout(MEDIA_TIMEOUT_S):
            return await self._n.media.execute(command)

    # ------------------------------------------------------------ ACD

    def enqueue(self, offer: ContactOffer) -> None:
        async def job() -> None:
            self._ref = await self._n.acd.offer(offer)

        self._put(Lane.ACD, job)

    def acd_offer_anew(self, offer: ContactOffer, reason: str) -> None:
        """Out of the hands of whoever had it, and into line again, perhaps at another ACD."""
        self.acd_end(reason)
        self.acd_complete(None)

        async def job() -> None:
            self._ref = None
            self.post(OfferedAnew())
            self._ref = await self._n.acd.offer(offer)

        self._put(Lane.ACD, job)

    def acd_transfer(self, mode: TransferMode, target: TransferTarget) -> None:
        async def job() -> None:
            ref = self._ref
            try:
                if ref is None:
                    raise StateConflict("transfer_refused", "The ACD does not have this contact.")
                async with asyncio.timeout(ACD_TIMEOUT_S):
                    await self._n.acd.transfer(ref, mode, target)
            except GatewayError as refusal:
                self.post(TransferRefused(code=refusal.code))
            except TimeoutError:
                self.post(TransferRefused(code="acd_timeout"))

        self._put(Lane.ACD, job)

    def acd_claimed(self, agent_id: AgentId) -> None:
        self._acd(lambda ref: self._n.acd.claimed(ref, agent_id))

    def acd_hold(self) -> None:
        self._acd(lambda ref: self._n.acd.hold(ref))

    def acd_resume(self) -> None:
        self._acd(lambda ref: self._n.acd.resume(ref))

    def acd_offerable(self, offerable: bool) -> None:
        self._acd(lambda ref: self._n.acd.set_offerable(ref, offerable))

    def acd_accept(self, offer_id: OfferId) -> None:
        self._acd(lambda ref: self._n.acd.accept(ref, offer_id))

    def acd_decline(self, offer_id: OfferId, reason: DeclineReason) -> None:
        self._acd(lambda ref: self._n.acd.decline(ref, offer_id, reason))

    def acd_confirm(self, ok: bool) -> None:
        self._acd(lambda ref: self._n.acd.confirm_media(ref, ok))

    def acd_requeue(self, reason: str) -> None:
        self._acd(lambda ref: self._n.acd.requeue(ref, reason))

    def acd_cancel(self, reason: str) -> None:
        self._acd(lambda ref: self._n.acd.cancel(ref, reason))

    def acd_end(self, reason: str) -> None:
        self._acd(lambda ref: self._n.acd.end(ref, reason))

    def acd_complete(self, disposition: str | None) -> None:
        self._acd(lambda ref: self._n.acd.complete_wrap_up(ref, disposition))

    def _acd(self, command: Callable[[AcdRef], Awaitable[None]]) -> None:
        async def job() -> None:
            if self._ref is not None:  # None: the ACD never took the contact; there is nothing to tell it
                async with asyncio.timeout(ACD_TIMEOUT_S):
                    await command(self._ref)

        self._put(Lane.ACD, job)

    # ------------------------------------------------------------ kept places

    def keep_place(self, order: KeepOrder) -> None:
        async def job() -> None:
            places = self._n.places
            if places is None:
                return
            try:
                async with asyncio.timeout(PLACES_TIMEOUT_S):
                    kept = await places.keep(order)
            except GatewayError as failure:
                self.post(PlaceIsNotKept(code=failure.code))
            except TimeoutError:
                self.post(PlaceIsNotKept(code="records_unavailable"))
            else:
                self.post(PlaceIsKept(notice=kept))

        self._put(Lane.PLACES, job)

    # ------------------------------------------------------------ recording

    def recording_begin(self, order: RecordingOrder) -> None:
        self._recording(lambda: self._n.recording.begin(order))

    def recording_attach(self, leg_id: LegId, role: str) -> None:
        """`role`: a `Role`'s value, or TELEPHONE."""
        self._recording(lambda: self._n.recording.attach(self._contact.contact_id, leg_id, role))

    def recording_mark(self, mark: str, detail: str = "") -> None:
        self._recording(lambda: self._n.recording.mark(self._contact.contact_id, mark, detail))

    def recording_shown(self, role: Role, shows: ReportMedia) -> None:
        kinds = {"audio": shows.audio, "video": shows.video, "screen": shows.screen}
        self._recording(lambda: self._n.recording.shown(self._contact.contact_id, role.value, kinds))

    def recording_consent(self, given: bool, notice_version: str, language: str) -> None:
        self._recording(lambda: self._n.recording.consent(self._contact.contact_id, given, notice_version, language))

    def recording_ask(self, action: str, by: str) -> None:
        self._recording(lambda: self._n.recording.ask(self._contact.contact_id, action, by=by))

    def recording_stop(self, reason: str) -> None:
        self._recording(lambda: self._n.recording.stop(self._contact.contact_id, reason))

    def _recording(self, command: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def job() -> None:
            name = f"{self._contact.contact_id}:recording:command"
            await self._n.supervisor.at_most(RECORDING_TIMEOUT_S, command(), name=name)

        self._put(Lane.RECORDING, job)

    # ------------------------------------------------------------ lanes

    def _put(self, lane: str, job: Callable[[], Awaitable[None]]) -> None:
        if not self._lanes.put(lane, job):
            _log.error("contact.lane_full", lane=lane)
            self._n.alarm("lane_full", f"The {lane} lane of a contact is full.", self._contact)

    def _lane_failed(self, lane: str, error: Exception) -> None:
        expected = isinstance(error, GatewayError | MediaRefused | TimeoutError)
        _log.error("contact.command_failed", lane=lane, error_type=type(error).__name__, exc_info=not expected)
        code = error.code if isinstance(error, GatewayError | MediaRefused) else "timeout" if expected else "error"
        kind = lane if lane in list(Lane) else Lane.MEDIA.value
        self._n.alarm(f"{kind}_failed", f"A command was not carried out: {code}.", self._contact)


def visitor_hash(visitor_key: str) -> str:
    """The visitor as the journal may know them: enough to see that two contacts are of the same browser."""
    return hashlib.blake2b(visitor_key.encode(), digest_size=16, person=b"visavis-visitor").hexdigest()
