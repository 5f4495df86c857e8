"""What the gateway believes of each contact that it gave to an ACD: who has it, under which ref, and how far it is.

Follows what is said and asked at the port; knows no adapter. Bounded: beyond `REMEMBERED` the contact heard of longest
ago is forgotten.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.acd.events import (
    Abandoned,
    Accepted,
    AcdEventBody,
    AcdRef,
    Connected,
    Ended,
    Held,
    NoAnswer,
    Queued,
    QueueExit,
    Rejected,
    Reserved,
    Resumed,
    Ringing,
    Transferred,
    WrapUpDone,
)
from gateway.acd.port import ContactOffer, Phase
from gateway.base.ids import ContactId, OfferId

REMEMBERED: Final = 20_000
NO_REF: Final = AcdRef("")
IN_LINE: Final = frozenset({Phase.QUEUED, Phase.RINGING})
IN_CALL: Final = frozenset({Phase.CONNECTED, Phase.HELD})


@dataclass(slots=True)
class Belief:
    """One contact. `ref` is the adapter's own; empty until it has taken the contact."""

    contact_id: ContactId
    name: str  # of the adapter it was last offered to
    ref: AcdRef = NO_REF
    offer: ContactOffer | None = None  # None: of an earlier life of this gateway
    phase: Phase = Phase.QUEUED
    offer_id: OfferId | None = None  # while it rings
    taken_id: OfferId | None = None  # of the offer that was accepted, until the media have confirmed it
    moved: bool = False  # transferred to an agent: a reservation that follows is theirs
    seq: int = 0  # of the last event that was passed on
    settled: dict[tuple[Phase, Phase], float] = field(default_factory=dict)  # ours, theirs → when it was last acted on

    def said(self, body: AcdEventBody) -> None:
        """The ACD said this of it."""
        match body:
            case Reserved(offer_id=offer_id) if self.phase in IN_LINE or (self.moved and self.phase in IN_CALL):
                self.phase, self.offer_id, self.moved = Phase.RINGING, offer_id, False
            case Transferred(agent=None) if self.phase in IN_CALL:
                self.phase, self.offer_id, self.taken_id = Phase.QUEUED, None, None
            case Transferred() if self.phase in IN_CALL:
                self.moved = True
            case Ringing() if self.phase is Phase.QUEUED:
                self.phase = Phase.RINGING
            case Rejected(offer_id=offer_id) | NoAnswer(offer_id=offer_id) if offer_id == self.offer_id:
                self.phase, self.offer_id = Phase.QUEUED, None
            case Rejected(offer_id=offer_id) if offer_id == self.taken_id and self.phase in IN_CALL:
                self.phase, self.taken_id = Phase.QUEUED, None  # it took back what was accepted already
            case Accepted(offer_id=offer_id) if offer_id == self.offer_id:
                self.phase, self.offer_id, self.taken_id = Phase.CONNECTED, None, offer_id
            case Connected() if self.phase is not Phase.GONE:
                self.phase, self.offer_id, self.taken_id, self.moved = Phase.CONNECTED, None, None, False
            case Queued() if self.phase is Phase.RINGING:
                self.phase, self.offer_id = Phase.QUEUED, None
            case Held() if self.phase is Phase.CONNECTED:
                self.phase = Phase.HELD
            case Resumed() if self.phase is Phase.HELD:
                self.phase = Phase.CONNECTED
            case Ended() if self.phase is not Phase.GONE:
                self.phase = Phase.WRAP_UP
            case Abandoned() | QueueExit() | WrapUpDone():
                self.phase = Phase.GONE
            case _:
                pass

    def asked(self, command: str, offer_id: OfferId | None = None) -> None:
        """The gateway asked this of the ACD."""
        match command:
            case "accept" if offer_id == self.offer_id:
                self.phase, self.offer_id, self.taken_id = Phase.CONNECTED, None, offer_id
            case "media_confirmed":
                self.taken_id = None
            case "decline" if offer_id == self.offer_id or (self.offer_id is None and self.phase is Phase.RINGING):
                self.phase, self.offer_id = Phase.QUEUED, None
            case "requeue" | "media_failed" if self.phase is not Phase.GONE:
                self.phase, self.offer_id, self.taken_id = Phase.QUEUED, None, None
            case "claimed" if self.phase is not Phase.GONE:
                self.phase, self.offer_id, self.moved = Phase.CONNECTED, None, False
            case "hold" if self.phase is Phase.CONNECTED:
                self.phase = Phase.HELD
            case "resume" if self.phase is Phase.HELD:
                self.phase = Phase.CONNECTED
            case "end" if self.phase is not Phase.GONE:
                self.phase = Phase.WRAP_UP
            case "cancel" | "complete_wrap_up":
                self.phase = Phase.GONE
            case _:
                pass


class Ledger:
    """All of them, by contact."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._beliefs: OrderedDict[ContactId, Belief] = OrderedDict()
        self._by_ref: dict[tuple[str, AcdRef], ContactId] = {}

    def __len__(self) -> int:
        return len(self._beliefs)

    def find(self, contact_id: ContactId) -> Belief | None:
        return self._beliefs.get(contact_id)

    def of_ref(self, name: str, ref: AcdRef) -> Belief | None:
        """The contact that this adapter has under that ref."""
        contact_id = self._by_ref.get((name, ref))
        return self._beliefs.get(contact_id) if contact_id is not None else None

    def took(self, belief: Belief, ref: AcdRef) -> None:
        """The adapter calls it by this ref."""
        belief.ref = ref
        self._by_ref[belief.name, ref] = belief.contact_id

    def held_by(self, name: str) -> Iterator[Belief]:
        """Those that were last offered to this adapter, oldest first."""
        return (belief for belief in list(self._beliefs.values()) if belief.name == name)

    def keep(self, contact_id: ContactId, name: str) -> Belief:
        """The contact is with this adapter from now on."""
        belief = self._beliefs.setdefault(contact_id, Belief(contact_id, name))
        if belief.name != name:
            self._by_ref.pop((belief.name, belief.ref), None)
            belief.name, belief.ref = name, NO_REF
        self._beliefs.move_to_end(contact_id)
        while len(self._beliefs) > self._limit:
            _, oldest = self._beliefs.popitem(last=False)
            self._by_ref.pop((oldest.name, oldest.ref), None)
        return belief
