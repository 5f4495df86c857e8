"""The customer's packets put in order and in time for a telephone: what is played when, what is made up. Pure.

A browser sends Opus at the pace of its own clock over a network that delays; a telephone line takes sound at the pace
of ours. So the line *pulls*: `next_step` says what comes next at each pull: a packet, concealment for one that is
missing, or nothing to say. How long packets wait here is steered by *slack*, the time from a packet's arrival to its
turn: the least slack of the last seconds is kept between `LOW_S` and `HIGH_S` by playing a little faster or slower
(`Step.stretch`). That holds the delay as short as the network's jitter allows, and takes up the drift between the two
clocks by the way.

It knows no codec and no sample: packets are opaque, steps are in order, times are seconds of any steady clock.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

LOW_S: Final = 0.004
HIGH_S: Final = 0.009
"""Within these the delay is right: a packet is there when it is its turn, even when the turn comes a little early."""

START_S: Final = 0.012
"""The first packet waits this long: the pulls of the line are a tick apart, and come a little early or late."""

WINDOW_S: Final = 2.0
"""The least slack is taken over one to two of these: a jitter that comes back sooner keeps its allowance."""

MAX_STRETCH: Final = 0.04
"""Faster or slower by 4 % at most, less than a semitone; a clock's drift takes a hundredth of that."""

GAIN_PER_S: Final = 0.5
"""Share of speed per second of slack too much or too little: 10 ms off play 0.5 % faster."""

MAX_AHEAD_S: Final = 0.16
"""More than this waiting (a network that stood still gives it all at once): the oldest is left out down to `KEEP_S`."""

KEEP_S: Final = 0.03
MAX_PACKETS: Final = 100
"""Two seconds of 20 ms; of more the oldest is dropped."""

MAX_CONCEALED: Final = 5
"""Packets in a row that are made up, each from the one before and softer, or twice as many waits; then there is nothing
to say."""

MAX_GAP: Final = 1000
"""A jump in the numbers beyond this, either way, is another stream: begin anew."""


class Kind(Enum):
    PACKET = "packet"
    CONCEAL = "conceal"  # in place of a packet that never came: as long as the one before
    WAIT = "wait"  # until a packet comes that is late: as little as can be made up
    NOTHING = "nothing"  # until a packet comes


class Step(NamedTuple):
    kind: Kind
    payload: bytes = b""
    stretch: float = 0.0  # play it longer (> 0) or shorter by this share
    joined: bool = True  # to the step before; otherwise there is a break to be smoothed


@dataclass(slots=True)
class Counters:
    played: int = 0
    concealed: int = 0  # for packets that never came
    waited: int = 0  # made up until the next one came: the delay grew by that
    late: int = 0  # came after they had been made up, or twice
    left_out: int = 0  # thrown away because too many waited


_NOTHING: Final = Step(Kind.NOTHING, joined=False)
_CONCEAL: Final = Step(Kind.CONCEAL)
_WAIT: Final = Step(Kind.WAIT)


class Playout:
    """One stream's. `put` what comes, `next_step` at each pull."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._packets: dict[int, tuple[bytes, float, float]] = {}  # number → (payload, duration, arrival)
        self._waiting_s = 0.0  # of all packets together
        self._next: int | None = None  # number of the next packet to play; None before the first
        self._newest = 0
        self._concealed = 0  # in a row
        self._quiet = True  # nothing is being said
        self._begins_at_s = 0.0  # while quiet: not before
        self._slacks: deque[tuple[float, float]] = deque()  # (when, least slack): one for each half window
        self._jumped = False

    @property
    def waiting_s(self) -> float:
        """Sound that waits here."""
        return self._waiting_s

    def put(self, number: int, payload: bytes, duration_s: float, at_s: float) -> None:
        """A packet of `duration_s` arrived. `number`: its RTP sequence number, 16 bits."""
        number = self._extended(number)
        if self._next is not None and abs(number - self._next) > MAX_GAP:
            self.clear()
            self._next = None
        if self._next is None:
            self._next = self._newest = number
        if number < self._next or number in self._packets:
            self.counters.late += 1
            return
        if self._quiet and not self._packets:
            self._begins_at_s = at_s + START_S
        self._packets[number] = (payload, duration_s, at_s)
        self._waiting_s += duration_s
        self._newest = max(self._newest, number)
        if len(self._packets) > MAX_PACKETS or self._waiting_s > MAX_AHEAD_S:
            self._leave_out()

    def next_step(self, at_s: float) -> Step:
        """What to play now."""
        if not self._packets or self._next is None:
            return self._run_dry()
        if self._quiet:
            if at_s < self._begins_at_s:
                return _NOTHING
            self._quiet = False
            self._next = min(self._packets)
            return self._play(at_s, joined=False)
        if self._next not in self._packets:
            if self._concealed < MAX_CONCEALED:
                self._concealed += 1
                self._next += 1
                self.counters.concealed += 1
                return _CONCEAL
            self._next = min(self._packets)
            return self._play(at_s, joined=False)
        return self._play(at_s, joined=True)

    def clear(self) -> None:
        """Forget what waits; what comes next begins anew."""
        self._packets.clear()
        self._waiting_s = 0.0
        self._next = None
        self._concealed = 0
        self._quiet = True
        self._slacks.clear()

    # ------------------------------------------------------------ inside

    def _extended(self, number: int) -> int:
        """Without the wrap at 2^16: the one nearest to what was newest."""
        if self._next is None:
            return number
        step = (number - self._newest) & 0xFFFF
        return self._newest + (step if step < 0x8000 else step - 0x10000)

    def _play(self, at_s: float, *, joined: bool) -> Step:
        number = self._next
        if number is None:
            return _NOTHING
        payload, duration_s, arrived_s = self._packets.pop(number)
        self._waiting_s = self._waiting_s - duration_s if self._packets else 0.0
        self._next = number + 1
        self._note_slack(at_s - arrived_s, at_s)
        share = self._stretch(at_s)
        if share:
            # What is played longer now gives all that comes later more slack: what was noted is not steered for twice.
            self._slacks = deque((begun_s, least_s + share * duration_s) for begun_s, least_s in self._slacks)
        joined = joined and not self._jumped
        self._jumped = False
        self._concealed = 0
        self.counters.played += 1
        return Step(Kind.PACKET, payload, share, joined)

    def _stretch(self, at_s: float) -> float:
        least_s = self._least_slack(at_s)
        if least_s is None:
            return 0.0
        excess_s = max(0.0, least_s - HIGH_S) - max(0.0, LOW_S - least_s)
        return max(-MAX_STRETCH, min(MAX_STRETCH, -excess_s * GAIN_PER_S))

    def _run_dry(self) -> Step:
        """Nothing is there: the next packet is late, or nothing is sent any more."""
        if self._quiet:
            return _NOTHING
        if self._concealed < 2 * MAX_CONCEALED:
            self._concealed += 1
            self.counters.waited += 1
            return _WAIT
        self._quiet = True
        self._slacks.clear()
        return _NOTHING

    def _leave_out(self) -> None:
        for number in sorted(self._packets):
            if self._waiting_s <= KEEP_S:
                break
            _, duration_s, _ = self._packets.pop(number)
            self._waiting_s -= duration_s
            self._next = number + 1
            self.counters.left_out += 1
        self._jumped = True
        self._slacks.clear()

    def _note_slack(self, slack_s: float, at_s: float) -> None:
        if self._slacks and at_s - self._slacks[-1][0] < WINDOW_S:
            begun_s, least_s = self._slacks[-1]
            self._slacks[-1] = (begun_s, min(least_s, slack_s))
        else:
            self._slacks.append((at_s, slack_s))
            while len(self._slacks) > 2:
                self._slacks.popleft()

    def _least_slack(self, at_s: float) -> float | None:
        """Over one to two windows; None before there was a whole one."""
        if not self._slacks or (len(self._slacks) < 2 and at_s - self._slacks[0][0] < WINDOW_S / 4):
            return None
        return min(least_s for _, least_s in self._slacks)
