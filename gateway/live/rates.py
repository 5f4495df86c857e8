"""How often somebody may do something: token buckets, shared by all nodes, in one script.

When the live state is away each node counts for itself, in a table of bounded size: a limit that fails open is an
invitation, one that fails closed an outage.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.live.store import Live, Script

AWAY_S: Final = 1.0  # after a failure nobody waits for the live state again this long
MAX_LOCAL: Final = 10_000  # buckets counted by a node alone; over that the one unused longest is forgotten

_SPEND: Final = Script("""
local key, now = KEYS[1], tonumber(ARGV[1])
local capacity, per_ms, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local f = redis.call('HMGET', key, 'level', 'at')
local level, at = tonumber(f[1] or capacity), tonumber(f[2] or now)
level = math.min(capacity, level + math.max(0, now - at) * per_ms)
local need = math.max(cost, 0)
if cost == 0 then need = 1 end
local allowed = level >= need and 1 or 0
local wait = math.ceil((need - level) / per_ms)
if cost ~= 0 and allowed == 1 then
  level = math.min(capacity, level - cost)
  redis.call('HSET', key, 'level', string.format('%.6f', level), 'at', now)
  redis.call('PEXPIRE', key, math.max(1, math.ceil((capacity - level) / per_ms)))
end
return {allowed, math.max(0, wait)}
""")


@dataclass(frozen=True, slots=True)
class Rate:
    """Up to `times` at once, and `times` in every `per`."""

    times: int
    per: timedelta

    @property
    def per_ms(self) -> float:
        return self.times / (self.per / timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it may be done now; if not, after how many seconds."""

    allowed: bool
    retry_after_s: float


@dataclass(slots=True)
class _Bucket:
    level: float
    at_ms: int


class RateLimiter:
    """Spends from buckets by what is limited (`entry`, `sign_in`) and who. Never raises."""

    def __init__(self, live: Live, clock: Clock, *, max_local: int = MAX_LOCAL) -> None:
        self._live = live
        self._clock = clock
        self._max_local = max_local
        self._local: OrderedDict[str, _Bucket] = OrderedDict()
        self._away_until = float("-inf")

    async def spend(self, what: str, who: str, rate: Rate) -> Decision:
        """Count one; refused ones are not counted, so that patience is rewarded."""
        return await self._ask(what, who, rate, 1)

    async def look(self, what: str, who: str, rate: Rate) -> Decision:
        """Whether one more would be allowed, without counting it."""
        return await self._ask(what, who, rate, 0)

    async def give_back(self, what: str, who: str, rate: Rate) -> None:
        """Undo one `spend`: it turned out not to count."""
        await self._ask(what, who, rate, -1)

    async def _ask(self, what: str, who: str, rate: Rate, cost: int) -> Decision:
        digest = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:32]  # no address or name is stored
        key = self._live.key("rate", what, digest)
        now_ms = int(self._clock.now().timestamp() * 1000)
        if self._clock.monotonic() < self._away_until:
            return self._alone(key, now_ms, rate, cost)
        try:
            allowed, wait_ms = await self._live.run(_SPEND, (key,), (now_ms, rate.times, repr(rate.per_ms), cost))
        except PortFailure:
            self._away_until = self._clock.monotonic() + AWAY_S
            return self._alone(key, now_ms, rate, cost)
        return Decision(bool(allowed), int(wait_ms) / 1000)

    def _alone(self, key: str, now_ms: int, rate: Rate, cost: int) -> Decision:
        bucket = self._local.pop(key, None) or _Bucket(rate.times, now_ms)
        elapsed_ms = max(0, now_ms - bucket.at_ms)
        level = min(float(rate.times), bucket.level + elapsed_ms * rate.per_ms)
        need = 1 if cost == 0 else max(cost, 0)
        allowed = level >= need
        wait_ms = max(0.0, (need - level) / rate.per_ms)
        if allowed:
            level = min(float(rate.times), level - cost)
        self._local[key] = _Bucket(level, now_ms)
        while len(self._local) > self._max_local:
            self._local.popitem(last=False)
        return Decision(allowed, wait_ms / 1000)
