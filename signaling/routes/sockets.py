"""The WebSockets: checked before the upgrade, then handed to `signaling.socket`."""

from typing import Final

from aiohttp import web

from gateway.base.errors import BadInput, NotAuthorised
from gateway.base.log import get_logger
from signaling.address import limit_key
from signaling.guards import address_of, require_role, sign_in_token
from signaling.routes.widget import limit
from signaling.services import Context, context_of
from signaling.sides import AgentSide, BoardSide, CustomerSide, EmbedSide, Side, card_of
from signaling.socket import CLOSE_TIMEOUT_S, SUBPROTOCOL, Socket, SocketSettings

_log = get_logger("signaling.sockets")

_PANELS_FACTOR: Final = 10  # a whole center may sit behind one address


def _check_before_upgrade(request: web.Request, side: str) -> str:
    """Refuse what must not become a socket; returns the address it counts for.

    aiohttp upgrades whoever asks: without this any web page could open a socket with the cookies of its visitor.
    """
    context = context_of(request)
    if not context.origins.is_own(request.headers.getall("Origin", [])):
        context.metrics.refused(side, "origin_refused")
        _log.warning("origin.refused", side=side, origin=request.headers.get("Origin", "")[:200])
        raise NotAuthorised("origin_refused", "This WebSocket is for pages of this gateway.")
    offered = [
        name.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", []) for name in value.split(",")
    ]
    if SUBPROTOCOL not in offered:
        raise BadInput("subprotocol_missing", f"Ask for the WebSocket subprotocol {SUBPROTOCOL}.")
    address = limit_key(address_of(request))
    context.sockets.check_room(address)
    return address


async def _run(request: web.Request, side: Side, address: str, *, sign_in: str = "") -> web.WebSocketResponse:
    context = context_of(request)
    limits = context.services.settings.limits
    ws = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,),
        max_msg_size=limits.message_bytes,
        compress=False,  # a small frame could unpack into a large one, and secrets do not belong into a compressor
        heartbeat=context.services.times.heartbeat_s,
        autoping=False,  # pings are counted like everything else
        timeout=CLOSE_TIMEOUT_S,
    )
    await ws.prepare(request)
    socket = Socket(
        ws,
        request.transport,
        side,
        context.services.sessions,
        _settings(context),
        context.services.clock,
        context.metrics,
        sign_in=sign_in,
    )
    context.metrics.sockets.labels(side.name).inc()
    try:
        with context.sockets.hold(socket, address):
            await socket.run()
    finally:
        context.metrics.sockets.labels(side.name).dec()
    return ws


def _settings(context: Context) -> SocketSettings:
    limits = context.services.settings.limits
    return SocketSettings(
        messages_per_second=limits.messages_per_second,
        message_burst=limits.message_burst,
        turn=context.services.turn,
        times=context.services.times,
    )


async def customer(request: web.Request) -> web.WebSocketResponse:
    """`GET /ws/customer`."""
    address = _check_before_upgrade(request, "customer")
    services = context_of(request).services
    return await _run(request, CustomerSide(services.desk, services.sessions, services.entry_tokens), address)


async def agent(request: web.Request) -> web.WebSocketResponse:
    """`GET /ws/agent`: with the cookie of an account that is an agent."""
    address = _check_before_upgrade(request, "agent")
    services = context_of(request).services
    account = await require_role(request, "agent")
    side = AgentSide(services.desk, services.sessions, card_of(account), address)
    return await _run(request, side, address, sign_in=sign_in_token(request))


async def embed(request: web.Request) -> web.WebSocketResponse:
    """`GET /ws/embed`: the panel of one contact, in somebody else's desktop. No cookie is looked at."""
    address = _check_before_upgrade(request, "embed")
    services = context_of(request).services

    async def admitted() -> None:
        await limit(request, "panel", services.settings.limits.entries_per_minute * _PANELS_FACTOR)

    side = EmbedSide(services.desk, services.sessions, services.panel_claims, address, admitted)
    return await _run(request, side, address)


async def board(request: web.Request) -> web.WebSocketResponse:
    """`GET /ws/board`: with the cookie of a supervisor or an admin."""
    address = _check_before_upgrade(request, "board")
    services = context_of(request).services
    await require_role(request, "supervisor", "admin")
    side = BoardSide(services.desk, services.sessions)
    return await _run(request, side, address, sign_in=sign_in_token(request))


def routes() -> list[web.RouteDef]:
    return [
        web.get("/ws/customer", customer),
        web.get("/ws/agent", agent),
        web.get("/ws/embed", embed),
        web.get("/ws/board", board),
    ]
