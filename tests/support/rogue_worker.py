"""A media process that goes wrong at the first command: `python -m tests.support.rogue_worker HOW NAME FD`.

It speaks the wire correctly until then, with nothing behind it: no engine and no port.
"""

import asyncio
import socket
import struct
import sys

from media.port import LegAnswer, LegClosed, OpenLeg, RecordingStopped
from media.workers.figures import EMPTY
from media.workers.wire import (
    VERSION,
    Do,
    Done,
    Happened,
    Ping,
    Pong,
    Ready,
    frame_from_worker,
    read_to_worker,
)


def wrong(how: str, order: Do) -> bytes:
    """What it answers to the first command."""
    leg_id = order.command.leg_id if isinstance(order.command, OpenLeg) else ""
    done = frame_from_worker(Done(number=order.number, reply=LegAnswer(sdp_answer="v=0")))
    closed = frame_from_worker(Happened(event=LegClosed(leg_id=leg_id, reason="bye", at_s=0.0)))
    match how:
        case "garbage":
            return b"\x00\x00\x00\x05hello"
        case "oversized":
            return struct.pack("!I", 1 << 30)
        case "pickle":
            return b"\x00\x00\x00\x10" + b"\x80\x04cos\nsystem\n(S'"
        case "wrong_reply":
            return frame_from_worker(Done(number=order.number, reply=None))
        case "reply_to_nothing":
            return frame_from_worker(Done(number=order.number + 7, reply=None))
        case "ends_before_it_began":
            return closed
        case "ends_twice":
            return done + closed + closed
        case "another_ones_leg":
            other = LegClosed(leg_id="lg_another", reason="bye", at_s=0.0)
            return done + frame_from_worker(Happened(event=other))
        case "another_ones_recording":
            stopped = RecordingStopped(recording_id="rc_1", folder="/etc", packets=0, size_bytes=0, at_s=0.0)
            return frame_from_worker(Happened(event=stopped))
        case "floods":
            return frame_from_worker(Done(number=0, reply=None)) * 20_001
        case "dies":
            sys.exit(3)
        case _:
            return done


async def main(how: str, pipe: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=pipe)
    await read_to_worker(reader)
    if how == "never_ready":
        await reader.read()
        return
    if how == "dies_at_once":
        return
    version = "0.old" if how == "old_version" else VERSION
    writer.write(frame_from_worker(Ready(version=version, port=9)))
    eaten = b""
    while True:
        try:
            message = await read_to_worker(reader)
        except EOFError:
            return
        match message:
            case Do():
                if how == "eats":
                    eaten += b"x" * 400_000_000
                writer.write(wrong(how, message))
            case Ping(number=number):
                pong = Pong(number=number, counters=EMPTY, lag_s=0.0, cpu_s=len(eaten) / 1e9, events_dropped={})
                writer.write(frame_from_worker(pong))
            case _:
                return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], socket.socket(fileno=int(sys.argv[3]))))
