"""How a refusal leaves the house: error → message, close code, reason. The one place where that is decided.

Codes 4400–4999 are private (RFC 6455 §7.4.2) and follow the HTTP status of the same meaning.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import WSCloseCode

from gateway.base.errors import GatewayError, InvariantBroken

INTERNAL_CODE: Final = "internal_error"
INTERNAL_DETAIL: Final = "Something went wrong here. It has been noted."

BYE_CLOSE: Final = {
    "taken_over": 4409,
    "signed_out": 4401,
    "session_over": 4404,
    "shutdown": int(WSCloseCode.GOING_AWAY),
    "too_slow": 4429,
}
"""`bye` code → close code."""

CLOSE_MEANINGS: Final = {
    1000: "The client said goodbye.",
    1001: "The node shuts down: come back, another one answers.",
    1003: "Binary frames are not spoken here.",
    1009: "A message was larger than the limit.",
    1011: "Our own fault. It was noted; come back.",
    4400: "The client broke the protocol.",
    4401: "No sign-in, or it is over.",
    4403: "Not allowed, or declined by a rule.",
    4404: "The session or the contact is over: start a new one.",
    4408: "No `hello` in time.",
    4409: "Another window holds the session, or this is not possible now.",
    4429: "Too many messages, or too many not acknowledged.",
    4503: "No room, or something behind the gateway does not answer: come back later.",
}
"""Every close code the gateway uses, with what it tells the client."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the other side is told of an error. `code` is stable; nothing of an inner fault is in `detail`."""

    code: str
    detail: str
    ws_close: int


def refusal_of(error: BaseException) -> Refusal:
    """What to tell of `error`. Anything that is not a deliberate refusal is our own fault and says nothing more."""
    if isinstance(error, GatewayError) and not isinstance(error, InvariantBroken):
        return Refusal(error.code, error.detail, error.ws_close)
    return Refusal(INTERNAL_CODE, INTERNAL_DETAIL, int(WSCloseCode.INTERNAL_ERROR))
