"""A bad network in user space: UDP relays that delay, lose, reorder, duplicate, throttle and cut what goes through.

    relay = ImpairmentRelay(seed=7)
    path = relay.open_path("customer", up=Impairment(delay_ms=80, jitter_ms=30, loss=0.05))
    path.down = dataclasses.replace(path.down, rate_bps=300_000)   # each direction, at any time
    path.cut(); path.mend(); path.rebind()
    answer = path.steer(answer_sdp)         # a page: `networks.py` makes its answers go through this
    relay.close()

A *path* is one person's way to the server: one port of ours that they send to, and behind it one socket per source
address of theirs, as a NAT does, so that the server sees each of them at an address of its own. What the person's
description of the far end says is rewritten to that port; nothing else is touched, and neither side knows.

Owns sockets, one heap of what is under way and one timer for all paths; no task per path or packet. `Lane` decides what
becomes of a packet from a size and a time alone. `tcp_relay.py` is the same for WebSockets.
"""

import asyncio
import dataclasses
import heapq
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

IP_UDP_BYTES: Final = 28
"""What each datagram costs on the wire beside itself, counted against `rate_bps` (IPv4 and UDP headers)."""

MAX_SOURCES: Final = 16
"""Source addresses per path; further ones are dropped and counted (`sources_full`)."""

MAX_UNDER_WAY: Final = 100_000
"""Datagrams under way in a whole relay; further ones are dropped and counted (`under_way_full`)."""

_READS_PER_WAKEUP: Final = 64

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What one direction of a path does to its packets. The default does nothing."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Uniform in ±jitter around the delay (never below zero). Order is kept: who is late holds up those behind, as a
    queue does; only `reorder` changes it."""
    loss: float = 0.0
    """Share lost, each packet by itself, 0 to 1."""
    burst_loss: float = 0.0
    """Share lost in bursts, on top of `loss` (Gilbert's two states: in the bad one everything is lost)."""
    burst_packets: float = 8.0
    """Mean length of a burst (geometric)."""
    reorder: float = 0.0
    """Share held back by `reorder_ms` without holding up those behind."""
    reorder_ms: float = 20.0
    duplicate: float = 0.0
    """Share that comes twice, the copy right behind."""
    rate_bps: int = 0
    """What the link carries, wire headers included; 0: no limit."""
    queue_ms: float = 200.0
    """Longest wait for the link's turn; what would wait longer is dropped (drop-tail)."""
    cut: bool = False
    """Nothing gets through, and what is under way is lost too."""


class Lane:
    """One direction of one path: when each packet comes out. Knows no socket and no clock."""

    def __init__(self, impairment: Impairment, chance: random.Random) -> None:
        self.impairment = impairment
        """Settable at any time, for the packets from then on."""
        self.counters: Counter[str] = Counter()
        """`packets`, `bytes` offered; `lost`, `lost_burst`, `lost_queue`, `lost_cut`, `duplicated`, `reordered`."""
        self._chance = chance
        self._in_burst = False
        self._link_free_s = 0.0
        self._last_out_s = 0.0

    def admit(self, size: int, now_s: float) -> tuple[float, ...]:
        """When the packet comes out: once, twice (duplicated) or never. `size` is the datagram's in bytes."""
        how, counters, chance = self.impairment, self.counters, self._chance.random
        counters["packets"] += 1
        counters["bytes"] += size
        if how.cut:
            counters["lost_cut"] += 1
            return ()
        if how.loss and chance() < how.loss:
            counters["lost"] += 1
            return ()
        if how.burst_loss and self._burst(how):
            counters["lost_burst"] += 1
            return ()
        out_s = now_s
        if how.rate_bps:
            begins_s = max(now_s, self._link_free_s)
            if (begins_s - now_s) * 1000 > how.queue_ms:
                counters["lost_queue"] += 1
                return ()
            out_s = self._link_free_s = begins_s + (size + IP_UDP_BYTES) * 8 / how.rate_bps
        if how.delay_ms or how.jitter_ms:
            out_s += max(0.0, how.delay_ms + self._chance.uniform(-how.jitter_ms, how.jitter_ms)) / 1000
        if how.reorder and chance() < how.reorder:
            counters["reordered"] += 1
            out_s += how.reorder_ms / 1000
        else:
            out_s = self._last_out_s = max(out_s, self._last_out_s)
        if how.duplicate and chance() < how.duplicate:
            counters["duplicated"] += 1
            return out_s, out_s
        return (out_s,)

    def _burst(self, how: Impairment) -> bool:
        """Whether this packet falls into a burst; moves between the two states."""
        leave = 1.0 / max(1.0, how.burst_packets)
        enter = min(1.0, leave * how.burst_loss / max(1e-9, 1.0 - how.burst_loss))
        self._in_burst = self._chance.random() >= leave if self._in_burst else self._chance.random() < enter
        return self._in_burst


class UnderWay:
    """Packets in flight, the next to come out first; equal times in the order they came in."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_s(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def add(self, out_s: float, deliver: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (out_s, self._number, deliver))

    def due(self, now_s: float) -> list[Callable[[], None]]:
        """Take out what is to be delivered by now."""
        out = []
        while self._heap and self._heap[0][0] <= now_s:
            out.append(heapq.heappop(self._heap)[2])
        return out


class ImpairmentRelay:
    """All paths to the servers of a test. Made on the loop that carries it; ended by `close`.

    `server` is only needed where no answer tells it (`Path.address`), as a literal address.
    """

    def __init__(self, server: Address | None = None, *, seed: int = 1, host: str = "127.0.0.1") -> None:
        self.server = server
        self.paths: dict[str, Path] = {}
        self.counters: Counter[str] = Counter()
        """`sources_full`, `under_way_full`, `send_error`."""
        self._host = host
        self._seed = seed
        self._loop = asyncio.get_running_loop()
        self._under_way = UnderWay()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0

    def open_path(self, name: str, up: Impairment | None = None, down: Impairment | None = None) -> "Path":
        """A way of one's own to the server. `up` is towards the server; `down` is like `up` when left out."""
        up = up or Impairment()
        self.paths[name] = path = Path(self, name, self._host, up, down or up, self._seed)
        return path

    def close(self) -> None:
        """Close every socket; what is under way is lost. Idempotent."""
        for path in self.paths.values():
            path.close()
        self.paths.clear()
        self._under_way = UnderWay()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---------------------------------------------------------------- for paths

    def carry(self, lane: Lane, data: bytes, send: Callable[[bytes], None]) -> None:
        """Let `lane` decide when `send` gets the data."""
        now_s = time.monotonic()
        for out_s in lane.admit(len(data), now_s):
            if out_s <= now_s:
                send(data)
            elif len(self._under_way) >= MAX_UNDER_WAY:
                self.counters["under_way_full"] += 1
            else:
                self._under_way.add(out_s, partial(self._arrive, lane, data, send))
        self._arm(now_s)

    def _arrive(self, lane: Lane, data: bytes, send: Callable[[bytes], None]) -> None:
        if lane.impairment.cut:
            lane.counters["lost_cut"] += 1
        else:
            send(data)

    def _arm(self, now_s: float) -> None:
        next_s = self._under_way.next_s
        if next_s is None or (self._timer is not None and self._timer_s <= next_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = next_s
        self._timer = self._loop.call_later(max(0.0, next_s - now_s), self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        now_s = time.monotonic() + 0.0005  # timers of the loop have milliseconds
        for deliver in self._under_way.due(now_s):
            deliver()
        self._arm(now_s)


class Path:
    """One person's way to the server and back."""

    def __init__(
        self, relay: ImpairmentRelay, name: str, host: str, up: Impairment, down: Impairment, seed: int
    ) -> None:
        self.name = name
        self.up_lane = Lane(up, random.Random(f"{seed} {name} up"))
        self.down_lane = Lane(down, random.Random(f"{seed} {name} down"))
        self._relay = relay
        self._host = host
        self._fronts: dict[Address, _Front] = {}  # by the server's address

    @property
    def address(self) -> Address:
        """Where the person sends to for the relay's own server."""
        if self._relay.server is None:
            raise ValueError("this relay knows its servers only from answers: use steer")
        return self._to(self._relay.server)

    @property
    def up(self) -> Impairment:
        """Towards the server."""
        return self.up_lane.impairment

    @up.setter
    def up(self, impairment: Impairment) -> None:
        self.up_lane.impairment = impairment

    @property
    def down(self) -> Impairment:
        """Towards the person."""
        return self.down_lane.impairment

    @down.setter
    def down(self, impairment: Impairment) -> None:
        self.down_lane.impairment = impairment

    @property
    def apparent_addresses(self) -> tuple[Address, ...]:
        """Where the servers see this person."""
        return tuple(address for front in self._fronts.values() for address in front.apparent_addresses)

    def cut(self) -> None:
        """The network is gone, both ways. Nobody is told."""
        self.up = dataclasses.replace(self.up, cut=True)
        self.down = dataclasses.replace(self.down, cut=True)

    def mend(self) -> None:
        """The network is back, as bad as it was."""
        self.up = dataclasses.replace(self.up, cut=False)
        self.down = dataclasses.replace(self.down, cut=False)

    def rebind(self) -> None:
        """The server sees this person at another address from the next packet on; what it sends to the old is lost."""
        for front in self._fronts.values():
            front.rebind()

    def steer(self, answer_sdp: str) -> str:
        """The server's description with this path in the place of its address: one UDP candidate, no TCP.

        The server is the first UDP candidate of the answer, whichever port that is: each has its own way in here.
        """
        server = server_of(answer_sdp)
        return answer_sdp if server is None else steer(answer_sdp, self._to(server))

    def close(self) -> None:
        """Close the path's sockets. Idempotent."""
        for front in self._fronts.values():
            front.close()
        self._fronts.clear()

    def _to(self, server: Address) -> Address:
        front = self._fronts.get(server)
        if front is None:
            front = self._fronts[server] = _Front(self._relay, self, self._host, server)
        return front.address


class _Front:
    """One port that stands for one server on one path, and behind it a socket per source address of the person."""

    def __init__(self, relay: ImpairmentRelay, path: Path, host: str, server: Address) -> None:
        self._relay = relay
        self._path = path
        self._host = host
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._socket = _udp(host)
        self.address: Address = self._socket.getsockname()[:2]
        self._behind: dict[Address, socket.socket] = {}  # the person's source address → our socket to the server
        self._left: list[socket.socket] = []  # deaf, but open: nobody else gets their ports
        self._loop.add_reader(self._socket.fileno(), self._read_front)

    @property
    def apparent_addresses(self) -> tuple[Address, ...]:
        return tuple(each.getsockname()[:2] for each in self._behind.values())

    def rebind(self) -> None:
        for each in self._behind.values():
            self._loop.remove_reader(each.fileno())
        self._left.extend(self._behind.values())
        self._behind.clear()

    def close(self) -> None:
        self.rebind()
        while self._left:
            self._left.pop().close()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _read_front(self) -> None:
        for data, source in _read(self._socket):
            behind = self._behind.get(source) or self._open_behind(source)
            if behind is not None:
                self._relay.carry(self._path.up_lane, data, partial(self._send, behind, self._server))

    def _open_behind(self, source: Address) -> socket.socket | None:
        if len(self._behind) >= MAX_SOURCES:
            self._relay.counters["sources_full"] += 1
            return None
        behind = self._behind[source] = _udp(self._host)
        self._loop.add_reader(behind.fileno(), self._read_behind, behind, source)
        return behind

    def _read_behind(self, behind: socket.socket, source: Address) -> None:
        back = partial(self._send, self._socket, source)
        for data, sender in _read(behind):
            if sender == self._server:  # a NAT lets nobody else in
                self._relay.carry(self._path.down_lane, data, back)

    def _send(self, sender: socket.socket, address: Address, data: bytes) -> None:
        try:
            sender.sendto(data, address)
        except OSError:
            self._relay.counters["send_error"] += 1


def server_of(answer_sdp: str) -> Address | None:
    """The first IPv4 UDP candidate; None when there is none."""
    for line in answer_sdp.splitlines():
        if line.startswith("a=candidate:"):
            parts = line.split()
            if parts[2].lower() == "udp" and ":" not in parts[4]:
                return parts[4], int(parts[5])
    return None


def steer(answer_sdp: str, address: Address) -> str:
    """`answer_sdp` with `address` as its only candidate: who reads it sends there."""
    lines: list[str] = []
    done = False
    for line in answer_sdp.splitlines():
        if not line.startswith("a=candidate:"):
            lines.append(line)
        elif not done:
            done = True
            lines.append(f"a=candidate:1 1 udp 2130706431 {address[0]} {address[1]} typ host")
    return "\r\n".join(lines) + "\r\n"


STEERING_BINDING: Final = "visavisSteer"

STEERING_SCRIPT: Final = f"""(() => {{
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = async function (description) {{
    const sdp = await window.{STEERING_BINDING}(description.sdp);
    return set.call(this, {{ type: description.type, sdp }});
  }};
}})();"""
"""Makes the peer connections of a page ask `visavisSteer` (an exposed function: `Path.steer`) for their answers."""


def _udp(host: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.setblocking(False)
    opened.bind((host, 0))
    return opened


def _read(ready: socket.socket) -> Iterator[tuple[bytes, Address]]:
    """What waits in the socket, up to the loop's patience."""
    for _ in range(_READS_PER_WAKEUP):
        try:
            data, source = ready.recvfrom(2048)
        except OSError:  # nothing more, or an ICMP answer to something sent earlier
            return
        yield data, source
