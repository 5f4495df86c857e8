"""HTTP calls to one ACD, and to its token server: the only module of this room that knows an HTTP client.

Nothing but the configured addresses is ever called: no redirect is followed, no address is taken from an answer, no
proxy from the environment, no cookie kept. A call is bounded in time and an answer in size. Nothing of a request or an
answer is logged.
"""

import asyncio
import json
from typing import Final

import aiohttp
from yarl import URL

from gateway.acd.tasks.ports import Answer, Call, CallFailed
from gateway.acd.tasks.verifying import KEY_HEADER
from gateway.base.clock import Clock
from gateway.base.errors import SetupError
from gateway.base.signing import LEAST_SECRET_BYTES, sign
from gateway.config.acd_tasks import TaskAcdSettings

ANSWER_LIMIT_BYTES: Final = 262_144
TOKEN_MARGIN_S: Final = 30.0  # a token is not used in its last half minute
TOKEN_LEAST_S: Final = 1.0
MAX_RETRY_AFTER_S: Final = 300.0
USER_AGENT: Final = "visavis"


class AiohttpCaller:
    """`Caller` over aiohttp. `secret` is that of the settings, or from its file."""

    def __init__(self, settings: TaskAcdSettings, secret: str, clock: Clock) -> None:
        """SetupError (`secret_short`) for signatures with a secret that can be guessed."""
        if settings.auth == "signature" and len(secret.encode()) < LEAST_SECRET_BYTES:
            raise SetupError(
                "secret_short", f"acds.{settings.name}.secret needs at least {LEAST_SECRET_BYTES} bytes to sign with."
            )
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._base = settings.url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._token: tuple[str, float] | None = None  # with the moment (monotonic) until which it is good
        self._token_lock = asyncio.Lock()

    async def call(self, call: Call) -> Answer:
        try:
            async with asyncio.timeout(self._settings.timeout.total_seconds()):
                answer = await self._signed_in(call)
                if answer.status == 401 and self._settings.auth == "oauth2" and self._token is not None:
                    self._token = None  # taken back before its time
                    answer = await self._signed_in(call)
                return answer
        except TimeoutError:
            raise CallFailed("timeout") from None

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _signed_in(self, call: Call) -> Answer:
        headers = {**call.headers, "Content-Type": call.content_type, "Idempotency-Key": call.idempotency_key}
        match self._settings.auth:
            case "signature":
                timestamp = int(self._clock.now().timestamp())
                headers |= {KEY_HEADER: self._settings.key_id, **sign(self._secret, timestamp, call.body)}
            case "basic":
                headers["Authorization"] = aiohttp.encode_basic_auth(self._settings.user, self._secret)
            case "bearer":
                headers["Authorization"] = f"Bearer {self._secret}"
            case "oauth2":
                headers["Authorization"] = f"Bearer {await self._access_token()}"
        if call.path and call.path[0] not in "/?":
            raise CallFailed("bad_request")  # it would lead to another host
        # The path comes from templates that escape their parts: it is not escaped again.
        return await self._send(call.method, URL(self._base + call.path, encoded=True), headers, call.body)

    async def _access_token(self) -> str:
        """OAuth 2.0 client credentials (RFC 6749 §4.4), kept until shortly before they end."""
        async with self._token_lock:
            if self._token is not None and self._clock.monotonic() < self._token[1]:
                return self._token[0]
            basic = aiohttp.encode_basic_auth(self._settings.user, self._secret)
            headers = {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}
            answer = await self._send(
                "POST", URL(self._settings.token_url, encoded=True), headers, b"grant_type=client_credentials"
            )
            try:
                body = json.loads(answer.body)
                token, lasts_s = str(body["access_token"]), float(body.get("expires_in", 300))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise CallFailed("token_refused" if 400 <= answer.status < 500 else "token_unavailable") from None
            self._token = token, self._clock.monotonic() + max(TOKEN_LEAST_S, lasts_s - TOKEN_MARGIN_S)
            return token

    async def _send(self, method: str, url: URL, headers: dict[str, str], body: bytes) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._settings.connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),  # `call` bounds the whole
                headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            )
        try:
            async with self._session.request(
                method, url, headers=headers, data=body if method != "GET" else None, allow_redirects=False
            ) as response:
                read = await response.content.read(ANSWER_LIMIT_BYTES + 1)
                while len(read) <= ANSWER_LIMIT_BYTES and (more := await response.content.read(ANSWER_LIMIT_BYTES)):
                    read += more
                if len(read) > ANSWER_LIMIT_BYTES:
                    raise CallFailed("answer_too_large")
                return Answer(
                    status=response.status, body=read, retry_after_s=_seconds(response.headers.get("Retry-After"))
                )
        except aiohttp.ClientSSLError:
            raise CallFailed("tls") from None
        except aiohttp.ClientConnectorError:
            raise CallFailed("unreachable") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed("cut" if isinstance(error, aiohttp.ClientError | OSError) else "bad_request") from None


def _seconds(value: str | None) -> float | None:
    """`Retry-After` in seconds (RFC 9110 §10.2.3); its form as a date is of the other side's clock and not read."""
    if value is None or not value.isascii() or not value.isdecimal() or len(value) > 9:
        return None
    return min(float(value), MAX_RETRY_AFTER_S)
