"""The ways to the ACD: which one the next call takes, how many it carries, and whether it works.

Pure: time is passed in. Two things take a trunk out: probes that stay unanswered (`probed`), and calls that fail by its
own fault several times in a row (the breaker). DNS, and several servers behind one name, are the SIP stack's affair.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.base.breaker import Breaker
from gateway.config.acd_sip import SipTrunkSettings

PROBES_MISSED: Final = 2
"""One lost datagram is no failure; two probes in a row are."""

PROBE_AGAIN_S: Final = 1.0
"""After a missed probe the next comes so soon; then twice as late each time, up to the usual interval."""

BREAKER_FAILURES: Final = 3
BREAKER_FIRST_S: Final = 5.0
BREAKER_LAST_S: Final = 300.0

UNAVAILABLE: Final = 503


class NoTrunk(StrEnum):
    """Why no trunk takes a call now."""

    FULL = "full"
    DOWN = "down"
    NONE_LEFT = "none_left"  # all were tried for this call


@dataclass(slots=True)
class _Trunk:
    settings: SipTrunkSettings
    breaker: Breaker = field(
        default_factory=lambda: Breaker(
            failures=BREAKER_FAILURES, first_pause_s=BREAKER_FIRST_S, last_pause_s=BREAKER_LAST_S
        )
    )
    busy: int = 0
    missed: int = 0  # probes in a row

    @property
    def reachable(self) -> bool:
        return self.missed < PROBES_MISSED


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkHealth:
    """One trunk as figures show it."""

    name: str
    calls: int
    capacity: int
    reachable: bool
    resting: bool  # the breaker leaves it alone


class Trunks:
    """All trunks of one ACD. Every `take` is followed by one `settle` (how the INVITE ended) and one `free`."""

    def __init__(self, settings: Iterable[SipTrunkSettings]) -> None:
        self._trunks = {trunk.name: _Trunk(trunk) for trunk in settings}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._trunks)

    def reachable(self, name: str) -> bool:
        """Whether its probes are answered."""
        return self._trunks[name].reachable

    def settings(self, name: str) -> SipTrunkSettings:
        return self._trunks[name].settings

    # ------------------------------------------------------------ calls

    def take(self, now_s: float, tried: Collection[str] = ()) -> str | NoTrunk:
        """The trunk of the next call: of the lowest priority that has room, the emptiest."""
        left = [trunk for name, trunk in self._trunks.items() if name not in tried]
        if not left:
            return NoTrunk.NONE_LEFT
        up = [trunk for trunk in left if trunk.reachable]
        room = [trunk for trunk in up if trunk.busy < trunk.settings.capacity]
        for trunk in sorted(room, key=lambda one: (one.settings.priority, one.busy / one.settings.capacity)):
            if trunk.breaker.admits(now_s):
                trunk.busy += 1
                return trunk.settings.name
        return NoTrunk.FULL if up and not room else NoTrunk.DOWN

    def settle(self, name: str, now_s: float, *, sick: bool | None) -> None:
        """How the INVITE ended as far as the trunk is concerned; None: nothing was learned (cancelled by us)."""
        breaker = self._trunks[name].breaker
        if sick is None:
            breaker.gave_up(now_s)
        elif sick:
            breaker.failed(now_s)
        else:
            breaker.succeeded(now_s)

    def free(self, name: str) -> None:
        """The call over that trunk is gone."""
        self._trunks[name].busy -= 1

    def refusal(self, now_s: float) -> NoTrunk | None:
        """Why a call could not be made now; None: it could. Takes nothing."""
        up = [trunk for trunk in self._trunks.values() if trunk.reachable and trunk.breaker.opens_in(now_s) == 0]
        if not up:
            return NoTrunk.DOWN
        return None if any(trunk.busy < trunk.settings.capacity for trunk in up) else NoTrunk.FULL

    # ------------------------------------------------------------ probes

    def probed(self, name: str, *, reachable: bool, status: int) -> float:
        """An OPTIONS was answered or not; returns in how many seconds to ask again. 503 is an answer that says no
        (RFC 3261 §21.5.4); every other final status says that somebody is there."""
        trunk = self._trunks[name]
        interval_s = trunk.settings.probe_interval.total_seconds()
        if reachable and status != UNAVAILABLE:
            trunk.missed = 0
            return interval_s
        trunk.missed += 1
        return float(min(interval_s, PROBE_AGAIN_S * 2 ** min(trunk.missed - 1, 20)))

    def health(self, now_s: float) -> tuple[TrunkHealth, ...]:
        return tuple(
            TrunkHealth(
                name=name,
                calls=trunk.busy,
                capacity=trunk.settings.capacity,
                reachable=trunk.reachable,
                resting=trunk.breaker.opens_in(now_s) > 0,
            )
            for name, trunk in self._trunks.items()
        )
