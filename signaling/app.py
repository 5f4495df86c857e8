"""The web application: every route, every header, and the two chores of signaling (sweeping, checking sign-ins).

It owns the order of things at start and end. It must not know what a route does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, NotSignedIn
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from signaling.guards import BODY_BYTES
from signaling.headers import common_headers
from signaling.origins import own_origins
from signaling.problems import problems
from signaling.routes import (
    account,
    acds,
    admin,
    customers,
    disagreements,
    links,
    operations,
    pages,
    recordings,
    records,
    sockets,
    transfers,
    widget,
)
from signaling.services import CONTEXT, Context, Services, make_context

SWEEP_S: Final = 1.0
SIGN_IN_CHECK_S: Final = 4.0  # an ended sign-in closes its sockets within five seconds

_log = get_logger("signaling.app")


def build_app(services: Services, *, port: int) -> web.Application:
    """The application as it listens on `port` (needed to know our own origin when no public address is set).

    Raises SetupError for settings that can't work: an origin, a proxy address, a page that is missing.
    """
    origins = own_origins(services.settings.http, port)
    app = web.Application(middlewares=[problems], client_max_size=BODY_BYTES)
    context = app[CONTEXT] = make_context(services, origins)
    for module in (
        account,
        acds,
        admin,
        customers,
        disagreements,
        links,
        operations,
        records,
        recordings,
        sockets,
        transfers,
        widget,
    ):
        app.add_routes(module.routes())
    app.add_routes(pages.routes(services, origins))
    headers = common_headers(origins)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.popall("Server", None)
        resource = request.match_info.route.resource
        context.metrics.answered(resource.canonical if resource is not None else "none", response.status)

    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_say_goodbye)
    app.cleanup_ctx.append(_chores)
    _log.info("signaling.built", origin=origins.public, pages=len(services.pages))
    return app


async def _say_goodbye(app: web.Application) -> None:
    for socket in app[CONTEXT].sockets:
        socket.cut("shutdown", "The gateway is restarting.")


async def _chores(app: web.Application) -> AsyncIterator[None]:
    context = app[CONTEXT]
    clock = context.services.clock
    supervisor = Supervisor("signaling")

    async def sweep() -> None:
        context.services.sessions.sweep()

    async def check_sign_ins() -> None:
        await _check_sign_ins(context)

    _ = supervisor.spawn(_every(SWEEP_S, sweep, clock), name="sweep")
    _ = supervisor.spawn(_every(SIGN_IN_CHECK_S, check_sign_ins, clock), name="check-sign-ins")
    yield
    await supervisor.aclose()


async def _every(seconds: float, chore: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Do `chore` again and again; one that fails is logged and done again the next time."""
    while True:
        await clock.sleep_until(clock.monotonic() + seconds)
        try:
            await chore()
        except Exception as error:  # noqa: BLE001 - the top of a task
            _log.error("chore.failed", chore=chore.__name__, exc_info=error)


async def _check_sign_ins(context: Context) -> None:
    """End the sockets whose sign-in is over, however it ended. An open panel counts as activity, and a call is not cut
    because a sign-in has come of age; one that was ended by somebody is."""
    in_call: dict[str, bool] = {}
    for socket in context.sockets:
        if socket.sign_in:
            in_call[socket.sign_in] = in_call.get(socket.sign_in, False) or socket.in_call
    for sign_in, busy in in_call.items():
        try:
            await context.services.accounts.signed_in(sign_in, in_call=busy)
        except NotSignedIn:
            context.sockets.cut_signed_out(sign_in)
        except GatewayError as error:  # the store is away: nobody is signed out for that
            _log.warning("sign_in.unchecked", code=error.code)
            return
