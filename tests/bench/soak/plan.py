"""What a soak does, from the environment, and the few bounds its findings are held to."""

import os
from dataclasses import dataclass
from typing import Final

from tests.support.impairment import Impairment

NETWORKS: Final = {
    "good": Impairment(),
    "fair": Impairment(delay_ms=20, jitter_ms=8, loss=0.01),
    "poor": Impairment(delay_ms=50, jitter_ms=20, loss=0.03, reorder=0.01),
}
"""Each way. Nothing is lost on the good one, so whatever is missing there is ours."""

CUSTOMERS: Final = ("good", "fair", "good", "poor")
"""The networks of customers, in turn."""

SEATS: Final = ("good", "fair", "good", "poor", "good", "good")
"""The networks of agents, in turn: mostly an office's."""

WORKER_LOST_S: Final = 8.0
"""Calls of a worker that was killed are back within this."""

BACK_S: Final = 5.0
"""After the network is back, or the page: 95 of 100 within this."""

AT_LAST_S: Final = 20.0
"""And every one within this, or its contact is closed with a reason."""

GAP_S: Final = 1.5
"""Silence of a side that nothing was done to; shorter ones are the network's."""

NOTICED_S: Final = 0.5
"""Silence of a side that something was done to: from here on it counts as having been away."""

GROWTH: Final = 1.10
"""Of memory, descriptors and tasks: the mean of the last third over that of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`calls` at once, each talking between the two times."""

    minutes: float = float(os.environ.get("SOAK_MINUTES", "30"))
    calls: int = int(os.environ.get("SOAK_CALLS", "40"))
    fault_every_s: float = float(os.environ.get("SOAK_FAULT_S", "60"))
    talk_s: tuple[float, float] = (40.0, 150.0)
    workers: int = int(os.environ.get("SOAK_WORKERS", "2"))
    seed: int = int(os.environ.get("SOAK_SEED", "1"))
    precedence: str = os.environ.get("SOAK_PRECEDENCE", "none")
    """`rr` on a machine that has other work: the product and the robots come first, as in the other measurements."""
    disk_bytes: int = 2_000_000_000

    @property
    def seconds(self) -> float:
        return 60 * self.minutes
