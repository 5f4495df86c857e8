"""HTTP calls out to a server of somebody else's: the only module below the doors that knows an HTTP client.

Nothing it meets harms us: only the address that is asked for is called, no redirect is followed, no proxy is taken from
the environment, no cookie is kept; a call is bounded in time and a reply in size, and a small one can't become a
large one. Nothing of a request or a reply is logged. It neither signs nor judges: who calls does.
"""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)
from yarl import URL

USER_AGENT: Final = "visavis"
NOT_NOW: Final = frozenset({408, 425, 429})
"""Of the 4xx, those that mean: not now (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4). The others mean: not this."""

_PIECE_BYTES: Final = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`body`: None when it was larger than the limit. `retry_after_s`: what the other side asked for, if it did."""

    status: int
    body: bytes | None
    retry_after_s: int | None = None


class Unanswered(Exception):
    """`reason`: timeout, tls, unreachable, cut or bad_request (what was to be sent, or came back, is no HTTP).

    It holds nothing of the request.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outbound:
    """Connections to one server, made when they are first needed. `aclose` it."""

    def __init__(self, *, connections: int, timeout_s: float | None, reply_limit_bytes: int) -> None:
        """`timeout_s`: of one call; None where the caller bounds it. A limit of 0 bytes: no body is read at all."""
        self._connections = connections
        self._timeout_s = timeout_s
        self._limit_bytes = reply_limit_bytes
        self._session: ClientSession | None = None

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """As `request`."""
        return await self.request("POST", url, headers, body)

    async def request(self, method: str, url: str | URL, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply, whatever its status is. A GET has no body. Unanswered when there is none."""
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=self._connections),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=ClientTimeout(total=None),
                headers={
                    hdrs.USER_AGENT: USER_AGENT,
                    hdrs.ACCEPT: "application/json",
                    hdrs.ACCEPT_ENCODING: "identity",
                },
            )
        data = body if method != "GET" else None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(method, url, headers=headers, data=data, allow_redirects=False) as response,
            ):
                return Reply(
                    status=response.status,
                    body=await self._read(response),
                    retry_after_s=seconds(response.headers.get(hdrs.RETRY_AFTER, "")),
                )
        except TimeoutError:
            raise Unanswered("timeout") from None
        except ClientSSLError:
            raise Unanswered("tls") from None
        except ClientConnectorError:
            raise Unanswered("unreachable") from None
        except ValueError:  # of aiohttp's own errors only InvalidUrl is one
            raise Unanswered("bad_request") from None
        except (ClientError, OSError):
            raise Unanswered("cut") from None

    async def _read(self, response: ClientResponse) -> bytes | None:
        """The whole body, or None when it is larger than the limit; then the rest is not read."""
        if not self._limit_bytes:
            return b""
        read = bytearray()
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            read += piece
            if len(read) > self._limit_bytes:
                return None
        return bytes(read)


def basic_authorization(user: str, password: str) -> str:
    """The header's value (RFC 7617 §2, in UTF-8)."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def seconds(retry_after: str) -> int | None:
    """`Retry-After` in seconds (RFC 9110 §10.2.3); its form as a date is of the other side's clock and not read."""
    if not retry_after.isascii() or not retry_after.isdecimal() or len(retry_after) > 9:
        return None
    return int(retry_after)
