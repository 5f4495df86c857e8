"""Parts of a file over HTTP (RFC 9110 §14): which bytes were asked for, and the answer that carries them."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from gateway.base.errors import GatewayError
from gateway.base.log import get_logger

_log = get_logger("signaling.ranges")

_ONE_RANGE: Final = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})", re.ASCII)


class Body(Protocol):
    """What can be sent in parts."""

    @property
    def media_type(self) -> str: ...

    @property
    def etag(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...

    def read(self, start: int, end: int) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` to before `end`."""

    start: int
    end: int


class NotSatisfiable(Exception):
    """Nothing of the file is in the range that was asked for (416)."""


def part_of(header: str, size_bytes: int) -> Part | None:
    """The one range that `header` asks for. None: none, several, or something else: the whole file is the answer then.

    Raises NotSatisfiable.
    """
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if first == "":  # the last so many bytes
        if int(last) == 0 or size_bytes == 0:
            raise NotSatisfiable
        return Part(max(0, size_bytes - int(last)), size_bytes)
    if last != "" and int(last) < int(first):
        return None  # invalid: to be ignored (§14.1.1)
    if int(first) >= size_bytes:
        raise NotSatisfiable
    return Part(int(first), size_bytes if last == "" else min(int(last) + 1, size_bytes))


def wanted_part(request: web.Request, body: Body) -> Part | None:
    """What the request asks for of this very file. `If-Range` with another tag means: the whole of the new one
    (§13.1.5).
    """
    header = request.headers.get("Range", "")
    if not header or request.headers.get("If-Range", body.etag) != body.etag:
        return None
    return part_of(header, body.size_bytes)


async def send(request: web.Request, body: Body, part: Part | None, headers: dict[str, str]) -> web.StreamResponse:
    """The whole body or a part of it. The first bytes are there before the answer is begun, so that a failure is told.

    A GatewayError of `body.read` comes through until then; later it cuts the connection, so that nothing is taken for
    complete that is not, and no word of an error for a part of the film.
    """
    start, end = (0, body.size_bytes) if part is None else (part.start, part.end)
    pieces = body.read(start, end)
    first = b"" if request.method == "HEAD" or start == end else await anext(pieces)
    response = web.StreamResponse(
        status=200 if part is None else 206,
        headers=headers | {"Accept-Ranges": "bytes", "ETag": body.etag, "Content-Type": body.media_type},
    )
    if part is not None:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{body.size_bytes}"
    response.content_length = end - start
    await response.prepare(request)
    if request.method != "HEAD":
        await response.write(first)
        try:
            async for piece in pieces:
                await response.write(piece)
        except GatewayError as error:
            _log.warning("body.cut", path=request.path[:100], code=error.code)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
    return response


def refuse(body: Body) -> web.Response:
    """416, with the size there is."""
    return web.Response(status=416, headers={"Content-Range": f"bytes */{body.size_bytes}", "Accept-Ranges": "bytes"})
