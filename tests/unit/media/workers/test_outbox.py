"""A gateway that reads too slowly misses figures, never an end."""

from collections.abc import Callable

from media.port import LegClosed, LegHeard, LegQuality, LegSilent, RecordingStopped
from media.workers.outbox import Outbox
from media.workers.wire import Done, FromWorker, Happened, frame_from_worker


def quality(leg_id: str) -> Happened:
    return Happened(
        event=LegQuality(
            leg_id=leg_id, at_s=0.0, period_s=2.0, uplink={}, downlink={}, round_trip_ms=None, downlink_bps=None
        )
    )


def silent(leg_id: str) -> Happened:
    return Happened(event=LegSilent(leg_id=leg_id, at_s=0.0))


def heard(leg_id: str) -> Happened:
    return Happened(event=LegHeard(leg_id=leg_id, at_s=0.0))


def closed(leg_id: str) -> Happened:
    return Happened(event=LegClosed(leg_id=leg_id, reason="bye", at_s=0.0))


class Pipe:
    """What was written, as messages; `full_after` so many frames it asks for a pause."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.pause: Callable[[], None] = lambda: None
        self.full_after = 1_000_000

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)
        if len(self.frames) >= self.full_after:
            self.pause()


def frames(*messages: FromWorker) -> list[bytes]:
    return [frame_from_worker(message) for message in messages]


def test_while_the_pipe_takes_it_everything_is_said_at_once() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe.write)
    outbox.put(quality("a"))
    outbox.put(closed("a"))
    assert pipe.frames == frames(quality("a"), closed("a"))
    assert not len(outbox)


def test_what_waited_goes_first_and_in_order_and_stops_when_the_pipe_is_full_again() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe.write)
    pipe.pause = outbox.pause
    outbox.pause()
    for name in "abc":
        outbox.put(closed(name))
    assert not pipe.frames
    pipe.full_after = 2
    outbox.resume()
    assert pipe.frames == frames(closed("a"), closed("b"))
    outbox.put(closed("d"))
    pipe.full_after = 1_000_000
    outbox.resume()
    assert pipe.frames == frames(*(closed(name) for name in "abcd"))


def test_full_it_gives_up_quality_then_what_is_least_missed_and_never_an_end_or_a_reply() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe.write, limit=4)
    outbox.pause()
    kept = (closed("a"), Done(number=1, reply=None))
    for message in (heard("x"), quality("old"), kept[0], quality("new")):
        outbox.put(message)
    outbox.put(kept[1])
    assert outbox.dropped == {"LegQuality": 1}
    outbox.put(silent("y"))
    assert outbox.dropped == {"LegQuality": 2}
    stopped = Happened(event=RecordingStopped(recording_id="rc", folder="", packets=0, size_bytes=0, at_s=0.0))
    outbox.put(stopped)
    outbox.put(closed("b"))
    assert outbox.dropped == {"LegQuality": 2, "LegSilent": 1, "LegHeard": 1}
    outbox.put(closed("c"))
    outbox.resume()
    assert pipe.frames == frames(*kept, stopped, closed("b"), closed("c"))
