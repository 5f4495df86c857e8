"""What the operator's tools ask: does it live, can it take contacts, what are its figures."""

import asyncio
import hmac
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.base.log import get_logger
from signaling.address import is_local
from signaling.guards import no_such_thing
from signaling.services import context_of

_READY_TIMEOUT_S: Final = 1.0
_BEARER: Final = "Bearer "

_log = get_logger("signaling.operations")


async def healthz(request: web.Request) -> web.Response:
    """`GET /healthz`: the process lives and its loop turns."""
    return web.json_response({"alive": True})


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: asked anew each time, so that what has healed is ready again."""
    degraded: list[str] = []
    try:
        degraded += context_of(request).services.health.degraded()
        async with asyncio.timeout(_READY_TIMEOUT_S):
            reasons = list(await context_of(request).services.health.reasons())
    except TimeoutError:
        reasons = ["health_timeout"]
    except Exception as error:  # noqa: BLE001 - a broken check is a reason, not a crash
        _log.error("health.failed", exc_info=error)
        reasons = ["health_failed"]
    said = {"ready": not reasons, "reasons": reasons, "degraded": degraded}
    return web.json_response(said, status=503 if reasons else 200)


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: for this machine, or for who has the token. For anybody else it is not there."""
    context = context_of(request)
    token = context.services.settings.http.metrics_token.get_secret_value()
    given = request.headers.get("Authorization", "")
    by_token = bool(token) and hmac.compare_digest(given.encode(), (_BEARER + token).encode())
    if not by_token and (token or not is_local(request, context.proxies)):
        raise no_such_thing()
    body = generate_latest(context.services.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def routes() -> list[web.RouteDef]:
    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]
