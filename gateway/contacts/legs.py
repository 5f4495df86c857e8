"""The leg's state table: one side's media through all its generations. Pure; knows no SDP and no contact.

A *leg* is a side of a contact; each browser connection that carries it is a *generation*. A reload, another network or
a failed attempt leads to the next generation of the same leg. Whether the side's signaling is there is a flag beside
the state (it changes none), but both are the same grace: a side that can't be seen, or can't say anything, is lost.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.base.machine import Table


class LegState(StrEnum):
    NEW = "new"
    NEGOTIATING = "negotiating"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


LIVE = frozenset({LegState.NEW, LegState.NEGOTIATING, LegState.CONNECTING, LegState.CONNECTED, LegState.RECONNECTING})
SETTING_UP = frozenset({LegState.NEW, LegState.NEGOTIATING, LegState.CONNECTING})
GONE = frozenset({LegState.CLOSED, LegState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReceived:
    """An SDP offer of a new generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSent:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportConnected:
    """ICE and DTLS are done, or packets came again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationFailed:
    """This generation came to nothing. The next may succeed: the set-up time or the grace decides how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLost:
    """Silence, lost consent, or the browser closed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupTimedOut:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class GraceExpired:
    """Lost for longer than the grace, media or signaling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRequested:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportClosed:
    """The last generation's transport is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTimedOut:
    pass


LegEvent = (
    OfferReceived
    | AnswerSent
    | TransportConnected
    | NegotiationFailed
    | TransportLost
    | SetupTimedOut
    | GraceExpired
    | CloseRequested
    | TransportClosed
    | CloseTimedOut
)

_S = LegState

LEG: Table[LegState] = Table(
    "leg",
    LegState,
    _S.NEW,
    {
        _S.NEW: {
            OfferReceived: _S.NEGOTIATING,
            SetupTimedOut: _S.FAILED,
            GraceExpired: _S.FAILED,
            CloseRequested: _S.CLOSED,
        },
        _S.NEGOTIATING: {
            OfferReceived: _S.NEGOTIATING,
            AnswerSent: _S.CONNECTING,
            NegotiationFailed: _S.NEW,
            SetupTimedOut: _S.FAILED,
            GraceExpired: _S.FAILED,
            CloseRequested: _S.CLOSING,
        },
        _S.CONNECTING: {
            OfferReceived: _S.NEGOTIATING,
            TransportConnected: _S.CONNECTED,
            NegotiationFailed: _S.NEW,
            SetupTimedOut: _S.FAILED,
            GraceExpired: _S.FAILED,
            CloseRequested: _S.CLOSING,
        },
        _S.CONNECTED: {
            OfferReceived: _S.RECONNECTING,  # a reload is seen before the loss of what it replaces
            TransportLost: _S.RECONNECTING,
            GraceExpired: _S.FAILED,
            CloseRequested: _S.CLOSING,
        },
        _S.RECONNECTING: {
            OfferReceived: _S.RECONNECTING,
            AnswerSent: _S.RECONNECTING,
            NegotiationFailed: _S.RECONNECTING,
            TransportConnected: _S.CONNECTED,
            GraceExpired: _S.FAILED,
            CloseRequested: _S.CLOSING,
        },
        _S.CLOSING: {TransportClosed: _S.CLOSED, CloseTimedOut: _S.CLOSED},
        _S.CLOSED: {},
        _S.FAILED: {},
    },
)
