"""HTTP calls to one ACD, and to its token server, signed in as it wants it.

Nothing but the configured addresses is ever called: no address is taken from an answer. How little the other side can
do to us is `gateway.base.outbound`'s; the whole of a call, with its token, is bounded in time here.
"""

import asyncio
import json
from typing import Final

from yarl import URL

from gateway.acd.tasks.ports import Answer, Call, CallFailed
from gateway.acd.tasks.verifying import KEY_HEADER
from gateway.base.clock import Clock
from gateway.base.errors import SetupError
from gateway.base.outbound import Outbound, Unanswered, basic_authorization
from gateway.base.signing import LEAST_SECRET_BYTES, sign
from gateway.config.acd_tasks import TaskAcdSettings

ANSWER_LIMIT_BYTES: Final = 262_144
TOKEN_MARGIN_S: Final = 30.0  # a token is not used in its last half minute
TOKEN_LEAST_S: Final = 1.0
MAX_RETRY_AFTER_S: Final = 300.0


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
        self._outbound = Outbound(
            connections=settings.connections, timeout_s=None, reply_limit_bytes=ANSWER_LIMIT_BYTES
        )
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
        await self._outbound.aclose()

    async def _signed_in(self, call: Call) -> Answer:
        headers = {**call.headers, "Content-Type": call.content_type, "Idempotency-Key": call.idempotency_key}
        match self._settings.auth:
            case "signature":
                timestamp = int(self._clock.now().timestamp())
                headers |= {KEY_HEADER: self._settings.key_id, **sign(self._secret, timestamp, call.body)}
            case "basic":
                headers["Authorization"] = basic_authorization(self._settings.user, self._secret)
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
            basic = basic_authorization(self._settings.user, self._secret)
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
        try:
            reply = await self._outbound.request(method, url, headers, body)
        except Unanswered as error:
            raise CallFailed(error.reason) from None
        if reply.body is None:
            raise CallFailed("answer_too_large")
        asked_s = None if reply.retry_after_s is None else min(reply.retry_after_s, MAX_RETRY_AFTER_S)
        return Answer(status=reply.status, body=reply.body, retry_after_s=asked_s)
