"""A server that plays a transcript (`tests/transcripts/`): it says what is written, and waits to be asked there."""

import asyncio
import re
from pathlib import Path

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"


class RecordedServer:
    """`async with RecordedServer("ami/ordinary.txt") as server`, then `server.port`. Plays once per connection."""

    def __init__(self, name: str) -> None:
        self._text = (TRANSCRIPTS / name).read_text(encoding="utf-8")
        self._lines = "\r\n" if name.startswith("ami/") else "\n"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.failed: str | None = None  # what it was asked for in place of what is written

    async def __aenter__(self) -> "RecordedServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            first, *rest = re.split(r"^>>> (.*)\n", self._text, flags=re.M)
            writer.write(first.replace("\n", self._lines).encode())
            for wanted, answer in zip(rest[::2], rest[1::2], strict=True):
                asked = (await reader.readuntil((self._lines * 2).encode())).decode()
                if not asked.removeprefix("Action: ").startswith(wanted):
                    self.failed = f"{asked.splitlines()[0]}, not {wanted}"
                action_id = re.search(r"ActionID: (\S+)", asked)
                text = answer.replace("{id}", action_id[1] if action_id else "")
                writer.write(text.replace("\n", self._lines).encode())
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
