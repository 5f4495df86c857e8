"""Many datagrams a system call: `recvmmsg`, `sendmmsg` and segmentation (`UDP_SEGMENT`, Linux 4.18) through ctypes.

Owns the arrays the kernel reads and fills, and nothing else: no address is judged here and no packet is looked into.
Where the C library lacks the calls `AVAILABLE` is False, and `media.transport.udp` goes datagram by datagram.

A wake-up brings several packets when the server is busy, so the cost of a packet falls with the load. What goes to one
destination in packets of one size (the parts of a picture) leaves in one message that the kernel cuts up: that is a
fifth of the cost of sending them one by one (docs/performance.md).
"""

import ctypes
import errno
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

from media.transport.srtp import PacketBuffer
from media.transport.stun import Address

SLOTS: Final = 32
"""Datagrams of one read, each with a buffer of its own until what became of it is sent."""

MAX_SEGMENTS: Final = 16
"""Of one message: 16 of 1500 bytes stay under the 64 KiB that one message may hold."""

RouteKey = int | bytes
"""A source as the kernel writes it: cheaper to look up than an address is to build. For IPv4 the first 8 bytes."""

_MESSAGE = struct.Struct("@QI4xQQQQi4xI4x")
"""`struct mmsghdr` of 64-bit Linux: name and its length, vectors and their number, control and its length, flags; the
length of what was received."""

_VECTOR = struct.Struct("@QQ")
_CONTROL = struct.Struct("@QiiH6x")
_NAME_BYTES: Final = 32
_KEY_V6 = struct.Struct("@28s4x")
_V4 = struct.Struct("@H2s4s")
_V6 = struct.Struct("@H2sI16sI")
_PORT = struct.Struct("!H")
_FROM_KEY_V4 = struct.Struct("@Q")

_UDP_SEGMENT: Final = 103
_CONTROL_BYTES: Final = 24
_NOT_CUT: Final = frozenset({errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT})
"""The kernel or the network card won't cut this message up; its datagrams may still go one by one."""

_libc = ctypes.CDLL(None, use_errno=True)
_receive = getattr(_libc, "recvmmsg", None)
_send = getattr(_libc, "sendmmsg", None)
AVAILABLE: Final = (
    sys.platform == "linux" and struct.calcsize("@P") == 8 and _receive is not None and _send is not None
)  # fmt: skip
if _receive is not None and _send is not None:
    _receive.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    _send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)


def route_key(address: Address) -> RouteKey:
    """What `Inbox.received` tells of a datagram from `address`."""
    name = _name(address)
    return int(_FROM_KEY_V4.unpack_from(name)[0]) if len(address) == 2 else name


def _name(address: Address) -> bytes:
    """`struct sockaddr_in` or `sockaddr_in6` of an IP literal."""
    port = _PORT.pack(address[1])
    if len(address) == 2:
        return _V4.pack(socket.AF_INET, port, socket.inet_pton(socket.AF_INET, address[0])) + bytes(8)
    host = socket.inet_pton(socket.AF_INET6, address[0])
    return _V6.pack(socket.AF_INET6, port, 0, host, address[3])


class _Memory(bytearray):
    """Bytes the kernel reads or fills, with their address. They must not be resized, and can't be."""

    __slots__ = ("_keep", "address", "view")

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self._keep = (ctypes.c_char * size_bytes).from_buffer(self)
        self.address = ctypes.addressof(self._keep)
        self.view = memoryview(self)


class Inbox:
    """Reads one socket into the slots. What it tells is valid until the next `receive`."""

    def __init__(self, opened: socket.socket, slots: list[PacketBuffer]) -> None:
        self._socket = opened
        self._slots = slots
        self._v4 = opened.family == socket.AF_INET
        self._messages = _Memory(len(slots) * _MESSAGE.size)
        self._vectors = _Memory(len(slots) * _VECTOR.size)
        self._names = _Memory(len(slots) * _NAME_BYTES)
        self._lengths = self._messages.view.cast("I")  # 16 to a message, the length is the one before the padding
        self._keys = self._names.view.cast("Q")
        for i, slot in enumerate(slots):
            _VECTOR.pack_into(self._vectors, i * _VECTOR.size, slot.address, len(slot))
            name, vector = self._names.address + i * _NAME_BYTES, self._vectors.address + i * _VECTOR.size
            _MESSAGE.pack_into(self._messages, i * _MESSAGE.size, name, _NAME_BYTES, vector, 1, 0, 0, 0, 0)

    def receive(self) -> int:
        """Fill the first slots with what has arrived; how many, 0 when nothing has. Raises OSError."""
        count: int = _receive(
            self._socket.fileno(), self._messages.address, len(self._slots), socket.MSG_DONTWAIT, None
        )  # type: ignore[misc]
        if count < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(number, "recvmmsg")
        return count

    def received(self, count: int) -> Iterator[tuple[PacketBuffer, int, RouteKey]]:
        """(slot, length, source) of what the last `receive` counted."""
        # Views over the kernel's own arrays, turned into lists by C: no index and no tuple per number.
        lengths = self._lengths[14 : 16 * count : 16].tolist()
        if self._v4:
            return zip(self._slots, lengths, self._keys[: 4 * count : 4].tolist(), strict=False)
        names = (key for (key,) in _KEY_V6.iter_unpack(self._names.view[: count * _NAME_BYTES]))
        return zip(self._slots, lengths, names, strict=False)

    def source_of(self, slot: int) -> Address:
        """Where the datagram in that slot came from."""
        at = slot * _NAME_BYTES
        if self._v4:
            _, port, host = _V4.unpack_from(self._names, at)
            return socket.inet_ntop(socket.AF_INET, host), int(_PORT.unpack(port)[0])
        _, port, _, host, scope = _V6.unpack_from(self._names, at)
        return socket.inet_ntop(socket.AF_INET6, host), int(_PORT.unpack(port)[0]), 0, int(scope)


class Lane:
    """What waits for one destination, in order: slots with their lengths. Made by `Outbox.lane`."""

    __slots__ = ("address", "name", "outbox", "waiting")

    def __init__(self, outbox: "Outbox", address: Address) -> None:
        self.outbox = outbox
        self.address = address
        self.waiting: list[tuple[PacketBuffer, int]] = []
        raw = _name(address)
        self.name = _Memory(len(raw))
        self.name[:] = raw


class Outbox:
    """Sends what was put into its lanes since the last `flush`, which comes before the slots are read into again."""

    def __init__(self, opened: socket.socket, counters: Counter[str], reasons: dict[int, str]) -> None:
        """`reasons`: the counter of an errno; any other counts as `send_error`."""
        self.busy: list[Lane] = []
        """Lanes with something waiting. Whoever puts the first packet into a lane puts the lane here."""
        self.segments = True
        """False once the kernel said that it can't cut messages up: asked no more."""
        self._socket = opened
        self._counters = counters
        self._reasons = reasons
        self._messages = _Memory(SLOTS * _MESSAGE.size)
        self._vectors = _Memory(SLOTS * _VECTOR.size)
        self._controls = _Memory(SLOTS * _CONTROL_BYTES)

    def lane(self, address: Address) -> Lane:
        return Lane(self, address)

    def flush(self) -> None:
        """Send everything. Never raises: what the kernel won't take is counted and lost."""
        busy = self.busy
        if not busy:
            return
        if len(busy) == 1 and len(busy[0].waiting) == 1:
            self._send_one(*busy[0].waiting[0], busy[0].address)
        else:
            self._send_all()
        for lane in busy:
            lane.waiting.clear()
        busy.clear()

    def _send_one(self, buffer: PacketBuffer, size: int, address: Address) -> None:
        try:
            self._socket.sendto(buffer.view[:size], address)
        except OSError as error:
            self._count(error.errno)

    def _send_all(self) -> None:
        messages, vectors, controls = self._messages, self._vectors, self._controls
        groups: list[tuple[Lane, int, int]] = []  # of each message: its lane, and its packets of the lane
        vector = 0
        for lane in self.busy:
            name, waiting, most = lane.name, lane.waiting, MAX_SEGMENTS if self.segments else 1
            first = 0
            while first < len(waiting):
                start, segment, last = vector, waiting[first][1], first
                for buffer, size in waiting[first : first + most]:
                    if size > segment:
                        break
                    _VECTOR.pack_into(vectors, vector * 16, buffer.address, size)
                    vector += 1
                    last += 1
                    if size < segment:
                        break  # a shorter packet can only be the last of its message
                control = 0
                if last - first > 1:
                    at = len(groups) * _CONTROL_BYTES
                    control = controls.address + at
                    _CONTROL.pack_into(controls, at, 18, socket.IPPROTO_UDP, _UDP_SEGMENT, segment)
                _MESSAGE.pack_into(
                    messages, len(groups) * 64, name.address, len(name), vectors.address + start * 16, vector - start,
                    control, _CONTROL_BYTES if control else 0, 0, 0,
                )  # fmt: skip
                groups.append((lane, first, last))
                first = last
        self._send_messages(groups)

    def _send_messages(self, groups: list[tuple[Lane, int, int]]) -> None:
        done, file = 0, self._socket.fileno()
        while done < len(groups):
            sent: int = _send(file, self._messages.address + done * 64, len(groups) - done, socket.MSG_DONTWAIT)  # type: ignore[misc]
            if sent > 0:
                done += sent
                continue
            number = ctypes.get_errno()
            if number == errno.EINTR:
                continue
            lane, first, last = groups[done]
            done += 1
            if last - first > 1 and number in _NOT_CUT:
                self.segments = self.segments and number in (errno.EINVAL, errno.EMSGSIZE)
                for buffer, size in lane.waiting[first:last]:
                    self._send_one(buffer, size, lane.address)
            else:
                self._count(number, last - first)

    def _count(self, number: int | None, packets: int = 1) -> None:
        self._counters[self._reasons.get(number or 0, "send_error")] += packets
