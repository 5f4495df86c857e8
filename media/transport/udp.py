"""One UDP port for every link, both families: read, drop junk by its size, hand the rest to who owns its source.

It knows addresses and handlers, nothing of STUN, DTLS or SRTP. Datagrams are read into buffers lent to the handlers,
several at a time where the system can (`media.transport.batch`), by the clock where that spares work
(`media.transport.cadence`); what handlers send from those buffers leaves when all of them are handled. Sending never
raises, never waits: what the kernel won't take is counted and lost.
"""

import asyncio
import errno
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import Final

from gateway.base.log import get_logger
from media.transport import batch
from media.transport.batch import SLOTS, Inbox, Lane, Outbox, RouteKey, route_key
from media.transport.cadence import POLL_S, Cadence
from media.transport.link import BUFFER_BYTES, MAX_DATAGRAM_BYTES
from media.transport.srtp import PacketBuffer
from media.transport.stun import Address

READS_PER_WAKEUP: Final = 2
"""Then the loop gets its turn: 64 packets are about 1 ms of work."""

SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Asked of the kernel, which may give less: 4 MiB holds 0.2 s of 50 calls while the loop is busy elsewhere. The limit
Linux comes with (`net.core.rmem_max` 212992) holds 11 ms of them, 220 packets as measured."""

_PORT_TRIES: Final = 20

_SEND_REASONS: Final = {
    errno.EAGAIN: "send_full",
    errno.ENOBUFS: "send_full",
    errno.EMSGSIZE: "send_size",
    errno.ENETUNREACH: "send_unreachable",
    errno.EHOSTUNREACH: "send_unreachable",
    errno.ECONNREFUSED: "send_unreachable",
    errno.EPERM: "send_refused",
    errno.EACCES: "send_refused",
}

Handler = Callable[[PacketBuffer, int], None]
"""Takes one datagram and its length. Where it came from, `MediaSocket.source_of` tells while it is handled."""

Sender = Callable[[bytes | memoryview, Address], int]

_log = get_logger("udp")


def send_nowhere(data: bytes | memoryview, address: Address) -> int:
    """The sender of a link that has no path (yet). Raises OSError, as a socket does that can't send."""
    raise OSError(errno.ENETUNREACH, "no path")


class Tray:
    """Buffers for what is sent by the clock and not in answer to a datagram: filled one by one, sent all at once.

    A buffer lent by `slot` is free again with the next `flush`; what was not sent from it by then is not sent.
    """

    def __init__(self, slots: list[PacketBuffer], send: Callable[[], None]) -> None:
        self._slots = slots
        self._send = send
        self._used = 0

    def slot(self) -> PacketBuffer:
        """The next buffer. When all are lent, those filled are sent first."""
        if self._used == len(self._slots):
            self.flush()
        slot = self._slots[self._used]
        self._used += 1
        return slot

    def flush(self) -> None:
        """Send what waits in the buffers."""
        if self._used:
            self._used = 0
            self._send()


class MediaSocket:
    """A port open for IPv4, IPv6 or both. Sources given a `route` go to its handler, all others to `stranger`.

    `host`: `""` or `"::"` all addresses of both families, `"localhost"` both loopbacks, or one literal address;
    `port` 0 is any. A machine without IPv6 gets IPv4 alone. `batched` False goes datagram by datagram, as it must where
    the system has no calls for more. Raises OSError when the port can't be had.
    """

    def __init__(
        self,
        host: str,
        port: int,
        stranger: Handler,
        counters: Counter[str],
        *,
        batched: bool = batch.AVAILABLE,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.routes: dict[Address, Handler] = {}
        self.counters = counters
        self.port = 0
        self.arrived_s = 0.0
        """When the datagrams now being handled were read, by `wall_s`."""
        self._host = host
        self._stranger = stranger
        self._wall_s = wall_s
        self._batched = batched
        owner, slots = (self, SLOTS) if batched else (None, 1)
        self._slots = [PacketBuffer(BUFFER_BYTES, owner, i) for i in range(slots)]
        self._tray_slots = [PacketBuffer(BUFFER_BYTES, owner, slots + i) for i in range(slots)]
        self.tray = Tray(self._tray_slots, self._flush)
        self._by_key: dict[RouteKey, Handler] = {}
        self._source: Address | None = None  # when not batched: of the datagram now in the only slot
        self._inbox: Inbox | None = None  # that filled the slots last
        self._inboxes: list[Inbox] = []
        self._outboxes: dict[int, Outbox] = {}
        self._cadence = Cadence()
        self._poll_timer: asyncio.TimerHandle | None = None
        self._sockets: list[socket.socket] = []
        self._by_size: dict[int, socket.socket] = {}
        self._loop = asyncio.get_running_loop()
        self._listen(port)

    def route(self, address: Address, handler: Handler) -> None:
        """Give what comes from `address` to `handler` from now on."""
        self.routes[address] = handler
        self._by_key[route_key(address)] = handler

    def reroute(self, before: Handler, handler: Handler) -> None:
        """Give to `handler` what went to `before`."""
        for address in [address for address, each in self.routes.items() if each == before]:
            self.route(address, handler)

    def unroute(self, address: Address) -> None:
        """`address` is a stranger again. No error when it is one."""
        if self.routes.pop(address, None) is not None:
            del self._by_key[route_key(address)]

    def source_of(self, buffer: PacketBuffer) -> Address:
        """Where the datagram in `buffer`, which is being handled, came from."""
        if self._inbox is not None:
            return self._inbox.source_of(buffer.slot)
        if self._source is None:
            raise LookupError("no datagram has been read")
        return self._source

    def lane_to(self, address: Address) -> Lane | None:
        """Where a slot of this socket can wait to be sent to `address`; None when each goes by itself."""
        outbox = self._outboxes.get(len(address))
        return None if outbox is None else Lane(outbox, address)

    def rebind(self) -> None:
        """Leave the port for another one of the OS's choice, as a client does whose network changed."""
        self._release()
        self._listen(0)

    @property
    def families(self) -> tuple[socket.AddressFamily, ...]:
        return tuple(socket.AddressFamily(s.family) for s in self._sockets)

    def local_address(self, family: socket.AddressFamily) -> str:
        """The literal address bound for that family; `0.0.0.0` and `::` mean any."""
        return next(str(s.getsockname()[0]) for s in self._sockets if s.family == family)

    @property
    def receive_buffer_bytes(self) -> int:
        """What the kernel gave of `SOCKET_BUFFER_BYTES`. Linux tells twice the number, its own bookkeeping included."""
        share = 2 if sys.platform == "linux" else 1
        return min(s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // share for s in self._sockets)

    def sender_for(self, address: Address) -> Sender:
        """`sendto` of the family of `address`, for callers that count OSError themselves (`count_send_error`)."""
        each = self._by_size.get(len(address))
        return send_nowhere if each is None else each.sendto

    def send(self, data: bytes | memoryview, address: Address) -> None:
        """Send one datagram. Never raises: a full socket or a dead path loses it, counted."""
        try:
            self._by_size[len(address)].sendto(data, address)
        except (OSError, KeyError) as error:
            self.count_send_error(error)

    def count_send_error(self, error: Exception) -> None:
        """Count a lost datagram by its reason."""
        number = error.errno if isinstance(error, OSError) else None
        self.counters[_SEND_REASONS.get(number or 0, "send_error")] += 1

    def close(self) -> None:
        """Stop reading and close the port. Idempotent."""
        self._release()
        self.unroute_all()

    def unroute_all(self) -> None:
        """Everybody is a stranger again."""
        self.routes.clear()
        self._by_key.clear()

    def _listen(self, port: int) -> None:
        self._sockets = _bind(self._host, port)
        self._by_size = {2 if each.family == socket.AF_INET else 4: each for each in self._sockets}
        self.port = self._sockets[0].getsockname()[1]
        for each in self._sockets:
            if self._batched:
                outbox = Outbox(each, self._slots + self._tray_slots, self.counters, _SEND_REASONS)
                self._outboxes[2 if each.family == socket.AF_INET else 4] = outbox
                inbox = Inbox(each, self._slots)
                self._inboxes.append(inbox)
                self._loop.add_reader(each.fileno(), self._read_as_it_comes, inbox)
            else:
                self._loop.add_reader(each.fileno(), self._read_singly, each)

    def _release(self) -> None:
        if self._poll_timer is not None:
            self._poll_timer.cancel()
            self._poll_timer = None
        self._cadence = Cadence()
        self._inboxes.clear()
        for each in self._sockets:
            self._loop.remove_reader(each.fileno())
            each.close()
        self._sockets.clear()
        self._by_size.clear()
        self._outboxes.clear()

    def _read_as_it_comes(self, inbox: Inbox) -> None:
        began_s = perf_counter()
        self._read_batch(inbox)
        if self._cadence.spent(began_s, perf_counter()):
            self._keep_cadence()

    def _read_by_the_clock(self) -> None:
        began_s = perf_counter()
        more = False
        for inbox in self._inboxes:
            more = self._read_batch(inbox) or more
        self._poll_timer = None
        if self._cadence.spent(began_s, perf_counter()) or not self._sockets:
            self._keep_cadence()
        else:
            self._poll_timer = self._loop.call_later(0 if more else POLL_S, self._read_by_the_clock)

    def _keep_cadence(self) -> None:
        """Read in the way that the cadence says, whatever the way was."""
        if self._poll_timer is not None:
            self._poll_timer.cancel()
            self._poll_timer = None
        polling = self._cadence.polling
        for each, inbox in zip(self._sockets, self._inboxes, strict=True):
            if polling:
                self._loop.remove_reader(each.fileno())
            else:
                self._loop.add_reader(each.fileno(), self._read_as_it_comes, inbox)
        if polling and self._sockets:
            self._poll_timer = self._loop.call_later(POLL_S, self._read_by_the_clock)

    def _read_batch(self, inbox: Inbox) -> bool:
        """Read and handle what has come, up to a limit. Whether there may be more."""
        by_key, stranger = self._by_key, self._stranger
        self._inbox = inbox
        for _ in range(READS_PER_WAKEUP):
            try:
                count = inbox.receive()
            except OSError:
                self.counters["receive_error"] += 1
                return False
            self.arrived_s = self._wall_s()
            for slot, length, source in inbox.received(count):
                if not 1 < length <= MAX_DATAGRAM_BYTES:
                    self.counters["datagram_size"] += 1
                    continue
                try:
                    (by_key.get(source) or stranger)(slot, length)
                except Exception as error:  # noqa: BLE001 - a sink's bug: this packet is lost, all other links go on
                    self._count_handler_error(error)
            self._flush()
            if count < SLOTS:
                return False  # what came in the meantime wakes the loop again
        return True

    def _flush(self) -> None:
        for outbox in self._outboxes.values():
            outbox.flush()

    def _read_singly(self, ready: socket.socket) -> None:
        slot, receive = self._slots[0], ready.recvfrom_into
        for _ in range(READS_PER_WAKEUP * SLOTS):
            try:
                length, self._source = receive(slot)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.counters["receive_error"] += 1
                return
            if not 1 < length <= MAX_DATAGRAM_BYTES:
                self.counters["datagram_size"] += 1
                continue
            self.arrived_s = self._wall_s()
            try:
                (self.routes.get(self._source) or self._stranger)(slot, length)
            except Exception as error:  # noqa: BLE001 - as above
                self._count_handler_error(error)

    def _count_handler_error(self, error: Exception) -> None:
        self.counters["handler_error"] += 1
        times = self.counters["handler_error"]
        if times in (1, 10, 100) or not times % 1000:
            _log.error("udp.handler_failed", times=times, exc_info=error)


def _bind(host: str, port: int) -> list[socket.socket]:
    v4, v6 = socket.AF_INET, socket.AF_INET6
    wanted: list[tuple[socket.AddressFamily, str]]
    if host in ("", "::"):
        wanted = [(v4, "0.0.0.0"), (v6, "::")]  # noqa: S104 - a media port is meant for everybody
    elif host == "localhost":
        wanted = [(v4, "127.0.0.1"), (v6, "::1")]
    else:
        wanted = [(v6 if ":" in host else v4, host)]
    for attempt in range(_PORT_TRIES):
        sockets: list[socket.socket] = []
        try:
            for family, address in wanted:
                try:
                    sockets.append(_udp(family, address, sockets[0].getsockname()[1] if sockets else port))
                except OSError as error:
                    no_ipv6 = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
                    if not (sockets and family == v6 and no_ipv6):
                        raise
            return sockets
        except OSError as error:
            for each in sockets:
                each.close()
            taken_for_v6 = port == 0 and error.errno == errno.EADDRINUSE
            if not taken_for_v6 or attempt == _PORT_TRIES - 1:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free for both IPv4 and IPv6")


def _udp(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        opened.setblocking(False)
        opened.bind((address, port))
    except OSError:
        opened.close()
        raise
    return opened
