"""Every refusal over HTTP as problem+json (RFC 9457) with a stable code; our own faults say nothing but a reference."""

import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.base.errors import GatewayError, InvariantBroken
from gateway.base.log import get_logger
from signaling.closing import INTERNAL_CODE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = get_logger("signaling.http")

HTTP_CODES: Final = {
    400: ("bad_request", "This request can't be understood."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This can't be done with it."),
    413: ("too_large", "The body is larger than 64 kB."),
    416: ("range_not_satisfiable", "The file has no such part."),
}
"""What aiohttp itself refuses, in our codes."""


def problem(status: int, code: str, detail: str, *, retry_after_s: float | None = None) -> web.Response:
    """An error answer: `{"type", "title", "status", "code", "detail"}`."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
    response = web.json_response(body, status=status, content_type="application/problem+json")
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(retry_after_s)))
    return response


def _of_gateway_error(error: GatewayError) -> web.Response:
    retry_after = error.fields.get("retry_after_s")
    seconds = float(retry_after) if isinstance(retry_after, int | float) else (5.0 if error.retryable else None)
    return problem(error.http_status, error.code, error.detail, retry_after_s=seconds)


def _internal(request: web.Request, error: Exception) -> web.Response:
    reference = secrets.token_hex(8)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "none"
    _log.error("request.failed", reference=reference, method=request.method, route=route, exc_info=error)
    return problem(500, INTERNAL_CODE, f"Something went wrong here. It has been noted as {reference}.")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: whatever a route raises becomes an answer."""
    try:
        return await handler(request)
    except InvariantBroken as error:
        return _internal(request, error)
    except GatewayError as error:
        return _of_gateway_error(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code, detail = HTTP_CODES.get(error.status, ("bad_request", "This request can't be answered."))
        response = problem(error.status, code, detail)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except ConnectionError:
        raise  # the other side went away while the answer was written: nobody is there to be told
    except Exception as error:  # noqa: BLE001 - the top of a request: log, and answer without a detail
        return _internal(request, error)
