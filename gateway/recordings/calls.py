"""One contact that is talked in: its legs, who wants a pause, what the customer answered, and its recordings so far.

And the rules of who may ask for what. It holds and judges; what is asked for is carried out by the service.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.base.errors import StateConflict
from gateway.base.ids import ContactId, LegId, RecordingId, new_recording_id
from gateway.recordings.live import Live
from gateway.recordings.policy import AGENT, PAGE, Action, Policy, agent_may
from gateway.recordings.port import BridgeOrder, RecordingRecord, RecordingView
from gateway.recordings.states import RECORDING, WRITING, RecordingState

MAX_PER_CONTACT: Final = 20
"""Stopped and started again more often, a contact is not recorded any more."""

BEGUN: Final = WRITING | {RecordingState.AWAITING_CONSENT}
"""A start that is asked for has happened already."""

_SHOWN: Final = {
    RecordingState.AWAITING_CONSENT: "awaiting_consent",
    RecordingState.STARTING: "off",
    RecordingState.ACTIVE: "on",
    RecordingState.PAUSED: "paused",
    RecordingState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the customer said, when, to which text in which language. `at` None: not known."""

    given: bool
    at: datetime | None
    notice_version: str
    language: str


@dataclass(slots=True, kw_only=True)
class OnCall:
    """`lock` is held by whoever changes the call or one of its recordings."""

    contact_id: ContactId
    order: BridgeOrder  # the newest
    policy: Policy = Policy.OFF
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    legs: dict[str, LegId] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)
    answer: Answer | None = None
    recordings: list[Live] = field(default_factory=list)

    @property
    def live(self) -> Live | None:
        """The latest recording, over or not."""
        return self.recordings[-1] if self.recordings else None

    @property
    def recording_id(self) -> RecordingId:
        """Of the latest; empty when there is none."""
        return self.live.recording_id if self.live is not None else RecordingId("")

    @property
    def view(self) -> RecordingView:
        state = self.live.state if self.live is not None else None
        refused = "refused" if self.answer is not None and not self.answer.given else ""
        return RecordingView(
            contact_id=self.contact_id,
            state=_SHOWN.get(state, "off") if state is not None else "off",
            by=self.live.by if self.live is not None else "policy",
            may=agent_may(self.policy, state, self.pauses, refused),
        )

    def new_recording(self, now: datetime, by: str) -> Live:
        """A recording that was asked for; the one before is not shown any more."""
        for earlier in self.recordings:
            earlier.superseded = True
        live = Live(
            RecordingRecord(
                recording_id=new_recording_id(),
                contact_id=self.contact_id,
                state=RECORDING.initial,
                consent="",
                notice_version=self.order.notice_version,
                requested_at=now,
                queue=self.order.queue,
                agent_id=self.order.agent_id,
                policy=self.policy.value,
                consent_at=self.order.consent_at,
                consent_language=self.order.language,
            ),
            lock=self.lock,
            legs=self.legs,
            pauses=self.pauses,
            policy=self.policy,
            by=by,
        )
        self.recordings.append(live)
        return live


def holder_of(by: str) -> str:
    """Who holds a pause that `by` asked for: all agents of a contact are one."""
    return AGENT if by.startswith(f"{AGENT}:") else by


def check(call: OnCall, action: Action, who: str) -> None:
    """StateConflict unless `who` may have `action` now."""
    if action in (Action.START, Action.STOP):
        if call.policy is Policy.OFF:
            raise StateConflict("recording_off", "Calls of this queue are not recorded.")
        if action is Action.STOP and call.policy is not Policy.ON_REQUEST:
            raise StateConflict("recording_required", "Calls of this queue are always recorded; pause it instead.")
    if action is Action.START:
        if call.answer is not None and not call.answer.given:
            raise StateConflict("recording_refused", "The customer does not want to be recorded.")
        if call.policy is not Policy.ON_REQUEST and call.live is not None and call.live.state not in BEGUN:
            raise StateConflict("recording_over", "The recording of this call is over.")
        if len(call.recordings) >= MAX_PER_CONTACT:
            raise StateConflict("recording_too_many", "This call was stopped and started too often to be recorded.")
    if action is Action.RESUME and who not in call.pauses and call.pauses:
        held = "while a payment is entered" if PAGE in call.pauses else "by somebody else"
        raise StateConflict("pause_held", f"The recording is kept paused {held}.")
