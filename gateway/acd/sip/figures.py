"""What the operator sees of an ACD's trunks: counted here, shown by `gateway.metrics.sip`."""

from collections import Counter
from dataclasses import dataclass, field

from gateway.acd.sip.trunks import TrunkHealth


@dataclass(slots=True)
class SipCounts:
    """Since the start. Keys are trunks of the settings and SIP statuses: bounded by both."""

    dialled: Counter[str] = field(default_factory=Counter)  # by trunk
    outcomes: Counter[tuple[str, int]] = field(default_factory=Counter)  # trunk, final status; 0: none came
    headers_left_out: Counter[str] = field(default_factory=Counter)
    transfers: Counter[str] = field(default_factory=Counter)  # done, failed
    unknown_events: int = 0  # of a feed, about calls we do not have


@dataclass(frozen=True, slots=True, kw_only=True)
class SipFigures:
    """One look at one ACD."""

    acd: str
    counts: SipCounts
    trunks: tuple[TrunkHealth, ...]
    waiting: int  # contacts that wait for a free trunk
