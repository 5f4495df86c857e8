"""What is known of every call of a soak, and of everything that was done to it. Plain values; nothing here acts."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gateway.canary.media import Counts
from tests.support.robots import Robot


@dataclass(slots=True)
class Fault:
    """One thing that was done. `until_s` is when it was undone."""

    kind: str
    began_s: float
    until_s: float = float("inf")
    detail: str = ""


@dataclass(slots=True)
class Gap:
    """A side heard nothing between the two moments."""

    side: str
    from_s: float
    until_s: float
    fault: Fault | None = None


@dataclass(slots=True)
class Side:
    """One robot of a call as the monitor sees it."""

    name: str
    robot: Robot
    counts: Counts = field(default_factory=Counts)
    heard_s: float = 0.0


@dataclass(slots=True)
class Call:
    """From the click to the sealed recording."""

    number: int
    network: str
    """The customer's."""
    talk_s: float
    contact_id: str = ""
    state: str = "new"
    began_s: float = field(default_factory=time.monotonic)
    active_s: float = 0.0
    ended_s: float = 0.0
    sides: dict[str, Side] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    refused: str = ""
    """Not taken, with the gateway's words: it never was a contact."""
    error: str = ""
    """What a robot could not do."""
    contact: dict[str, Any] = field(default_factory=dict)
    """As the API told it in the end."""

    agent_networks: set[str] = field(default_factory=set)
    """Of everybody who took it."""
    faults: list[Fault] = field(default_factory=list)
    """Done to one of its sides."""

    @property
    def clean(self) -> bool:
        """Nothing is lost on its networks: whatever is missing is ours."""
        return {self.network} | self.agent_networks == {"good"}


@dataclass(slots=True)
class OfferSeen:
    """An offer as the agent's panel had it."""

    contact_id: str
    offer_id: str
    seat: int
    from_s: float
    until_s: float = float("inf")
    how: str = ""


@dataclass(slots=True)
class Violation:
    """Something promised that was not so."""

    what: str
    detail: str


@dataclass(slots=True)
class Log:
    """Everything of a soak."""

    calls: list[Call] = field(default_factory=list)
    by_contact: dict[str, Call] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    offers: list[OfferSeen] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    watched: int = 0
    """Calls on good networks beside a worker that was killed."""
    stood_still_s: float = 0.0
    """How long the robots' own process got no time of the machine."""
    refusals: Counter[str] = field(default_factory=Counter)
    """What agents' messages were refused for, by code."""

    def violate(self, what: str, detail: str) -> None:
        self.violations.append(Violation(what, detail))

    def during(self, *kinds: str, at_s: float, slack_s: float = 0.0) -> Fault | None:
        """A fault of these kinds that was going on then, or until `slack_s` before."""
        for fault in self.faults:
            if fault.kind in kinds and fault.began_s <= at_s <= fault.until_s + slack_s:
                return fault
        return None
