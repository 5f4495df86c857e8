"""The states of one SIP call of ours, as a table. What follows from a change is `gateway.acd.sip.call`.

Both ends may speak at once (a CANCEL crosses a 200, a BYE crosses a BYE, a re-INVITE crosses a REFER): what the table
has no entry for came too late or twice, and is passed over. Every call leaves through `Gone`, once.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.base.ids import LegId
from gateway.base.machine import Table


class SipState(StrEnum):
    DIALLING = "dialling"  # INVITE sent, nothing came back
    PROGRESSING = "progressing"  # 18x without sound
    EARLY = "early"  # sound before the answer
    ANSWERED = "answered"
    HELD = "held"  # by the other side
    REFERRED = "referred"  # our REFER is under way
    HELD_REFERRED = "held_referred"  # and the other side holds
    CLOSING = "closing"  # CANCEL or BYE of ours is under way
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Progressed:
    """180, 181, 182, 183."""


@dataclass(frozen=True, slots=True)
class SoundBegan:
    """Early media."""


@dataclass(frozen=True, slots=True)
class Answered:
    """200 OK to our INVITE."""


@dataclass(frozen=True, slots=True)
class PutOnHold:
    """A re-INVITE or UPDATE took our sound away."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """And gave it back."""


@dataclass(frozen=True, slots=True)
class ReferAsked:
    """We asked the other side to call somebody else."""


@dataclass(frozen=True, slots=True)
class ReferFailed:
    """It would not, or could not."""


@dataclass(frozen=True, slots=True)
class CloseAsked:
    """We hang up."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing is left of the call."""


SipEvent = Progressed | SoundBegan | Answered | PutOnHold | TakenBack | ReferAsked | ReferFailed | CloseAsked | Gone

_LEAVE: Final[dict[type, SipState]] = {CloseAsked: SipState.CLOSING, Gone: SipState.ENDED}

SIP_CALL: Final = Table(
    "SIP call",
    SipState,
    SipState.DIALLING,
    {
        SipState.DIALLING: {
            Progressed: SipState.PROGRESSING,
            SoundBegan: SipState.EARLY,
            Answered: SipState.ANSWERED,
            **_LEAVE,
        },
        SipState.PROGRESSING: {
            Progressed: SipState.PROGRESSING,
            SoundBegan: SipState.EARLY,
            Answered: SipState.ANSWERED,
            **_LEAVE,
        },
        SipState.EARLY: {Progressed: SipState.EARLY, Answered: SipState.ANSWERED, **_LEAVE},
        SipState.ANSWERED: {PutOnHold: SipState.HELD, ReferAsked: SipState.REFERRED, **_LEAVE},
        SipState.HELD: {TakenBack: SipState.ANSWERED, ReferAsked: SipState.HELD_REFERRED, **_LEAVE},
        SipState.REFERRED: {PutOnHold: SipState.HELD_REFERRED, ReferFailed: SipState.ANSWERED, **_LEAVE},
        SipState.HELD_REFERRED: {TakenBack: SipState.REFERRED, ReferFailed: SipState.HELD, **_LEAVE},
        SipState.CLOSING: {Answered: SipState.CLOSING, Gone: SipState.ENDED},  # CANCEL crossed the 200
        SipState.ENDED: {},
    },
)

ON_HOLD: Final = frozenset({SipState.HELD, SipState.HELD_REFERRED})

UP: Final = frozenset({SipState.ANSWERED, SipState.REFERRED}) | ON_HOLD
"""Answered and not yet over."""


@dataclass(slots=True, kw_only=True)
class SipCall:
    """One call over one trunk."""

    leg_id: LegId
    trunk: str
    number: str
    dialled_s: float
    state: SipState = field(default=SIP_CALL.initial)
    answered_s: float | None = None
    settled: bool = False  # the trunk was told how the INVITE did

    def happened(self, event: SipEvent) -> bool:
        """Change the state. False: it came too late or twice, and nothing changed."""
        if not SIP_CALL.allows(self.state, type(event)):
            return False
        self.state = SIP_CALL.next(self.state, event)
        return True

    @property
    def up(self) -> bool:
        return self.state in UP

    @property
    def referred(self) -> bool:
        """Our REFER is under way, or was carried out."""
        return self.state in (SipState.REFERRED, SipState.HELD_REFERRED)
