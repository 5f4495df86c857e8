"""One root for every refusal the product makes, with a stable code, blame and consequence in the class.

`code` is what programs read and documents list; `detail` says what was wrong and what to do, in plain English, and
may be shown to the person who caused it. Nothing secret ever goes into either.
"""

from typing import ClassVar


class GatewayError(Exception):
    """A refusal with a stable code. Never raised as itself: choose the class that says who is to blame."""

    http_status: ClassVar[int] = 500
    ws_close: ClassVar[int] = 1011
    retryable: ClassVar[bool] = False

    def __init__(self, code: str, detail: str, **fields: str | int | float | None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.fields = fields


class BadInput(GatewayError):
    """What arrived can't be understood or exceeds a limit. The sender's fault; the session may go on."""

    http_status = 400
    ws_close = 4400


class StateConflict(GatewayError):
    """Understood, but not legal in this state: stale, too late, or too early. Nothing was changed."""

    http_status = 409
    ws_close = 4409


class NotAuthorised(GatewayError):
    """Who asks may not. Says the same whether or not the thing exists."""

    http_status = 403
    ws_close = 4403


class NotSignedIn(GatewayError):
    """A missing, wrong or expired sign-in or token."""

    http_status = 401
    ws_close = 4401


class NotFound(GatewayError):
    """No such thing for this caller."""

    http_status = 404
    ws_close = 4404


class Refused(GatewayError):
    """The product declines by a rule the person can be told: closed, not in the pilot, draining."""

    http_status = 403
    ws_close = 4403


class CapacityExceeded(GatewayError):
    """A limit of the system is reached: try again after `retry_after_s`."""

    http_status = 503
    ws_close = 4503
    retryable = True


class TooManyRequests(CapacityExceeded):
    """This caller asks too often."""

    http_status = 429
    ws_close = 4429


class PortFailure(GatewayError):
    """Something behind a port (Redis, SQL, the media engine, an ACD) failed or did not answer in time."""

    http_status = 503
    ws_close = 4503
    retryable = True


class SetupError(GatewayError):
    """The operator's set-up is wrong: settings, port, folder, menu file. Printed as one line, exit code 2."""


class InvariantBroken(GatewayError):
    """Our own bug. Logged with a traceback; the peer learns only that something went wrong here."""
