"""Signed-in sessions: an opaque id of 256 random bits in the browser, everything else here.

Only the SHA-256 of the id is stored, so that who reads the live state can't sign in with it. A session ends by its
absolute age, by idleness, or by being revoked; per account there is an index to revoke all of them. The times are
judged by the clock passed in; Redis only clears away what is over.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.base.clock import Clock
from gateway.base.ids import AccountId
from gateway.live.store import Live, Script

MAX_PER_ACCOUNT: Final = 20  # browsers and devices of one person; a further one ends the oldest

_CREATE: Final = Script("""
local session, index = KEYS[1], KEYS[2]
local digest, account, created, expires, idle, data, most = unpack(ARGV)
redis.call('HSET', session, 'account', account, 'created', created, 'seen', created, 'expires', expires,
           'idle', idle, 'data', data)
redis.call('PEXPIRE', session, math.min(expires - created, tonumber(idle)))
redis.call('ZREMRANGEBYSCORE', index, '-inf', created)
redis.call('ZADD', index, expires, digest)
for _, old in ipairs(redis.call('ZRANGE', index, 0, -1 - most)) do
  redis.call('DEL', string.sub(session, 1, #session - #digest) .. old)
  redis.call('ZREM', index, old)
end
if redis.call('PTTL', index) < expires - created then redis.call('PEXPIRE', index, expires - created) end
return 1
""")

_CHECK: Final = Script("""
local session, now, touch, hold = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])
local f = redis.call('HMGET', session, 'account', 'created', 'seen', 'expires', 'idle', 'data')
if not f[1] then return {} end
local expires, idle = tonumber(f[4]), tonumber(f[5])
if hold > 0 and expires < now + hold then
  expires = now + hold
  f[4] = string.format('%.0f', expires)
  redis.call('HSET', session, 'expires', f[4], 'seen', ARGV[1])
  redis.call('ZADD', KEYS[2] .. f[1], f[4], string.sub(session, -64))
  redis.call('PEXPIRE', KEYS[2] .. f[1], math.max(hold, redis.call('PTTL', KEYS[2] .. f[1])))
end
if hold > 0 then touch = true
elseif now >= expires or now - tonumber(f[3]) >= idle then
  redis.call('DEL', session)
  return {}
end
if touch then
  redis.call('HSET', session, 'seen', ARGV[1])
  redis.call('PEXPIRE', session, math.max(1, hold, math.min(expires - now, idle)))
end
return {f[1], f[2], f[4], f[6]}
""")

_REVOKE: Final = Script("""
local account = redis.call('HGET', KEYS[1], 'account')
if not account then return 0 end
redis.call('ZREM', KEYS[2] .. account, ARGV[1])
return redis.call('DEL', KEYS[1])
""")

_REVOKE_ALL: Final = Script("""
local ended = 0
for _, digest in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  ended = ended + redis.call('DEL', KEYS[2] .. digest)
end
redis.call('DEL', KEYS[1])
return ended
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A live sign-in. `key` names it in logs and listings and opens nothing."""

    key: str
    account_id: AccountId
    created_at: datetime
    expires_at: datetime
    data: Mapping[str, str] = field(default_factory=dict)


class SessionStore:
    """Makes, checks and revokes sessions. Every method may raise PortFailure `live_unavailable`."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock

    async def create(
        self,
        account_id: AccountId,
        *,
        absolute: timedelta,
        idle: timedelta,
        data: Mapping[str, str] | None = None,
    ) -> str:
        """A new session; its id, which is nowhere else."""
        session_id = secrets.token_urlsafe(32)
        digest = session_key(session_id)
        now_ms = _ms(self._clock.now())
        await self._live.run(
            _CREATE,
            (self._live.key("session", digest), self._index(account_id)),
            (
                digest,
                account_id,
                now_ms,
                now_ms + absolute // timedelta(milliseconds=1),
                idle // timedelta(milliseconds=1),
                json.dumps(dict(data or {}), separators=(",", ":")),
                MAX_PER_ACCOUNT,
            ),
        )
        return session_id

    async def check(self, session_id: str, *, touch: bool = True, hold: timedelta = timedelta()) -> Session | None:
        """The session, or None when there is none (any more). `touch` counts as activity and starts idleness anew.

        `hold`: for so long it does not run out by itself, whatever its age; it can still be revoked.
        """
        return await self.check_key(session_key(session_id), touch=touch, hold=hold)

    async def check_key(self, key: str, *, touch: bool = False, hold: timedelta = timedelta()) -> Session | None:
        """The same for who kept only the key: an open panel that must learn of its end."""
        keys = (self._live.key("session", key), self._index(AccountId("")))
        hold_ms = hold // timedelta(milliseconds=1)
        found = await self._live.run(_CHECK, keys, (_ms(self._clock.now()), int(touch), hold_ms))
        if not found:
            return None
        account, created, expires, data = found
        return Session(
            key=key,
            account_id=AccountId(account),
            created_at=_at(created),
            expires_at=_at(expires),
            data=json.loads(data),
        )

    async def revoke(self, session_id: str) -> bool:
        """End the session now. Whether there was one."""
        digest = session_key(session_id)
        keys = (self._live.key("session", digest), self._index(AccountId("")))
        return bool(await self._live.run(_REVOKE, keys, (digest,)))

    async def revoke_all(self, account_id: AccountId) -> int:
        """End every session of the account; how many there were."""
        keys = (self._index(account_id), self._live.key("session", ""))
        return int(await self._live.run(_REVOKE_ALL, keys))

    def _index(self, account_id: AccountId) -> str:
        return self._live.key("account-sessions", account_id)


def session_key(session_id: str) -> str:
    """What the live state knows a session by: the SHA-256 of its id, hex."""
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _at(ms: str) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)
