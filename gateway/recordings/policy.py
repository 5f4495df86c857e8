"""Whether a call is recorded, and what each side may ask for. Pure: settings and facts in, a decision out.

It knows queues by their id, and nothing of media, files or people's screens.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings.states import WRITING, RecordingState

AGENT: Final = "agent"
"""Who holds a pause: the agent."""

PAGE: Final = "page"
"""Who holds a pause: the customer's page, while a payment is entered."""

AGENT_LOST: Final = "agent_lost"
"""Who holds a pause: nobody is with the customer."""


class Policy(StrEnum):
    OFF = "off"
    ON_REQUEST = "on_request"
    NOTICE = "always_with_notice"
    CONSENT = "always_with_consent"


class Decision(StrEnum):
    """What follows at the bridge, or when somebody asks for a recording."""

    NOTHING = "nothing"
    ASK = "ask"
    START = "start"
    REFUSED = "refused"  # the customer said no before


class Action(StrEnum):
    """What can be asked of a recording. Each is idempotent."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class Policies:
    """The policy of each queue."""

    def __init__(self, settings: RecordingSettings, queues: Sequence[QueueSettings] = ()) -> None:
        self._general = Policy(settings.policy)
        self._own = {queue.id: Policy(queue.recording) for queue in queues if queue.recording is not None}

    def of(self, queue: str) -> Policy:
        """The queue's own policy, or the general one."""
        return self._own.get(queue, self._general)


def told_before(settings: RecordingSettings, queues: Sequence[QueueSettings]) -> str:
    """What a page says before the queue is known: `notice`, `ask`, or `off`.

    A customer who may end in a queue that records with notice sees the notice; whoever must be asked is asked in the
    call, whatever was shown here.
    """
    policies = Policies(settings, queues)
    found = {policies.of(queue.id) for queue in queues} or {Policy(settings.policy)}
    if Policy.NOTICE in found:
        return "notice"
    return "ask" if Policy.CONSENT in found else "off"


def decide(policy: Policy, *, notice_shown: bool, consent: bool | None, requested: bool = False) -> Decision:
    """What to do now. `consent` is the customer's answer so far; `requested`: somebody asked for a recording."""
    if policy is Policy.OFF or (policy is Policy.ON_REQUEST and not requested):
        return Decision.NOTHING
    if consent is False:
        return Decision.REFUSED
    if consent or (policy is Policy.NOTICE and notice_shown):
        return Decision.START
    return Decision.ASK


def agent_may(policy: Policy, state: RecordingState | None, pauses: Collection[str], consent: str) -> tuple[str, ...]:
    """What the agent's panel offers. `state`: of the latest recording of the contact, None: there is none."""
    found: list[Action] = []
    if state in WRITING:
        if not pauses:
            found.append(Action.PAUSE)
        elif set(pauses) == {AGENT}:
            found.append(Action.RESUME)
    if policy is Policy.ON_REQUEST:
        if state in WRITING or state is RecordingState.AWAITING_CONSENT:
            found.append(Action.STOP)
        elif consent not in ("refused", "withdrawn"):
            found.append(Action.START)
    return tuple(found)
