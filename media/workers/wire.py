"""What the gateway and a media process say to each other: frames of a length and a JSON value over a socket pair.

Both ends are of the same build or part at the first word: `VERSION` holds the shape of every message. The gateway takes
nothing a media process says for granted, as that one reads packets of strangers: `NotOurs` for whatever is no message.
It knows how messages look, not what follows from them.
"""

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Final, get_args

from media.engine import EngineSettings
from media.figures import EngineCounters
from media.port import Command, LegAnswer, LegStats, MediaEvent, TrunkAnswer
from media.workers.codec import Codec, NotOurs

MAX_FRAME_BYTES: Final = 256 * 1024
"""The largest thing said is an SDP of 20 kB; figures of 240 legs are some kB."""

_LENGTH: Final = struct.Struct("!I")


# ---------------------------------------------------------------- what the gateway says


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The first word: what the process may cost, and how it logs."""

    version: str
    engine: EngineSettings
    address_space_bytes: int  # hard limit of the system, 0: none
    log_json: bool
    log_level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """Carry out a command of the port. Answered by one `Done` or `Refused` of the same number."""

    number: int
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Close every leg and recording, then end. Events go on until then."""


# ---------------------------------------------------------------- what a media process says


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    version: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CantBegin:
    """`error_number` of the system when the port could not be had, else 0: a setting is wrong."""

    error_number: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    number: int
    reply: LegAnswer | LegStats | TrunkAnswer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    number: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    event: MediaEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """How the process does. `lag_s`: the most its loop came too late since the last one."""

    number: int
    counters: EngineCounters
    lag_s: float
    cpu_s: float
    events_dropped: dict[str, int] = field(default_factory=dict)  # by name, when the gateway read too slowly


ToWorker = Begin | Do | Ping | Stop
FromWorker = Ready | CantBegin | Done | Refused | Happened | Pong

_TO_WORKER: Final = Codec(get_args(ToWorker))
_FROM_WORKER: Final = Codec(get_args(FromWorker))

VERSION: Final = f"1.{_TO_WORKER.fingerprint}.{_FROM_WORKER.fingerprint}"


def frame_to_worker(message: ToWorker) -> bytes:
    """The whole frame. ValueError when it is larger than a frame may be."""
    return _framed(_TO_WORKER.dumps(message))


def frame_from_worker(message: FromWorker) -> bytes:
    """As `frame_to_worker`."""
    return _framed(_FROM_WORKER.dumps(message))


async def read_to_worker(reader: asyncio.StreamReader) -> ToWorker:
    """The next message for a worker. EOFError when the gateway is gone, NotOurs for nonsense."""
    message: ToWorker = _TO_WORKER.loads(await _frame(reader))
    return message


async def read_from_worker(reader: asyncio.StreamReader) -> FromWorker:
    """The next message of a worker. EOFError when it is gone, NotOurs for nonsense."""
    message: FromWorker = _FROM_WORKER.loads(await _frame(reader))
    return message


def _framed(body: bytes) -> bytes:
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {len(body)} bytes: at most {MAX_FRAME_BYTES} are sent")
    return _LENGTH.pack(len(body)) + body


async def _frame(reader: asyncio.StreamReader) -> bytes:
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if not 0 < length <= MAX_FRAME_BYTES:
            raise NotOurs(f"a frame of {length} bytes")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise EOFError("the other side is gone") from error
    except ConnectionError as error:
        raise EOFError("the other side is gone") from error
