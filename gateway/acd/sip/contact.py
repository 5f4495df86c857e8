"""One contact at a call-mode ACD: the hands of its `QueueCall`. Orders go to the media engine one after the other, what
the engine and a feed say goes to the call, what the call tells becomes events in an envelope.

It decides nothing, and knows no other contact.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from gateway.acd.events import (
    RAW_LIMIT_BYTES,
    AcdEvent,
    AcdEventBody,
    AcdRef,
    Queued,
    Reserved,
    TransferFailed,
    TransferMode,
    Transferred,
    TransferTarget,
)
from gateway.acd.port import ContactOffer
from gateway.acd.sip.call import QueueCall
from gateway.acd.sip.feed import FeedEvent
from gateway.acd.sip.figures import SipCounts
from gateway.acd.sip.hands import Limits
from gateway.acd.sip.headers import Wardrobe
from gateway.acd.sip.lines import Lines
from gateway.acd.sip.numbers import NumberPlan
from gateway.acd.sip.orders import Orders
from gateway.acd.sip.states import SipCall
from gateway.acd.sip.trunks import Trunks
from gateway.base.clock import Clock
from gateway.base.ids import LegId, new_id, new_leg_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.port import (
    CloseLeg,
    DialVoice,
    HoldVoice,
    LegClosed,
    MediaEvent,
    MediaPort,
    ReferVoice,
    VoiceAnswered,
    VoiceHeld,
    VoiceIdentity,
    VoiceProgress,
    VoiceReferred,
)

_log = get_logger("acd")

SEEN_LIMIT: Final = 500
"""Events of a feed remembered per contact, so that a replay is told once."""

DETAIL_LIMIT: Final = 200
"""Characters of the other side's words that are passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all contacts of one ACD share."""

    name: str
    media: MediaPort
    clock: Clock
    supervisor: Supervisor
    plan: NumberPlan
    wardrobe: Wardrobe
    lines: Lines
    trunks: Trunks
    limits: Limits
    counts: SipCounts
    tell: Callable[[AcdEvent], None]
    own: Callable[[LegId, "SipContact"], None]  # events of that leg are this contact's
    changed: Callable[["SipContact"], None]  # after every input: look at deadlines, at what is over
    prioritise: Callable[["SipContact"], None]  # the feed has the call in a queue


class SipContact:
    """From its offer until it is closed and nothing of it is dialled. Implements `Hands` for its call."""

    def __init__(self, offer: ContactOffer, number: str, house: House) -> None:
        self.offer = offer
        self.closed = False  # by us: nothing is told any more
        self.legs: set[LegId] = set()  # whose events are ours; kept by the adapter
        self.call = QueueCall(
            number=number,
            trunks=house.trunks,
            hands=self,
            limits=house.limits,
            new_leg_id=new_leg_id,
            redirected=house.plan.of_redirection,
        )
        self._house = house
        self._orders = Orders(house.supervisor, f"call:{offer.contact_id}")
        self._dressing = house.wardrobe.dress(offer)
        for name in self._dressing.left_out:
            house.counts.headers_left_out[name] += 1
        self._seq = 0
        self._rung = 0  # agents it was offered to, as far as the feed tells
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._fed: FeedEvent | None = None  # what is being told comes from it

    @property
    def ref(self) -> AcdRef:
        return AcdRef(self.offer.contact_id)

    # ------------------------------------------------------------ what is asked

    def start(self) -> None:
        """Dial; without a number the ACD has refused it."""
        self.call.start(self._now())
        self._house.changed(self)

    def leave(self, *, closed: bool) -> None:
        """Hang up and tell nothing more; not `closed`: but of wrap-up."""
        self.closed = self.closed or closed
        self.call.leave(self._now())
        self._house.changed(self)

    def update(self, attributes: Mapping[str, str]) -> None:
        self.offer = replace(self.offer, attributes=dict(attributes))
        self._dressing = self._house.wardrobe.dress(self.offer)

    def transfer(self, mode: TransferMode, target: TransferTarget, number: str, *, by_refer: bool) -> None:
        """StateConflict, as `QueueCall.transfer`."""
        self.call.transfer(mode, target, number, self._now(), by_refer=by_refer)
        self._house.changed(self)

    # ------------------------------------------------------------ what is heard

    def heard(self, event: MediaEvent) -> None:
        """Something happened to one of its legs."""
        now_s = self._now()
        match event:
            case VoiceProgress(leg_id=leg_id, status=status, early_media=early):
                self.call.progressed(LegId(leg_id), status, early, now_s)
            case VoiceAnswered(leg_id=leg_id):
                self.call.answered(LegId(leg_id), now_s)
            case VoiceHeld(leg_id=leg_id, held=held):
                self.call.held(LegId(leg_id), held)
            case VoiceIdentity(leg_id=leg_id, display=display, uri=uri):
                raw = {"display": display[:DETAIL_LIMIT], "uri": uri[:DETAIL_LIMIT]}
                self.call.identified(LegId(leg_id), _user_of(uri), raw)
            case VoiceReferred(leg_id=leg_id, status=status, final=final):
                self.call.referred(LegId(leg_id), status, final, now_s)
            case LegClosed(leg_id=leg_id, reason=reason, sip_status=status, detail=detail):
                self.call.closed(LegId(leg_id), reason, status, detail[:DETAIL_LIMIT], now_s)
            case _:
                return
        self._house.changed(self)

    def fed(self, event: FeedEvent) -> None:
        """The feed told something of this contact's call; the same thing twice counts once."""
        if self.closed or event.event_id in self._seen:
            return
        self._seen[event.event_id] = None
        if len(self._seen) > SEEN_LIMIT:
            self._seen.popitem(last=False)
        self._fed = event
        try:
            self.call.fed(event.body, synthesized=event.synthesized, raw=event.raw)
        finally:
            self._fed = None
        if isinstance(event.body, Queued):
            self._house.prioritise(self)
        self._house.changed(self)

    # ------------------------------------------------------------ hands

    def dial(self, call: SipCall) -> None:
        house = self._house
        house.own(call.leg_id, self)
        house.counts.dialled[call.trunk] += 1
        command = DialVoice(
            leg_id=call.leg_id,
            call_id=self.offer.contact_id,
            to_uri=house.lines.address(call.trunk, call.number),
            headers=self._dressing.headers,
            trunk=house.lines.voice_trunk(call.trunk, self._dressing.caller, self._dressing.caller_name),
        )
        self._orders.put(
            partial(house.media.execute, command),
            done=partial(self._dialled, call.leg_id),
            failed=partial(self._not_dialled, call.leg_id),
        )

    def close(self, leg_id: LegId) -> None:
        self._orders.put(
            partial(self._house.media.execute, CloseLeg(leg_id=leg_id)),
            done=_nothing,
            failed=partial(self._refused, "close"),
        )

    def hold(self, leg_id: LegId, on: bool) -> None:
        if self._orders.full:
            _log.warning("acd.order_left_out", contact_id=self.offer.contact_id, order="hold")
            return
        self._orders.put(
            partial(self._house.media.execute, HoldVoice(leg_id=leg_id, on=on)),
            done=_nothing,
            failed=partial(self._refused, "hold"),
        )

    def refer(self, call: SipCall, number: str, replaces: LegId | None) -> None:
        command = ReferVoice(
            leg_id=call.leg_id,
            to_uri=self._house.lines.address(call.trunk, number),
            replaces_leg_id=replaces or "",
        )
        self._orders.put(
            partial(self._house.media.execute, command),
            done=_nothing,
            failed=partial(self._not_referred, call.leg_id),
        )

    def outcome(self, trunk: str, status: int) -> None:
        self._house.counts.outcomes[trunk, status] += 1

    def emit(self, body: AcdEventBody, *, synthesized: bool, raw: Mapping[str, str]) -> None:
        if self.closed:
            return
        if isinstance(body, Transferred):
            self._house.counts.transfers["done"] += 1
        elif isinstance(body, TransferFailed):
            self._house.counts.transfers["failed"] += 1
        fed, now = self._fed, self._house.clock.now()
        self._seq += 1
        self._rung += isinstance(body, Reserved)
        self._house.tell(
            AcdEvent(
                event_id=fed.event_id if fed is not None else new_id("ev"),
                contact_id=self.offer.contact_id,
                acd_ref=self.ref,
                seq=self._seq,
                occurred_at=fed.occurred_at if fed is not None else now,
                received_at=now,
                source=f"{self._house.name}.cti" if fed is not None else self._house.name,
                body=body,
                queue=self.offer.queue,
                attempt=self._rung,
                synthesized=synthesized,
                raw=_bounded(raw),
            )
        )

    # ------------------------------------------------------------ inside

    def _now(self) -> float:
        return self._house.clock.monotonic()

    def _dialled(self, leg_id: LegId) -> None:
        self.call.dialled(leg_id)
        self._house.changed(self)

    def _not_dialled(self, leg_id: LegId, code: str) -> None:
        _log.warning("acd.not_dialled", contact_id=self.offer.contact_id, leg_id=leg_id, code=code)
        if code in _UNCERTAIN:
            self.close(leg_id)
        self.call.not_dialled(leg_id, code, self._now(), trunk_is_sick=code in _TRUNK_CODES)
        self._house.changed(self)

    def _not_referred(self, leg_id: LegId, code: str) -> None:
        self._refused("refer", code)
        self.call.refer_refused(leg_id, self._now())
        self._house.changed(self)

    def _refused(self, order: str, code: str) -> None:
        _log.warning("acd.order_refused", contact_id=self.offer.contact_id, order=order, code=code)


_UNCERTAIN: Final = frozenset({"media_timeout", "media_failed"})
"""After these the engine may have dialled all the same."""

_TRUNK_CODES: Final = frozenset({"voice_unreachable", "voice_bad_trunk"})


def _nothing() -> None:
    pass


def _user_of(uri: str) -> str:
    """`1001` of `sip:1001@pbx.example`; empty when it is no such address."""
    scheme, _, rest = uri.strip(" <>").partition(":")
    user = rest.partition("@")[0].partition(";")[0]
    return user[:64] if scheme in {"sip", "sips", "tel"} and user.isascii() and user.isprintable() else ""


def _bounded(raw: Mapping[str, str]) -> dict[str, str]:
    """At most `RAW_LIMIT_BYTES`, the first fields first."""
    room = RAW_LIMIT_BYTES
    kept: dict[str, str] = {}
    for name, value in raw.items():
        room -= len(name.encode()) + len(value.encode()) + 8
        if room < 0:
            break
        kept[name] = value
    return kept
