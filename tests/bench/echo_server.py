"""The cheapest server of its kind: returns every datagram to its sender. Forwarding is priced in multiples of it.

Same interpreter, same loop, same way of reading and sending as the media engine's socket; prints its port.
"""

import asyncio
import signal
import socket

import uvloop


async def serve() -> None:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.bind(("127.0.0.1", 0))
    buffer = bytearray(2048)
    view = memoryview(buffer)

    def read() -> None:
        for _ in range(64):
            try:
                length, address = opened.recvfrom_into(buffer)
                opened.sendto(view[:length], address)
            except OSError:
                return

    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.add_reader(opened.fileno(), read)
    print(opened.getsockname()[1], flush=True)
    await done.wait()
    loop.remove_reader(opened.fileno())
    opened.close()


if __name__ == "__main__":
    uvloop.run(serve())
