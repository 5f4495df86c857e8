"""What the way to a listener can take, from how packets arrive there. Plain numbers in, plain numbers out; no packets.

Two signs of too much: a queue (the least delay of the last moments, above the least of the last seconds) and loss
beyond what the path loses anyway. While there is a queue, the rate of arrival *is* the capacity: the limit goes below
it until the queue is gone, then back to just below. Upwards it goes slowly by use, and at once by a probe
(`media.forward.probe`) that measured more. No limit is known (None) until the first sign.
"""

from collections import deque
from typing import Final

from media.forward.departures import Sample

LEAST_BPS: Final = 40_000
MOST_BPS: Final = 50_000_000
"""Rates beyond this are noise of the measurement."""

QUEUE_S: Final = 0.08
"""A longer queue than this is too much when it stays for `PATIENCE_S`; radio links and key frames make short ones."""

PATIENCE_S: Final = 0.15
DRAINED_S: Final = 0.04
LOSS: Final = 0.1
"""More loss than this, above what is usual on the path, is too much."""

CALM_QUEUE_S: Final = 0.03
CALM_LOSS: Final = 0.03

_RECENT_S: Final = 0.15
_RATE_S: Final = 0.4
_LOSS_S: Final = 1.0
_LOSS_PACKETS: Final = 20
_CUT_EVERY_S: Final = 2.0
_USUAL_DECAY: Final = 0.05
"""A second: what a path loses by itself is learned anew when it has become better."""

_BASE_S: Final = 8.0
_FLAT_S: Final = 2.0
"""A queue that does not shrink for so long, although much less is sent, is a longer path."""

_KEEP: Final = 0.92
_LEAP: Final = 4.0
"""The most that one probe may raise the limit: a short burst may pass where a stream doesn't."""

_GROWTH_PER_S: Final = 0.06
_CLOCK_JUMP_S: Final = 30.0


class Downlink:
    """One listener's."""

    __slots__ = (
        "_base",
        "_capacity_bps",
        "_cut",
        "_delays",
        "_episode_queue_s",
        "_episode_s",
        "_found",
        "_grown_s",
        "_losses",
        "_lost",
        "_most_bps",
        "_over_since_s",
        "_rates",
        "_received",
        "_usual_loss",
        "calm",
        "congested_s",
        "first_loss",
        "limit_bps",
        "loss",
        "queue_s",
        "rate_bps",
    )

    def __init__(self, most_bps: int) -> None:
        """Beyond `most_bps` no limit is of interest."""
        self._most_bps = most_bps
        self.limit_bps: int | None = None
        self.queue_s = 0.0
        self.loss = 0.0  # of the last second, less what came after all
        self.first_loss = 0.0  # with it
        self.rate_bps = 0.0  # of arrival
        self.calm = True
        """Nothing is amiss: most feedback may be skipped."""
        self.congested_s = -1e9  # when the last sign of too much was seen
        self._capacity_bps = 0.0
        self._delays: deque[tuple[float, float]] = deque()
        self._base: deque[tuple[float, float]] = deque()  # rising minima, of the last `_BASE_S`
        self._rates: deque[tuple[float, int]] = deque()
        self._losses: deque[tuple[float, int, int, int]] = deque()
        self._received = self._lost = self._found = 0  # sums of `_losses`
        self._usual_loss = 0.0
        self._cut: tuple[float, float, float] | None = None  # when, what was sent then, and the loss then
        self._over_since_s: float | None = None
        self._episode_s: float | None = None
        self._episode_queue_s = 0.0
        self._grown_s = 0.0

    def take(self, sample: Sample, now_s: float) -> None:
        """A feedback came."""
        self._measure_rate(sample)
        self._measure_queue(sample, now_s)
        self._measure_loss(sample, now_s)
        calm = self.limit_bps is None and self.queue_s < CALM_QUEUE_S and self.first_loss < CALM_LOSS
        if self.calm and not calm:
            self._rates.clear()  # what was skipped is missing in it
            self.rate_bps = 0.0
        self.calm = calm
        if self.queue_s <= QUEUE_S:
            self._over_since_s = None
        elif self._over_since_s is None:
            self._over_since_s = now_s
        if not self.rate_bps:
            return
        if self._over_since_s is not None and now_s - self._over_since_s >= PATIENCE_S:
            self._too_much_queue(now_s)
        elif self.loss > LOSS + self._usual_loss:
            self._too_much_loss(now_s)
        else:
            self._enough(now_s)

    def probed(self, rate_bps: float) -> bool:
        """A probe got through at this rate: whether that raised the limit."""
        limit = self.limit_bps
        if limit is None or rate_bps < 1.25 * limit or self.queue_s > QUEUE_S:
            return False
        self._raise(min(_KEEP * rate_bps, _LEAP * limit))
        return True

    def _raise(self, limit_bps: float) -> None:
        self.limit_bps = None if limit_bps >= self._most_bps else int(limit_bps)
        self._capacity_bps = max(self._capacity_bps, limit_bps / _KEEP)

    # ------------------------------------------------------------ measuring

    def _measure_rate(self, sample: Sample) -> None:
        if not sample.received:
            return
        at_s = sample.last_arrival_s
        rates = self._rates
        if rates and not 0 <= at_s - rates[-1][0] < _CLOCK_JUMP_S:
            if -1.0 < at_s - rates[-1][0] < 0:  # late ones: they count where the others are
                at_s = rates[-1][0]
            else:
                rates.clear()
                self._delays.clear()
                self._base.clear()
        rates.append((at_s, sample.octets))
        while len(rates) > 2 and at_s - rates[0][0] > _RATE_S:
            rates.popleft()
        span_s = at_s - rates[0][0]
        if span_s > 0.05:
            octets = sum(octets for _, octets in rates) - rates[0][1]
            self.rate_bps = min(MOST_BPS, octets * 8 / span_s)

    def _measure_queue(self, sample: Sample, now_s: float) -> None:
        delay_s = sample.least_delay_s
        if delay_s is None:
            return
        base = self._base
        while base and base[-1][1] >= delay_s:
            base.pop()
        base.append((now_s, delay_s))
        while now_s - base[0][0] > _BASE_S and len(base) > 1:
            base.popleft()
        delays = self._delays
        delays.append((now_s, delay_s))
        while now_s - delays[0][0] > _RECENT_S and len(delays) > 2:
            delays.popleft()
        self.queue_s = max(0.0, min(delay for _, delay in delays) - base[0][1])

    def _measure_loss(self, sample: Sample, now_s: float) -> None:
        losses = self._losses
        came = max(0, sample.received - sample.found)
        losses.append((now_s, came, sample.lost, sample.found))
        self._received += came
        self._lost += sample.lost
        self._found += sample.found
        while now_s - losses[0][0] > _LOSS_S and len(losses) > 1:
            _, received, lost, found = losses.popleft()
            self._received -= received
            self._lost -= lost
            self._found -= found
        sent = self._received + self._lost
        enough = sent >= _LOSS_PACKETS
        self.first_loss = self._lost / sent if enough else 0.0
        self.loss = max(0, self._lost - self._found) / sent if enough else 0.0
        if self.loss < self._usual_loss:
            self._usual_loss += (self.loss - self._usual_loss) * min(1.0, _USUAL_DECAY * 0.05)

    # ------------------------------------------------------------ deciding

    def _too_much_queue(self, now_s: float) -> None:
        if self._episode_s is None:
            self._episode_s, self._episode_queue_s = now_s, self.queue_s
        self.congested_s = now_s
        self._capacity_bps = self.rate_bps
        share = min(0.9, max(0.5, 0.95 - self.queue_s))
        wanted = int(max(LEAST_BPS, share * self.rate_bps))
        self.limit_bps = wanted if self.limit_bps is None else min(self.limit_bps, wanted)
        if now_s - self._episode_s > _FLAT_S and self.queue_s > 0.8 * self._episode_queue_s:
            self._base.clear()
            self._delays.clear()
            self._episode_s = self._over_since_s = None

    def _too_much_loss(self, now_s: float) -> None:
        """Send less; when that was done and the loss stayed, it is the path's own and sending less is no cure."""
        sent_bps = self.rate_bps / max(0.05, 1.0 - self.loss)
        if self._cut is not None:
            cut_s, cut_bps, cut_loss = self._cut
            if sent_bps < 0.85 * cut_bps and self.loss > 0.6 * cut_loss:
                self._usual_loss = self.loss
                self._cut = None
                return
            if now_s - cut_s < _CUT_EVERY_S:
                return
        self.congested_s = now_s
        self._cut = (now_s, sent_bps, self.loss)
        self._capacity_bps = self.rate_bps
        wanted = int(max(LEAST_BPS, 0.95 * self.rate_bps))
        self.limit_bps = wanted if self.limit_bps is None else min(self.limit_bps, wanted)

    def _enough(self, now_s: float) -> None:
        self._episode_s = None
        limit = self.limit_bps
        since_s, self._grown_s = now_s - self._grown_s, now_s
        if limit is None or self.queue_s > DRAINED_S:
            return
        if limit < _KEEP * self._capacity_bps:
            self._raise(_KEEP * self._capacity_bps)
        elif self.rate_bps > 0.7 * limit and now_s - self.congested_s > 1.0:
            self._raise(limit * (1 + _GROWTH_PER_S * min(1.0, max(0.0, since_s))))
