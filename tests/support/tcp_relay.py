"""A network for HTTP and WebSockets that can go away: the TCP counterpart of `impairment.py`.

    relay = await TcpRelay.open(("127.0.0.1", http_port)); url = relay.url
    relay.cut(); relay.mend(); relay.change_network()

A cut is silent, as a lost network is: connections stay open and nothing moves, new ones get no answer; what was held
moves on after `mend` (TCP sends again). `change_network` leaves the connections there are for dead for ever, as a new
address does; new ones work. `reset` ends them with an error that both ends see.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Self

_CHUNK_BYTES = 1 << 16


class TcpRelay:
    """One listening port in front of one server. Bounded: a cut connection reads no more than one chunk."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._lines: set[_Line] = set()
        self.port = 0
        self.delay_s = 0.0
        """How long each piece is under way, each direction."""

    @classmethod
    async def open(cls, server: tuple[str, int], host: str = "127.0.0.1") -> Self:
        relay = cls(server)
        relay._listener = await asyncio.start_server(relay._serve, host, 0)
        relay.port = relay._listener.sockets[0].getsockname()[1]
        return relay

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """Connections that are alive as far as both ends know."""
        return len(self._lines)

    def cut(self) -> None:
        """The network is gone. Nobody is told."""
        self._flowing.clear()

    def mend(self) -> None:
        """The network is back."""
        self._flowing.set()

    def change_network(self) -> None:
        """Connections there are stay open and carry nothing any more; new ones work."""
        for line in self._lines:
            line.dead = True

    def reset(self) -> None:
        """End the connections there are with a TCP reset, on both sides."""
        for line in list(self._lines):
            line.reset()

    async def close(self) -> None:
        """Close everything. Idempotent."""
        if self._listener is not None:
            self._listener.close()
        tasks = [line.task for line in self._lines]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        line = _Line(task, writer)
        self._lines.add(line)
        try:
            await self._flowing.wait()
            behind_reader, behind_writer = await asyncio.open_connection(*self._server)
            line.behind = behind_writer
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(line, reader, behind_writer))
                both.create_task(self._pump(line, behind_reader, writer))
        except* (OSError, _Ended):
            pass  # one end is gone: so is the other
        except* asyncio.CancelledError:
            pass  # `close`; the stream protocol has no use for it
        finally:
            self._lines.discard(line)
            line.abort()

    async def _pump(self, line: "_Line", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._flowing.wait()
            if not line.dead:
                writer.write(data)
                await writer.drain()
        await self._flowing.wait()
        if line.dead:  # nobody hears the end either
            await asyncio.Event().wait()
        raise _Ended


class _Ended(Exception):
    """One end closed its connection."""


class _Line:
    """One connection and the one behind it."""

    def __init__(self, task: "asyncio.Task[None]", front: asyncio.StreamWriter) -> None:
        self.task = task
        self.dead = False
        self.front = front
        self.behind: asyncio.StreamWriter | None = None

    def _writers(self) -> Iterator[asyncio.StreamWriter]:
        yield self.front
        if self.behind is not None:
            yield self.behind

    def reset(self) -> None:
        for writer in self._writers():
            opened: socket.socket = writer.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def abort(self) -> None:
        for writer in self._writers():
            writer.transport.abort()
