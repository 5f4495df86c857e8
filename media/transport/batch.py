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
"""Datagrams of one read, each with a buffer of its own until what became of it is sent; as many are sent by the clock.
Those of a read, 1500 bytes long, fit into one message of 64 KiB and its 64 segments."""

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
    """A destination of an outbox. Made by `MediaSocket.lane_to`."""

    __slots__ = ("_name", "address", "name_at", "name_bytes", "waiting")

    def __init__(self, outbox: "Outbox", address: Address) -> None:
        self.waiting = outbox.waiting
        self.address = address
        raw = _name(address)
        self._name = _Memory(len(raw))
        self._name[:] = raw
        self.name_at = self._name.address
        self.name_bytes = len(raw)


class Outbox:
    """Sends what waits since the last `flush`, which comes before the slots are read into again.

    Each slot has its vector for good: what waits in slots that follow one another is one message without any copying of
    vectors, if it goes to one lane in one size. So it does where it came as it was sent.
    """

    def __init__(
        self, opened: socket.socket, slots: list[PacketBuffer], counters: Counter[str], reasons: dict[int, str]
    ) -> None:
        """`reasons`: the counter of an errno; any other counts as `send_error`."""
        self.waiting: list[tuple[Lane, int, int]] = []
        """(lane, slot, length), in the order of sending. A slot is put here once at most."""
        self.segments = True
        """False once the kernel said that it can't cut messages up: asked no more."""
        self._socket = opened
        self._slots = slots
        self._counters = counters
        self._reasons = reasons
        self._messages = _Memory(len(slots) * _MESSAGE.size)
        self._controls = _Memory(len(slots) * _CONTROL_BYTES)
        self._vectors = _Memory(len(slots) * _VECTOR.size)
        self._vector_words = self._vectors.view.cast("Q")  # two to a vector, its length the second
        for i, slot in enumerate(slots):
            _VECTOR.pack_into(self._vectors, i * _VECTOR.size, slot.address, 0)

    def flush(self) -> None:
        """Send everything. Never raises: what the kernel won't take is counted and lost."""
        waiting = self.waiting
        if not waiting:
            return
        if len(waiting) == 1:
            self._send_singly(waiting)  # without the arrays and their call it is cheaper
        else:
            self._send_messages(self._messages_of(waiting))
        waiting.clear()

    def _messages_of(self, waiting: list[tuple[Lane, int, int]]) -> list[tuple[int, int]]:
        """Fill the arrays; of each message its first and one past its last entry of `waiting`."""
        words, cut = self._vector_words, self.segments
        starts: list[int] = []
        open_lane: Lane | None = None
        position = follows = segment = 0
        for lane, slot, size in waiting:
            words[2 * slot + 1] = size
            if slot != follows or size > segment or lane is not open_lane:
                starts.append(position)
                open_lane = lane
                segment = size if cut else 0
            elif size < segment:
                segment = 0  # a shorter packet ends its message
            follows = slot + 1
            position += 1
        ranges = list(zip(starts, [*starts[1:], position], strict=True))
        messages, controls, vectors = self._messages, self._controls, self._vectors.address
        at = control_at = 0
        for begin, end in ranges:
            lane, slot, size = waiting[begin]
            control = 0
            if end - begin > 1:
                control = controls.address + control_at
                _CONTROL.pack_into(controls, control_at, 18, socket.IPPROTO_UDP, _UDP_SEGMENT, size)
                control_at += _CONTROL_BYTES
            _MESSAGE.pack_into(
                messages, at, lane.name_at, lane.name_bytes, vectors + slot * 16, end - begin,
                control, _CONTROL_BYTES if control else 0, 0, 0,
            )  # fmt: skip
            at += 64
        return ranges

    def _send_messages(self, ranges: list[tuple[int, int]]) -> None:
        done, count, file = 0, len(ranges), self._socket.fileno()
        while done < count:
            at = self._messages.address + done * _MESSAGE.size
            sent: int = _send(file, at, count - done, socket.MSG_DONTWAIT)  # type: ignore[misc]
            if sent > 0:
                done += sent
                continue
            number = ctypes.get_errno()
            if number == errno.EINTR:
                continue
            begin, end = ranges[done]
            done += 1
            if end - begin > 1 and number in _NOT_CUT:
                self.segments = self.segments and number in (errno.EINVAL, errno.EMSGSIZE)
                self._send_singly(self.waiting[begin:end])
            else:
                self._count(number, end - begin)

    def _send_singly(self, waiting: list[tuple[Lane, int, int]]) -> None:
        for lane, slot, size in waiting:
            try:
                self._socket.sendto(self._slots[slot].view[:size], lane.address)
            except OSError as error:
                self._count(error.errno)

    def _count(self, number: int | None, packets: int = 1) -> None:
        self._counters[self._reasons.get(number or 0, "send_error")] += packets
