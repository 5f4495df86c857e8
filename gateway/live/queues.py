"""The queues of our own ACD in the live state: tickets, seats, who is held for whom, and the news of it.

Keys: `ticket:<contact>` and `seat:<agent>` (hashes: `data` is JSON, the other fields are what scripts compare; `since`
is the version from which a contact stands where it does in line, an agent serves the queues they serve),
`holds:<agent>` (contact → offer), `node:<n>:tickets` and `node:<n>:seats`, `nodes`, `lease:<n>`; `version`, `log`
(what changed, by version) and `floor` (the log goes back so far). Every method is one script; all that it changes has
one version. It all lives a day at most after its last change, so what a vanished node left behind goes by itself.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Final

from redis.exceptions import RedisError

from gateway.acd.builtin.ports import Hold, News, Seat, SeatRow, Ticket, TicketRow
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.base.log import get_logger
from gateway.live.store import Live, Script

_log = get_logger("live")

LIFE_MS: Final = 24 * 3600 * 1000  # longer than any wait, call and shift together
LISTEN_S: Final = 1.0  # a subscription is looked after, and renewed after a failure, this often
RINGS: Final = "ring"  # what `taken` says of a contact that rings at several: `agent` and `offer` are lists then
LOG_LIMIT: Final = 20_000  # changes kept; who is further behind reads everything

_COMMON: Final = (
    f"local p, life, log_limit = KEYS[1], {LIFE_MS}, {LOG_LIMIT}"
    + """
local version = nil
local function ticket(c) return p .. 'ticket:' .. c end
local function seat(a) return p .. 'seat:' .. a end
local function holds(a) return p .. 'holds:' .. a end
local function kept(key) redis.call('PEXPIRE', key, life) end
local function get(key, field) return redis.call('HGET', key, field) or '' end
local function has(key) return redis.call('EXISTS', key) == 1 end
local function current() return tonumber(redis.call('GET', p .. 'version') or '0') end
local function touch(member)
  if not version then
    if not has(p .. 'version') then
      local now = redis.call('TIME')
      local base = now[1] .. string.format('%06d', tonumber(now[2]))
      redis.call('SET', p .. 'version', base)
      redis.call('SET', p .. 'floor', base)
    end
    version = redis.call('INCR', p .. 'version')
  end
  redis.call('ZADD', p .. 'log', string.format('%.0f', version), member)
end
local function done()
  if not version then return current() end
  if redis.call('ZCARD', p .. 'log') > log_limit then
    local oldest = redis.call('ZRANGE', p .. 'log', 0, log_limit / 2, 'WITHSCORES')
    redis.call('SET', p .. 'floor', string.format('%.0f', tonumber(oldest[#oldest])))
    redis.call('ZREMRANGEBYRANK', p .. 'log', 0, log_limit / 2)
  end
  for _, key in ipairs({'version', 'floor', 'log', 'nodes'}) do kept(p .. key) end
  redis.call('PUBLISH', p .. 'news', string.format('%.0f', version))
  return version
end
local function words(text)
  local found = {}
  for word in string.gmatch(text, '%S+') do table.insert(found, word) end
  return found
end
local function freed(a, c)
  redis.call('HDEL', holds(a), c)
  if has(seat(a)) then touch('s:' .. a) end
end
local function anew(key) redis.call('HSET', key, 'since', string.format('%.0f', version)) end
local function newer(key, seen) return (tonumber(get(key, 'since')) or 0) > seen end
local function unhold(c)
  local agents = words(get(ticket(c), 'agent'))
  if #agents == 0 then return end
  redis.call('HDEL', ticket(c), 'agent', 'offer', 'taken')
  touch('t:' .. c)
  anew(ticket(c))
  for _, a in ipairs(agents) do freed(a, c) end
end
local function stop_at(a, c)
  local agents, offers, kept_a, kept_o = words(get(ticket(c), 'agent')), words(get(ticket(c), 'offer')), {}, {}
  for index, each in ipairs(agents) do
    if each ~= a then
      table.insert(kept_a, each)
      table.insert(kept_o, offers[index])
    end
  end
  if #kept_a == 0 then return unhold(c) end
  redis.call('HSET', ticket(c), 'agent', table.concat(kept_a, ' '), 'offer', table.concat(kept_o, ' '))
  touch('t:' .. c)
  freed(a, c)
end
local function drop_ticket(c)
  if not has(ticket(c)) then return end
  unhold(c)
  redis.call('SREM', p .. 'node:' .. get(ticket(c), 'node') .. ':tickets', c)
  redis.call('DEL', ticket(c))
  touch('t:' .. c)
end
local function end_ringing(a)
  for _, c in ipairs(redis.call('HKEYS', holds(a))) do
    if get(ticket(c), 'taken') ~= '1' then stop_at(a, c) end
  end
end
local function drop_seat(a)
  if not has(seat(a)) then return end
  end_ringing(a)
  redis.call('SREM', p .. 'node:' .. get(seat(a), 'node') .. ':seats', a)
  redis.call('DEL', seat(a))
  touch('s:' .. a)
end
local function of_node(key, kind, item, node)
  local before = get(key, 'node')
  if before ~= '' and before ~= node then redis.call('SREM', p .. 'node:' .. before .. kind, item) end
  redis.call('SADD', p .. 'node:' .. node .. kind, item)
  redis.call('SADD', p .. 'nodes', node)
  kept(p .. 'node:' .. node .. kind)
end
local function forget(node)
  local tickets, seats = p .. 'node:' .. node .. ':tickets', p .. 'node:' .. node .. ':seats'
  for _, c in ipairs(redis.call('SMEMBERS', tickets)) do drop_ticket(c) end
  for _, a in ipairs(redis.call('SMEMBERS', seats)) do drop_seat(a) end
  redis.call('DEL', tickets, seats, p .. 'lease:' .. node)
  redis.call('SREM', p .. 'nodes', node)
end
"""
)

_PUT_TICKET = Script(
    _COMMON
    + """
local c, data, queue, score, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local channel, open, agent, offer, taken = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local offers = words(offer)
if get(ticket(c), 'offer') ~= offer or get(ticket(c), 'agent') ~= agent then unhold(c) end
local stays = get(ticket(c), 'queue') == queue and get(ticket(c), 'score') == score and get(ticket(c), 'open') == open
of_node(ticket(c), ':tickets', c, node)
redis.call('HSET', ticket(c), 'data', data, 'queue', queue, 'score', score, 'node', node, 'channel', channel,
  'open', open)
if agent ~= '' then
  redis.call('HSET', ticket(c), 'agent', agent, 'offer', offer, 'taken', taken)
  for index, a in ipairs(words(agent)) do
    local new = redis.call('HSET', holds(a), c, offers[index]) == 1
    kept(holds(a))
    if new and has(seat(a)) then touch('s:' .. a) end
  end
end
kept(ticket(c))
touch('t:' .. c)
if not stays then anew(ticket(c)) end
return done()
"""
)

_DROP_TICKET = Script(_COMMON + "drop_ticket(ARGV[1]) return done()")

_PUT_SEAT = Script(
    _COMMON
    + """
local a, data, queues, state, ready, node, chats, beside =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local moved = has(seat(a)) and get(seat(a), 'queues') ~= queues
of_node(seat(a), ':seats', a, node)
redis.call('HSET', seat(a), 'data', data, 'queues', queues, 'ready', ready, 'node', node, 'chats', chats,
  'beside', beside)
if state == 'not_ready' then end_ringing(a) end
kept(seat(a))
touch('s:' .. a)
if moved then anew(seat(a)) end
return done()
"""
)

_DROP_SEAT = Script(_COMMON + "drop_seat(ARGV[1]) return done()")

_RESERVE = Script(
    _COMMON
    + """
local c, agents, offers, seen, now, mark = ARGV[1], words(ARGV[2]), words(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]
local rings = mark == 'ring' and get(ticket(c), 'taken') == 'ring'
local ours = {}
local queue, score, channel = get(ticket(c), 'queue'), tonumber(get(ticket(c), 'score')), get(ticket(c), 'channel')
if queue == '' or get(ticket(c), 'open') ~= '1' or (get(ticket(c), 'offer') ~= '' and not rings) then return 0 end
local function can(a)
  if get(seat(a), 'ready') == '' then return false end
  if not string.find(' ' .. get(seat(a), 'queues') .. ' ', ' ' .. queue .. ' ', 1, true) then return false end
  local videos, chats = 0, 0
  for _, held in ipairs(redis.call('HKEYS', holds(a))) do
    if held == c then return false end
    if get(ticket(held), 'channel') == 'video' then videos = videos + 1 else chats = chats + 1 end
  end
  local most, beside = tonumber(get(seat(a), 'chats')), tonumber(get(seat(a), 'beside'))
  if channel == 'video' then return videos == 0 and chats <= beside end
  if videos > 0 then most = beside end
  return chats < most
end
for _, a in ipairs(agents) do
  if not can(a) then return 0 end
  ours[a] = true
end
local function ahead(other)
  if other == c or get(ticket(other), 'queue') ~= queue then return false end
  local theirs = tonumber(get(ticket(other), 'score'))
  return theirs < score or (theirs == score and other < c)
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', p .. 'log', '(' .. string.format('%.0f', seen), '+inf')) do
  local kind, id = string.sub(member, 1, 1), string.sub(member, 3)
  if kind == 't' then
    if ahead(id) and get(ticket(id), 'offer') == '' and get(ticket(id), 'open') == '1' then return 0 end
  elseif not ours[id] and (get(seat(id), 'ready') == '' or newer(seat(id), seen)) then
    return 0
  elseif not ours[id] then
    for _, held in ipairs(redis.call('HKEYS', holds(id))) do
      if (not ahead(held) or newer(ticket(held), seen)) and not (rings and held == c) then return 0 end
    end
  end
end
local all_a, all_o = ARGV[2], ARGV[3]
if rings then
  all_a, all_o = get(ticket(c), 'agent') .. ' ' .. all_a, get(ticket(c), 'offer') .. ' ' .. all_o
end
redis.call('HSET', ticket(c), 'agent', all_a, 'offer', all_o, 'taken', mark)
kept(ticket(c))
touch('t:' .. c)
for index, a in ipairs(agents) do
  redis.call('HSET', holds(a), c, offers[index])
  redis.call('HSET', seat(a), 'offered', now)
  kept(seat(a)) kept(holds(a))
  touch('s:' .. a)
end
return done()
"""
)

_TAKE = Script(
    _COMMON
    + """
local c, offer = ARGV[1], ARGV[2]
if get(ticket(c), 'taken') ~= 'ring' then return 0 end
local agents, first = words(get(ticket(c), 'agent')), nil
for index, each in ipairs(words(get(ticket(c), 'offer'))) do
  if each == offer and not first then first = agents[index] end
end
if not first then return 0 end
redis.call('HSET', ticket(c), 'agent', first, 'offer', offer, 'taken', '')
touch('t:' .. c)
for _, a in ipairs(agents) do
  if a ~= first then freed(a, c) end
end
return done()
"""
)

_RELEASE = Script(
    _COMMON
    + """
local key, offer = ticket(ARGV[1]), ARGV[2]
if offer ~= '' and get(key, 'offer') == offer and get(key, 'taken') ~= 'ring' then unhold(ARGV[1]) end
return done()
"""
)

_NEWS = Script(
    _COMMON
    + """
local seen = tonumber(ARGV[1])
local at, floor = current(), tonumber(redis.call('GET', p .. 'floor') or '0')
local whole = seen < floor or seen > at
local changed_c, changed_a = {}, {}
if whole then
  for _, node in ipairs(redis.call('SMEMBERS', p .. 'nodes')) do
    for _, c in ipairs(redis.call('SMEMBERS', p .. 'node:' .. node .. ':tickets')) do table.insert(changed_c, c) end
    for _, a in ipairs(redis.call('SMEMBERS', p .. 'node:' .. node .. ':seats')) do table.insert(changed_a, a) end
  end
else
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', p .. 'log', '(' .. string.format('%.0f', seen), '+inf')) do
    local kind, id = string.sub(member, 1, 1), string.sub(member, 3)
    if kind == 't' then table.insert(changed_c, id) else table.insert(changed_a, id) end
  end
end
local tickets, gone_c, seats, gone_a = {}, {}, {}, {}
for _, c in ipairs(changed_c) do
  if has(ticket(c)) then
    local key = ticket(c)
    table.insert(tickets, {get(key, 'data'), get(key, 'agent'), get(key, 'offer'), get(key, 'taken')})
  else
    table.insert(gone_c, c)
  end
end
for _, a in ipairs(changed_a) do
  if has(seat(a)) then
    local held = {}
    for _, c in ipairs(redis.call('HKEYS', holds(a))) do
      table.insert(held, c)
      table.insert(held, get(ticket(c), 'channel'))
    end
    table.insert(seats, {get(seat(a), 'data'), get(seat(a), 'offered'), held})
  else
    table.insert(gone_a, a)
  end
end
return {at, whole and 1 or 0, tickets, gone_c, seats, gone_a}
"""
)

_RENEW = Script(
    _COMMON
    + """
local node = ARGV[1]
redis.call('SADD', p .. 'nodes', node)
redis.call('SET', p .. 'lease:' .. node, '1', 'PX', ARGV[2])
local ended = {}
for _, other in ipairs(redis.call('SMEMBERS', p .. 'nodes')) do
  if not has(p .. 'lease:' .. other) then
    forget(other)
    table.insert(ended, other)
  end
end
done()
return ended
"""
)

_FORGET_NODE = Script(_COMMON + "forget(ARGV[1]) return done()")

_TICKET_FIELDS: Final = tuple(each.name for each in fields(Ticket))
_SEAT_FIELDS: Final = tuple(each.name for each in fields(Seat))


class LiveQueueStore:
    """`QueueStore` over the live state."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._keys = (live.key("acd", ""),)

    async def check(self) -> None:
        await self._live.check()

    async def put_ticket(self, ticket: Ticket, hold: Hold | None = None, ring: tuple[Hold, ...] = ()) -> int:
        return await self._change(
            _PUT_TICKET,
            ticket.contact_id,
            json.dumps(asdict(ticket), separators=(",", ":")),
            ticket.queue,
            repr(ticket.score),
            ticket.node,
            ticket.channel,
            "1" if ticket.offerable and not ticket.callback else "",
            *_kept_for(hold, ring),
        )

    async def drop_ticket(self, contact_id: ContactId) -> int:
        return await self._change(_DROP_TICKET, contact_id)

    async def put_seat(self, seat: Seat) -> int:
        return await self._change(
            _PUT_SEAT,
            seat.agent_id,
            json.dumps(asdict(seat), separators=(",", ":")),
            " ".join(seat.queues),
            seat.state,
            "" if seat.ready_score is None else repr(seat.ready_score),
            seat.node,
            seat.chats,
            seat.chats_beside_video,
        )

    async def drop_seat(self, agent_id: AgentId) -> int:
        return await self._change(_DROP_SEAT, agent_id)

    async def reserve(
        self, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId, *, seen: int, now_s: float
    ) -> int:
        return await self._change(_RESERVE, contact_id, agent_id, offer_id, seen, repr(now_s), "")

    async def ring(self, contact_id: ContactId, more: Sequence[Hold], *, seen: int, now_s: float) -> int:
        agents, offers, mark = _kept_for(None, more)
        return await self._change(_RESERVE, contact_id, agents, offers, seen, repr(now_s), mark)

    async def take(self, contact_id: ContactId, offer_id: OfferId) -> int:
        return await self._change(_TAKE, contact_id, offer_id)

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> int:
        return await self._change(_RELEASE, contact_id, offer_id)

    async def news(self, seen: int) -> News:
        version, whole, tickets, gone_tickets, seats, gone_seats = await self._live.run(_NEWS, self._keys, (seen,))
        return News(
            version=int(version),
            whole=bool(whole),
            tickets=[_ticket_row(*row) for row in tickets],
            gone_tickets=[ContactId(contact) for contact in gone_tickets],
            seats=[_seat_row(*row) for row in seats],
            gone_seats=[AgentId(agent) for agent in gone_seats],
        )

    async def listen(self, told: Callable[[int], None]) -> None:
        channel = self._keys[0] + "news"
        while True:
            try:
                async with self._live.client.pubsub() as subscription:
                    await subscription.subscribe(channel)
                    while True:
                        message = await subscription.get_message(ignore_subscribe_messages=True, timeout=LISTEN_S)
                        if message is not None:
                            told(int(message["data"]))
            except (RedisError, OSError) as error:
                _log.warning("queues.not_listening", error_type=type(error).__name__)
                await asyncio.sleep(LISTEN_S)

    async def renew_lease(self, node: str, lease_s: float) -> tuple[str, ...]:
        ended = await self._live.run(_RENEW, self._keys, (node, round(lease_s * 1000)))
        return tuple(str(each) for each in ended)

    async def forget_node(self, node: str) -> int:
        return await self._change(_FORGET_NODE, node)

    async def _change(self, script: Script, *args: str | int | float) -> int:
        return int(await self._live.run(script, self._keys, args))


def _kept_for(hold: Hold | None, ring: Sequence[Hold]) -> tuple[str, str, str]:
    """The fields `agent`, `offer` and `taken` of a ticket: of one, or of all at whom it rings, in the same order."""
    if hold is not None:
        return hold.agent_id, hold.offer_id, "1" if hold.taken else ""
    return " ".join(each.agent_id for each in ring), " ".join(each.offer_id for each in ring), RINGS if ring else ""


def _ticket_row(data: str, agent: str, offer: str, taken: str) -> TicketRow:
    values = json.loads(data)
    known = {name: values[name] for name in _TICKET_FIELDS if name in values}
    known["skills"] = tuple((name, level) for name, level in known["skills"])
    known["visited"] = tuple(known["visited"])
    holds = tuple(
        Hold(agent_id=AgentId(one), offer_id=OfferId(its), taken=taken == "1")
        for one, its in zip(agent.split(), offer.split(), strict=True)
    )
    if taken == RINGS:
        return TicketRow(ticket=Ticket(**known), ring=holds)
    return TicketRow(ticket=Ticket(**known), hold=holds[0] if holds else None)


def _seat_row(data: str, offered: str, held: list[str]) -> SeatRow:
    values = json.loads(data)
    known = {name: values[name] for name in _SEAT_FIELDS if name in values}
    for name in ("queues", "languages"):
        known[name] = tuple(known[name])
    holds: Mapping[ContactId, str] = {
        ContactId(contact): channel for contact, channel in zip(held[::2], held[1::2], strict=True)
    }
    return SeatRow(seat=Seat(**known), holds=holds, offered_s=float(offered or 0.0))
