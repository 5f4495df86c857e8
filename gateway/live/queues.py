"""The queues of our own ACD in the live state: tickets in line, agents in their seats, who is reserved for whom.

Keys: `queue:<q>:waiting` and `queue:<q>:ready` (sorted sets), `ticket:<contact>` and `seat:<agent>` (hashes),
`node:<n>:tickets` and `node:<n>:seats` (what `forget_node` clears). Every method is one script. All of it lives a day
at most after its last change, so that what a vanished node left behind goes by itself.
"""

from typing import Final

from gateway.acd.builtin.ports import Line, Seat, Ticket
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.live.store import Live, Script

LIFE_MS: Final = 24 * 3600 * 1000  # longer than any wait, call and shift together
MAX_LINE: Final = 10_000  # contacts and agents read of one queue

_COMMON: Final = (
    f"local p, life = KEYS[1], {LIFE_MS}"
    + """
local function ticket(c) return p .. 'ticket:' .. c end
local function seat(a) return p .. 'seat:' .. a end
local function waiting(q) return p .. 'queue:' .. q .. ':waiting' end
local function ready(q) return p .. 'queue:' .. q .. ':ready' end
local function kept(key) redis.call('PEXPIRE', key, life) end
local function get(key, field) return redis.call('HGET', key, field) or '' end
local function leave_ready(a)
  for q in string.gmatch(get(seat(a), 'queues'), '%S+') do redis.call('ZREM', ready(q), a) end
end
local function unreserve_ticket(c, a)
  if c ~= '' and get(ticket(c), 'agent') == a then redis.call('HDEL', ticket(c), 'agent', 'offer') end
end
local function unreserve_seat(a, c)
  if a ~= '' and get(seat(a), 'contact') == c then redis.call('HDEL', seat(a), 'contact', 'offer') end
end
local function drop_ticket(c)
  unreserve_seat(get(ticket(c), 'agent'), c)
  local q, n = get(ticket(c), 'queue'), get(ticket(c), 'node')
  redis.call('ZREM', waiting(q), c)
  redis.call('SREM', p .. 'node:' .. n .. ':tickets', c)
  redis.call('DEL', ticket(c))
end
local function drop_seat(a)
  leave_ready(a)
  unreserve_ticket(get(seat(a), 'contact'), a)
  redis.call('SREM', p .. 'node:' .. get(seat(a), 'node') .. ':seats', a)
  redis.call('DEL', seat(a))
end
"""
)

_PUT_TICKET = Script(
    _COMMON
    + """
local c, q, score, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local before_q, before_n = get(ticket(c), 'queue'), get(ticket(c), 'node')
if before_q ~= '' and before_q ~= q then redis.call('ZREM', waiting(before_q), c) end
if before_n ~= '' and before_n ~= node then redis.call('SREM', p .. 'node:' .. before_n .. ':tickets', c) end
redis.call('HSET', ticket(c), 'queue', q, 'score', score, 'node', node)
redis.call('ZADD', waiting(q), score, c)
redis.call('SADD', p .. 'node:' .. node .. ':tickets', c)
kept(ticket(c)) kept(waiting(q)) kept(p .. 'node:' .. node .. ':tickets')
return 1
"""
)

_DROP_TICKET = Script(_COMMON + "drop_ticket(ARGV[1]) return 1")

_PUT_SEAT = Script(
    _COMMON
    + """
local a, queues, state, reason, score, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
drop_seat(a)
redis.call('HSET', seat(a), 'queues', queues, 'state', state, 'reason', reason, 'ready', score, 'node', node)
redis.call('SADD', p .. 'node:' .. node .. ':seats', a)
kept(seat(a)) kept(p .. 'node:' .. node .. ':seats')
if score ~= '' then
  for q in string.gmatch(queues, '%S+') do
    redis.call('ZADD', ready(q), score, a)
    kept(ready(q))
  end
end
return 1
"""
)

_DROP_SEAT = Script(_COMMON + "drop_seat(ARGV[1]) return 1")

_RESERVE = Script(
    _COMMON
    + """
local q, c, a, offer = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if get(ticket(c), 'queue') ~= q or get(ticket(c), 'offer') ~= '' then return 0 end
if not redis.call('ZSCORE', waiting(q), c) or not redis.call('ZSCORE', ready(q), a) then return 0 end
leave_ready(a)
redis.call('HSET', ticket(c), 'agent', a, 'offer', offer)
redis.call('HSET', seat(a), 'contact', c, 'offer', offer, 'ready', '')
kept(ticket(c)) kept(seat(a))
return 1
"""
)

_RELEASE = Script(
    _COMMON
    + """
local c, offer = ARGV[1], ARGV[2]
if offer == '' or get(ticket(c), 'offer') ~= offer then return 0 end
unreserve_seat(get(ticket(c), 'agent'), c)
redis.call('HDEL', ticket(c), 'agent', 'offer')
return 1
"""
)

_LINE = Script(
    _COMMON
    + """
return {redis.call('ZRANGE', waiting(ARGV[1]), 0, ARGV[2]), redis.call('ZRANGE', ready(ARGV[1]), 0, ARGV[2])}
"""
)

_FORGET_NODE = Script(
    _COMMON
    + """
local tickets, seats = p .. 'node:' .. ARGV[1] .. ':tickets', p .. 'node:' .. ARGV[1] .. ':seats'
for _, c in ipairs(redis.call('SMEMBERS', tickets)) do drop_ticket(c) end
for _, a in ipairs(redis.call('SMEMBERS', seats)) do drop_seat(a) end
redis.call('DEL', tickets, seats)
return 1
"""
)


class LiveQueueStore:
    """`QueueStore` over the live state."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._keys = (live.key("acd", ""),)

    async def check(self) -> None:
        await self._live.check()

    async def put_ticket(self, ticket: Ticket) -> None:
        await self._live.run(
            _PUT_TICKET, self._keys, (ticket.contact_id, ticket.queue, repr(ticket.score), ticket.node)
        )

    async def drop_ticket(self, contact_id: ContactId) -> None:
        await self._live.run(_DROP_TICKET, self._keys, (contact_id,))

    async def put_seat(self, seat: Seat) -> None:
        score = "" if seat.ready_score is None else repr(seat.ready_score)
        await self._live.run(
            _PUT_SEAT,
            self._keys,
            (seat.agent_id, " ".join(seat.queues), seat.state, seat.reason or "", score, seat.node),
        )

    async def drop_seat(self, agent_id: AgentId) -> None:
        await self._live.run(_DROP_SEAT, self._keys, (agent_id,))

    async def reserve(self, queue: str, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId) -> bool:
        return bool(await self._live.run(_RESERVE, self._keys, (queue, contact_id, agent_id, offer_id)))

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> None:
        await self._live.run(_RELEASE, self._keys, (contact_id, offer_id))

    async def line(self, queue: str) -> Line:
        waiting, ready = await self._live.run(_LINE, self._keys, (queue, MAX_LINE - 1))
        return Line(
            queue=queue,
            waiting=tuple(ContactId(contact) for contact in waiting),
            ready=tuple(AgentId(agent) for agent in ready),
        )

    async def forget_node(self, node: str) -> None:
        await self._live.run(_FORGET_NODE, self._keys, (node,))
