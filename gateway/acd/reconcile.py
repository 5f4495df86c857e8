"""After a cut: what the gateway believes of a contact against what the ACD believes, and what follows. Pure.

The table has a row for every pair of phases. Two people who talk are never parted because an ACD has forgotten them
while the media is ours; a contact that the ACD has and we don't is taken out there, so that no agent is offered it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.acd.port import AcdCapabilities, AcdMode, Phase


class Action(StrEnum):
    LEAVE = "left"  # listed, and nothing done
    CLOSE = "closed"  # the contact ends here, once
    OFFER = "offered_again"  # given to the ACD anew, with its original place
    REQUEUE = "requeued"  # the ACD puts it back in line
    WITHDRAW = "withdrawn"  # taken out at the ACD
    FOLLOW = "followed"  # what was missed is told to the contact, marked as made up


class Cause(StrEnum):
    """Why the two differ, as far as the pair of phases says it."""

    FORGOTTEN = "forgotten"  # the ACD does not have it any more
    KEPT = "kept"  # it ended here while the ACD could not hear of it
    OFFER_LOST = "offer_lost"  # it rang here, and does not there
    RINGING_MISSED = "ringing_missed"  # the other way round
    ANSWER_MISSED = "answer_missed"
    END_MISSED = "end_missed"
    HOLD_MISSED = "hold_missed"
    QUEUED_AGAIN = "queued_again"  # they talk, and the ACD has it in line


@dataclass(frozen=True, slots=True)
class Verdict:
    cause: Cause
    action: Action


_Q, _R, _C, _H, _W, _G = Phase.QUEUED, Phase.RINGING, Phase.CONNECTED, Phase.HELD, Phase.WRAP_UP, Phase.GONE

_AGREE: Final = None

TASK: Final[dict[tuple[Phase, Phase], Verdict | None]] = {
    (_Q, _Q): _AGREE,
    (_Q, _R): Verdict(Cause.RINGING_MISSED, Action.LEAVE),  # its own ringing ends by itself
    (_Q, _C): Verdict(Cause.ANSWER_MISSED, Action.REQUEUE),
    (_Q, _H): Verdict(Cause.ANSWER_MISSED, Action.REQUEUE),
    (_Q, _W): Verdict(Cause.END_MISSED, Action.OFFER),
    (_Q, _G): Verdict(Cause.FORGOTTEN, Action.OFFER),
    (_R, _Q): Verdict(Cause.OFFER_LOST, Action.FOLLOW),
    (_R, _R): _AGREE,
    (_R, _C): Verdict(Cause.ANSWER_MISSED, Action.FOLLOW),
    (_R, _H): Verdict(Cause.ANSWER_MISSED, Action.FOLLOW),
    (_R, _W): Verdict(Cause.END_MISSED, Action.OFFER),
    (_R, _G): Verdict(Cause.FORGOTTEN, Action.OFFER),
    (_C, _Q): Verdict(Cause.QUEUED_AGAIN, Action.WITHDRAW),
    (_C, _R): Verdict(Cause.QUEUED_AGAIN, Action.WITHDRAW),
    (_C, _C): _AGREE,
    (_C, _H): Verdict(Cause.HOLD_MISSED, Action.FOLLOW),
    (_C, _W): Verdict(Cause.END_MISSED, Action.CLOSE),
    (_C, _G): Verdict(Cause.FORGOTTEN, Action.LEAVE),
    (_H, _Q): Verdict(Cause.QUEUED_AGAIN, Action.WITHDRAW),
    (_H, _R): Verdict(Cause.QUEUED_AGAIN, Action.WITHDRAW),
    (_H, _C): Verdict(Cause.HOLD_MISSED, Action.FOLLOW),
    (_H, _H): _AGREE,
    (_H, _W): Verdict(Cause.END_MISSED, Action.CLOSE),
    (_H, _G): Verdict(Cause.FORGOTTEN, Action.LEAVE),
    (_W, _Q): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_W, _R): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_W, _C): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_W, _H): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_W, _W): _AGREE,
    (_W, _G): _AGREE,  # not every ACD keeps after-call work
    (_G, _Q): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_G, _R): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_G, _C): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_G, _H): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_G, _W): Verdict(Cause.KEPT, Action.WITHDRAW),
    (_G, _G): _AGREE,
}
"""(ours, the ACD's) → what follows, where the media is ours."""

CALL: Final[dict[tuple[Phase, Phase], Verdict | None]] = TASK | {
    (_Q, _C): Verdict(Cause.ANSWER_MISSED, Action.FOLLOW),
    (_Q, _H): Verdict(Cause.ANSWER_MISSED, Action.FOLLOW),
    (_Q, _W): Verdict(Cause.END_MISSED, Action.CLOSE),
    (_Q, _G): Verdict(Cause.FORGOTTEN, Action.CLOSE),
    (_R, _W): Verdict(Cause.END_MISSED, Action.CLOSE),
    (_R, _G): Verdict(Cause.FORGOTTEN, Action.CLOSE),
    (_C, _Q): Verdict(Cause.QUEUED_AGAIN, Action.LEAVE),  # the voice is in line again: the agent's panel may stay
    (_C, _R): Verdict(Cause.QUEUED_AGAIN, Action.LEAVE),
    (_C, _G): Verdict(Cause.FORGOTTEN, Action.CLOSE),
    (_H, _Q): Verdict(Cause.QUEUED_AGAIN, Action.LEAVE),
    (_H, _R): Verdict(Cause.QUEUED_AGAIN, Action.LEAVE),
    (_H, _G): Verdict(Cause.FORGOTTEN, Action.CLOSE),
}
"""The same where the voice is the ACD's: a call that is over there is over."""


def judge(ours: Phase, theirs: Phase, capabilities: AcdCapabilities) -> Verdict | None:
    """What follows from the two beliefs; None when they agree, or when the ACD can't know better."""
    verdict = (CALL if capabilities.mode is AcdMode.CALL else TASK)[ours, theirs]
    if verdict is not None and verdict.cause is Cause.HOLD_MISSED and not capabilities.holds:
        return None  # hold is ours: it does not have to know
    return verdict
