"""Listening: the socket, the server on it, and how long it waits for whom."""

import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.base.errors import SetupError
from signaling.services import CONTEXT

KEEPALIVE_S: Final = 12.0  # a connection that says nothing, or never ends its header, is gone after this
LINGER_S: Final = 5.0  # a body nobody reads
BACKLOG: Final = 256
MAX_LINE: Final = 8190  # bytes of the request line and of each header


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises SetupError (`port_busy`, `address_unusable`) with what to do about it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                "port_busy",
                f"Port {port} on {host} is taken by another program. Set VISAVIS_HTTP__PORT to another one.",
            ) from error
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SetupError("address_unusable", f"Can't listen on {host}:{port}: {reason}.") from error


def port_of(listening: socket.socket) -> int:
    """The port the system gave."""
    return int(listening.getsockname()[1])


async def start(
    app: web.Application, listening: socket.socket, *, shutdown_s: float = 5.0, silence_s: float = KEEPALIVE_S
) -> web.AppRunner:
    """Serve `app` on the socket. `await runner.cleanup()` says goodbye to every socket and ends it.

    `shutdown_s` is how long answers under way may take then, `silence_s` how long a connection may say nothing or not
    come to the end of its header.
    """
    context = app.get(CONTEXT)
    runner = web.AppRunner(
        app,
        logger=_logger(context.metrics.unreadable_requests.inc if context is not None else lambda: None),
        access_log=None,
        handle_signals=False,
        keepalive_timeout=silence_s,
        lingering_time=LINGER_S,
        shutdown_timeout=shutdown_s,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
    )
    await runner.setup()
    await web.SockSite(runner, listening).start()
    return runner


class _Unreadable(logging.Filter):
    """What strangers send that is no HTTP is counted, not logged: a traceback for each would fill the disk."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__()
        self._count = count

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            self._count()
            return False
        return record.levelno >= logging.WARNING


def _logger(count: Callable[[], None]) -> logging.Logger:
    """A logger of its own for each server, below the one of aiohttp."""
    logger = logging.Logger("aiohttp.server", logging.DEBUG)  # noqa: LOG001 - not shared: each node has its own counter
    logger.parent = logging.getLogger("aiohttp.server")
    logger.addFilter(_Unreadable(count))
    return logger
