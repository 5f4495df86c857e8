"""Reading a recording: any part of a file as it was before it was sealed, from the spool or the store.

A request for bytes decrypts the chunks they are in and no others. Knows no web server.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from gateway.base.files import no_links, private
from gateway.base.tasks import in_thread
from gateway.vault.sealed import HEADER_BYTES, Cipher, Header, belongs_to

PLACES: Final = 3
"""Where a file is in its life: as it was finished, sealed beside it, and in the store."""

Read = Callable[[int, int], Awaitable[bytes]]
"""Bytes of the stored file: offset, length."""


class Content(Protocol):
    """A file as people see it."""

    @property
    def media_type(self) -> str: ...

    @property
    def file_name(self) -> str:
        """As a person would save it."""
        ...

    @property
    def etag(self) -> str:
        """Another for other bytes, quoted (RFC 9110 §8.8.3)."""
        ...

    @property
    def size_bytes(self) -> int: ...

    def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`. SealBroken, PortFailure or OSError while it goes on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedContent:
    """A sealed file that is opened chunk by chunk."""

    media_type: str
    file_name: str
    etag: str
    header: Header
    cipher: Cipher
    source: Read

    @property
    def size_bytes(self) -> int:
        return self.header.plain_bytes

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        size = self.header.chunk_bytes
        while start < end:
            chunk, skip = divmod(start, size)
            sealed = await self.source(*self.header.place_of(chunk))
            plain = await asyncio.to_thread(self.cipher.open, chunk, sealed)
            part = plain[skip : skip + end - start]
            yield part
            start += len(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainContent:
    """A file that is not sealed yet: seconds after the call."""

    media_type: str
    file_name: str
    etag: str
    path: Path
    size_bytes: int

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        source = file_reader(self.path)
        while start < end:
            part = await source(start, min(end - start, 1 << 20))
            if not part:
                raise OSError("the file became shorter")
            yield part
            start += len(part)


class MovingContent:
    """A file that is brought elsewhere while people read it: the same bytes, from wherever it is now.

    From being finished to lying in the store it is at three places, one after the other; whoever began to read it at
    one goes on at the next, in the middle of a chunk too.
    """

    def __init__(self, found: Content, find: Callable[[], Awaitable[Content | None]]) -> None:
        """`found`: where it is; `find`: where it is by then, None when it can't be read any more."""
        self._now = found
        self._find = find
        self.media_type = found.media_type
        self.file_name = found.file_name
        self.etag = found.etag
        self.size_bytes = found.size_bytes

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`. SealBroken, PortFailure or OSError while it goes on."""
        for _ in range(PLACES - 1):
            try:
                async for part in self._now.read(start, end):
                    start += len(part)
                    yield part
            except FileNotFoundError:
                found = await self._find()
                if found is None or found.size_bytes != self.size_bytes:
                    raise
                self._now = found
            else:
                return
        async for part in self._now.read(start, end):
            yield part


def file_reader(path: Path) -> Read:
    """Bytes of a local file; links are not followed."""

    def read(start: int, length: int) -> bytes:
        with open(path, "rb", opener=no_links) as file:
            file.seek(start)
            return file.read(length)

    async def source(start: int, length: int) -> bytes:
        return await asyncio.to_thread(read, start, length)

    return source


async def write_out(content: Content, target: Path) -> int:
    """Write all of it to `target`, which nobody else may read and which must not exist yet; on the disk for certain
    then. Returns the bytes. OSError, and what `content.read` raises: what was written by then stays.

    Nothing is written any more when it was cancelled.
    """
    await in_thread(_append, target, "xb", b"")
    written = 0
    async for part in content.read(0, content.size_bytes):
        written += await in_thread(_append, target, "ab", part)
    await in_thread(_append, target, "ab", b"", True)
    return written


def _append(path: Path, mode: str, data: bytes, sync: bool = False) -> int:
    with open(path, mode, opener=private) as file:
        written: int = file.write(data)
        if sync:
            os.fsync(file.fileno())
    return written


async def open_sealed(
    source: Read, *, data_key: bytes, recording_id: str, name: str, media_type: str, file_name: str, etag: str
) -> SealedContent:
    """Read the header and be ready for any part. Raises SealBroken, PortFailure, OSError."""
    header = Header.unpack(await source(0, HEADER_BYTES), belongs=belongs_to(recording_id, name))
    return SealedContent(
        media_type=media_type,
        file_name=file_name,
        etag=etag,
        header=header,
        cipher=Cipher(data_key, header),
        source=source,
    )
