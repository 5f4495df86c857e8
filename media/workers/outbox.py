"""What a media process has to say while the gateway reads too slowly: bounded, and never silent about an end.

Messages go straight to the pipe while it takes them. Beyond that they wait here, and when `LIMIT` wait, the least
important is given up: first `LegQuality` (the next comes in two seconds), then what an owner can do without. Never
given up are replies, pongs, connections, pictures that do not fit, and ends: there is at most one for each thing the
gateway asked for, and a gateway that reads nothing asks for nothing. It knows messages by their type only.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from media.port import (
    ClipEnded,
    LegFirstMedia,
    LegHeard,
    LegQuality,
    LegSilent,
    LegVideoPaused,
    LegVideoResumed,
)
from media.workers.wire import FromWorker, Happened, frame_from_worker

LIMIT: Final = 2048
"""Messages that may wait: all that 240 legs say in ten seconds of trouble."""

_GIVEN_UP: Final = (LegQuality, LegVideoPaused, LegVideoResumed, LegFirstMedia, LegSilent, LegHeard, ClipEnded)
"""In this order."""


class Outbox:
    """Between the engine and the pipe. `write` takes a frame; `pause` and `resume` come from the pipe."""

    def __init__(self, write: Callable[[bytes], None], limit: int = LIMIT) -> None:
        self.dropped: Counter[str] = Counter()
        """What was given up, by the event's name. Only grows."""
        self._write = write
        self._limit = limit
        self._paused = False
        self._waiting: OrderedDict[int, FromWorker] = OrderedDict()
        self._kinds: dict[type, OrderedDict[int, None]] = {each: OrderedDict() for each in _GIVEN_UP}
        self._next = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: FromWorker) -> None:
        """Say it as soon as the pipe takes it."""
        if not self._paused and not self._waiting:
            self._write(frame_from_worker(message))
            return
        if len(self._waiting) >= self._limit:
            self._make_room()
        number = self._next
        self._next += 1
        self._waiting[number] = message
        self._kinds.get(_kind(message), OrderedDict())[number] = None

    def pause(self) -> None:
        """The pipe is full."""
        self._paused = True

    def resume(self) -> None:
        """The pipe takes more."""
        self._paused = False
        while self._waiting and not self._paused:
            number, message = self._waiting.popitem(last=False)
            self._kinds.get(_kind(message), OrderedDict()).pop(number, None)
            self._write(frame_from_worker(message))

    def _make_room(self) -> None:
        for kind in _GIVEN_UP:
            if self._kinds[kind]:
                number, _ = self._kinds[kind].popitem(last=False)
                del self._waiting[number]
                self.dropped[kind.__name__] += 1
                return


def _kind(message: FromWorker) -> type:
    return type(message.event) if isinstance(message, Happened) else type(message)
