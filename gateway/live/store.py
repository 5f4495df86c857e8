"""The one way to the live state: commands and scripts, each bounded in time, on a server or embedded.

`memory://` is fakeredis inside this process: no server, no persistence, the same commands and Lua scripts, the same
tests. Everything else is redis.asyncio. The library's own defaults wait tens of seconds for a server that hangs
(ten retries of a five-second time-out); here no caller waits longer than `timeout`.

All keys start with `{prefix}:`; the braces keep them in one slot of a cluster, so that a script may touch several.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar

from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from gateway.base.errors import PortFailure, SetupError
from gateway.base.log import get_logger
from gateway.config import LiveSettings

_log = get_logger("live")
_T = TypeVar("_T")

MAX_CONNECTIONS: Final = 32  # a node's commands are short; more callers wait for a connection, within the time-out
_SOCKET_SHARE: Final = 2 / 3  # the library's own time-out strikes before ours, not together with it
_SCHEMES: Final = ("redis://", "rediss://", "unix://")


class Script:
    """A Lua script: one atomic step. Sent by its digest; in full to a server that does not know it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()  # how Redis names scripts


class Live:
    """A connection to the live state. Made by `open_live`, closed with `aclose`."""

    def __init__(self, client: Redis, *, prefix: str, timeout_s: float, embedded: bool) -> None:
        self.client = client
        self.embedded = embedded
        self.timeout_s = timeout_s
        self._prefix = prefix
        self._ending: set[asyncio.Future[Any]] = set()  # given up, on their way out

    def key(self, *parts: str) -> str:
        """The key of `parts`. Parts are ids, digests or names without a colon, so two keys never meet."""
        return ":".join((f"{{{self._prefix}}}", *parts))

    async def ask(self, command: Awaitable[_T]) -> _T:
        """The answer of one command, or PortFailure `live_unavailable` within the time-out."""
        try:
            if self.embedded:
                return await _or_cancelled(command)
            return await self._at_most(command)
        except ResponseError as error:  # the server answered, but not what we can use: full, loading, read-only, a bug
            _log.error("live.refused", error_type=type(error).__name__, error=str(error)[:200])
            raise _unavailable() from error
        except (TimeoutError, RedisError, OSError) as error:
            raise _unavailable() from error

    async def _at_most(self, command: Awaitable[_T]) -> _T:
        """The answer, or TimeoutError: the caller does not wait until the library has given up its connection.

        redis-py cancelled by `asyncio.timeout` may go on for two more time-outs of its own, disconnecting and trying
        again, when both expire together. So the command has a task, which ends on its own time.
        """
        task = asyncio.ensure_future(command)
        try:
            done, _ = await asyncio.wait({task}, timeout=self.timeout_s)
        except asyncio.CancelledError:
            self._end(task)
            raise
        if not done:
            self._end(task)
            raise TimeoutError
        return task.result()

    def _end(self, task: "asyncio.Future[_T]") -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | int | float] = ()) -> Any:
        """Run `script` as one atomic step. PortFailure `live_unavailable`: it ran wholly or not at all."""
        return await self.ask(self._evaluate(script, keys, args))

    async def _evaluate(self, script: Script, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        client: Any = self.client  # its types allow the answers of a synchronous client too
        try:
            return await client.evalsha(script.sha, len(keys), *keys, *args)
        except NoScriptError:  # first use, or the server was restarted
            return await client.eval(script.source, len(keys), *keys, *args)

    async def check(self) -> None:
        """PortFailure `live_unavailable` unless the live state answers in time."""
        await self.ask(self.client.ping())

    async def aclose(self) -> None:
        """Close the connections. Idempotent; never waits for a server that hangs."""
        try:
            async with asyncio.timeout(self.timeout_s):
                await asyncio.gather(*self._ending, return_exceptions=True)
                await self.client.aclose()
                await self.client.connection_pool.disconnect()
        except (TimeoutError, RedisError, OSError) as error:
            _log.warning("live.close_failed", error_type=type(error).__name__)


async def _or_cancelled(command: Awaitable[_T]) -> _T:
    """The answer of an embedded command; CancelledError also where the library swallowed the cancellation.

    The embedded client answers from memory and may finish its command after it was cancelled. A task that loops over
    commands would then never end.
    """
    task = asyncio.current_task()
    cancelled_before = task.cancelling() if task is not None else 0
    answer = await command
    if task is not None and task.cancelling() > cancelled_before:
        raise asyncio.CancelledError
    return answer


def open_live(settings: LiveSettings) -> Live:
    """The live state of `settings.url`; nothing is sent yet. SetupError `live_bad_url` for another kind."""
    url = settings.url.get_secret_value()
    timeout_s = settings.timeout.total_seconds()
    if url == "memory://":
        client = FakeAsyncRedis(server=FakeServer(), decode_responses=True, protocol=2)
        return Live(client, prefix=settings.prefix, timeout_s=timeout_s, embedded=True)
    if not url.startswith(_SCHEMES):
        raise SetupError("live_bad_url", "live.url must be memory://, or start with redis://, rediss:// or unix://.")
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s * _SOCKET_SHARE,
            socket_connect_timeout=timeout_s * _SOCKET_SHARE,
            retry=Retry(NoBackoff(), 1),  # one: a connection that went stale while the server was restarted
            decode_responses=True,
            protocol=2,
        )
    except ValueError as error:
        raise SetupError("live_bad_url", f"live.url can't be read: {error}") from error
    return Live(
        Redis(connection_pool=pool),
        prefix=settings.prefix,
        timeout_s=timeout_s,
        embedded=False,
    )


def _unavailable() -> PortFailure:
    return PortFailure("live_unavailable", "The live state does not answer; try again in a moment.", retry_after_s=2)
