"""The stand: the ACD's other hand. It makes a simulated or a real ACD do what agents, queues and networks do.

One per adapter. It says what it can make happen (`can`); scenarios that need more are reported as not applicable.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol, runtime_checkable

from gateway.acd.events import TransferTarget
from gateway.acd.port import AcdCapabilities, AcdPort
from gateway.base.ids import AgentId, ContactId


class Act(StrEnum):
    """What may be asked of the ACD's side. `contact` and `agent` say of whom, where it is of somebody."""

    # an agent
    READY = "ready"
    NOT_READY = "not_ready"
    CRASH = "crash"  # their desktop or phone is gone without a word

    # an agent with a contact that rings or talks
    ANSWER = "answer"
    REJECT = "reject"
    RING_OUT = "ring_out"  # nobody answers until the ACD gives up
    HANG_UP = "hang_up"
    HOLD = "hold"
    RESUME = "resume"
    MOVE = "move"  # the agent transfers the contact to `agent`
    WRAP_UP = "wrap_up"  # after-call work begins
    WRAP_UP_DONE = "wrap_up_done"

    # the queue
    LET_GO = "let_go"  # its longest wait is over
    FULL = "full"  # it takes no contact from now on, because it is full
    REFUSE = "refuse"  # … because it does not want it
    SLOW = "slow"  # it answers commands late
    HANG_UP_AT_ONCE = "hang_up_at_once"  # it takes the next contact and ends it
    NEVER_CONNECT = "never_connect"  # it answers the next contact and brings nobody
    FAIL_TRANSFERS = "fail_transfers"  # transfers asked for from now on fail

    # what arrives
    REPEAT = "repeat"  # the last event once more
    SAY_OLD = "say_old"  # an event of an offer that is over
    SWAP = "swap"  # of the next two events the second arrives first
    LOSE = "lose"  # the next event never arrives
    SAY_UNKNOWN = "say_unknown"  # an event nobody knows
    SAY_MORE = "say_more"  # from now on events carry fields nobody knows
    SAY_STRANGER = "say_stranger"  # an event of a contact nobody knows
    SAY_NONSENSE = "say_nonsense"  # what can't be read
    CLOCK_WRONG = "clock_wrong"  # the ACD's clock is a year ahead

    # what lies between
    CUT = "cut"
    MEND = "mend"
    RESTART_ACD = "restart_acd"  # it forgets what it did not write down
    RESTART_GATEWAY = "restart_gateway"  # the adapter is gone and built again; `meet` is called with it


class Hand(StrEnum):
    """Who must take part at the ACD for a scenario to be played, besides what it asks for as acts."""

    NOBODY = "nobody"  # our side is enough
    AGENT = "agent"  # somebody serves the contact
    SIMULATOR = "simulator"  # no real ACD is to be troubled with it


class Stand(Protocol):
    """One scenario's ACD. Built fresh for each."""

    @property
    def adapter(self) -> str:
        """What `--adapter` names."""
        ...

    @property
    def queue(self) -> str: ...

    @property
    def agents(self) -> tuple[AgentId, ...]:
        """At least two, none of them ready."""
        ...

    @property
    def target(self) -> TransferTarget:
        """Where our transfers go: the second agent, or somebody else who answers."""
        ...

    @property
    def can(self) -> frozenset[Act]: ...

    @property
    def wait_s(self) -> float:
        """Something that must happen has happened within this."""
        ...

    @property
    def quiet_s(self) -> float:
        """Something that did not happen within this will not happen."""
        ...

    async def start(self, meet: Callable[[AcdPort], None]) -> None:
        """Bring up ACD and adapter. `meet` is called with each adapter before it says anything."""
        ...

    async def aclose(self) -> None:
        """End both and leave nothing behind. Idempotent."""
        ...

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        """Make it happen at the ACD; returns when the ACD has done it, not when the adapter has heard of it."""
        ...

    def said(self, contact: ContactId) -> Mapping[str, int] | None:
        """How often the ACD itself said each event (`Reserved`, …) of this contact; None where nobody counts."""
        ...


@runtime_checkable
class AtTarget(Protocol):
    """A stand whose ACD is a real one: it can't make everything happen, takes its time, and what was heard of it is
    evidence also where all is well. The others leave this out."""

    @property
    def limit_s(self) -> float:
        """A scenario has ended within this."""
        ...

    def not_run(self, needs: frozenset[Act], hand: Hand, capabilities: AcdCapabilities) -> str | None:
        """Why a scenario can't be played here; None when it can."""
        ...
