"""Many datagrams in one system call, each with the kernel's own time of arrival; SRTP in place on them.

Python's `socket` moves one datagram per call, and a load client's calls are its price. This is `recvmmsg(2)` and
`sendmmsg(2)` on slots of one buffer. Arrival is the moment the kernel was handed the packet (SO_TIMESTAMPNS), so a
delay measured with it holds the way to the server, the server and the way back, and not the client's own queue.
"""

import socket
import struct
from typing import Any, Final

import cffi
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi as srtp_ffi
from pylibsrtp._binding import lib as srtp_lib

from media.transport.srtp import SrtpKeys

SLOT_BYTES: Final = 2048
SLOTS: Final = 32

_ANCILLARY_BYTES: Final = 64
_SO_TIMESTAMPNS: Final = 35  # not in the socket module
_SO_RCVBUFFORCE: Final = 33
_UDP_SEGMENT: Final = 103
_SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024
_TIME: Final = struct.Struct("qq")
_SEGMENT_CONTROL: Final = struct.Struct("QiiH6x")  # struct cmsghdr, its value, padding

_ffi = cffi.FFI()
_ffi.cdef(
    """
    struct iovec { void *base; size_t length; };
    struct msghdr {
        void *name; unsigned int name_length; struct iovec *parts; size_t part_count;
        void *control; size_t control_length; int flags;
    };
    struct mmsghdr { struct msghdr header; unsigned int length; };
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    """
)
_libc: Any = _ffi.dlopen(None)


def open_socket(host: str) -> socket.socket:
    """A UDP socket on a port of the system's choice that notes arrivals, with as large a buffer as may be had."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _SOCKET_BUFFER_BYTES)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
    opened.bind((host, 0))
    return opened


class Batch:
    """`SLOTS` datagrams in one buffer, to be filled by the kernel or sent by it. One for all legs of a process."""

    def __init__(self) -> None:
        self.data = bytearray(SLOTS * SLOT_BYTES)
        base = _ffi.from_buffer(self.data)
        ours = srtp_ffi.from_buffer(self.data)
        self.pointers: list[Any] = [ours + slot * SLOT_BYTES for slot in range(SLOTS)]
        """Where each slot begins, as libsrtp takes it."""
        self._ancillary = bytearray(SLOTS * _ANCILLARY_BYTES)
        ancillary = _ffi.from_buffer(self._ancillary)
        self._parts: Any = _ffi.new(f"struct iovec[{SLOTS}]")
        self._messages: Any = _ffi.new(f"struct mmsghdr[{SLOTS}]")
        for slot in range(SLOTS):
            self._parts[slot].base = base + slot * SLOT_BYTES
            self._parts[slot].length = SLOT_BYTES
            self._messages[slot].header.parts = self._parts + slot
            self._messages[slot].header.part_count = 1
            self._messages[slot].header.control = ancillary + slot * _ANCILLARY_BYTES
            self._messages[slot].header.control_length = _ANCILLARY_BYTES
        self._keep: tuple[Any, ...] = (base, ancillary)
        self._raw: Any = _ffi.buffer(self._messages)
        self._fresh = bytes(self._raw)

    def receive(self, fd: int) -> int:
        """How many slots were filled; never waits."""
        self._raw[:] = self._fresh  # the kernel wrote over the lengths
        return max(0, _libc.recvmmsg(fd, self._messages, SLOTS, socket.MSG_DONTWAIT, _ffi.NULL))

    def length(self, slot: int) -> int:
        """Of the datagram that was received into the slot."""
        return int(self._messages[slot].length)

    def arrived_ns(self, slot: int) -> int:
        """Wall-clock time at which the kernel had the datagram of the slot."""
        seconds, nanoseconds = _TIME.unpack_from(self._ancillary, slot * _ANCILLARY_BYTES + 16)
        return int(seconds * 1_000_000_000 + nanoseconds)

    def set_length(self, slot: int, length: int) -> None:
        """Of the datagram to be sent from the slot."""
        self._parts[slot].length = length

    def send(self, fd: int, count: int) -> int:
        """Send the first `count` slots on a connected socket; how many the kernel took. An outbox never receives."""
        return max(0, _libc.sendmmsg(fd, self._messages, count, socket.MSG_DONTWAIT))

    def send_picture(self, fd: int, count: int, length: int) -> int:
        """Send the first `count` slots, all of that length, as one message that the kernel cuts (UDP_SEGMENT)."""
        header = self._picture[0].header
        header.part_count = count
        self._segment[0] = length
        return count if _libc.sendmmsg(fd, self._picture, 1, socket.MSG_DONTWAIT) == 1 else 0

    def for_sending(self) -> "Batch":
        """The same batch without room for arrival times, which would be sent as control data."""
        for slot in range(SLOTS):
            self._messages[slot].header.control = _ffi.NULL
            self._messages[slot].header.control_length = 0
        control = bytearray(_SEGMENT_CONTROL.size)
        _SEGMENT_CONTROL.pack_into(control, 0, 16 + 2, socket.IPPROTO_UDP, _UDP_SEGMENT, 0)
        raw = _ffi.from_buffer(control)
        self._segment: Any = _ffi.cast("unsigned short *", raw + 16)
        self._picture: Any = _ffi.new("struct mmsghdr[1]")
        self._picture[0].header.parts = self._parts
        self._picture[0].header.control = raw
        self._picture[0].header.control_length = len(control)
        self._keep += (raw,)
        return self


class Cipher:
    """Both SRTP directions of a leg, on slots of a batch. Lengths come back, 0 for what libsrtp refuses."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._sessions = (
            Session(Policy(key=keys.send, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=keys.profile)),
            Session(Policy(key=keys.receive, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=keys.profile)),
        )
        self._out: Any = self._sessions[0]._srtp[0]
        self._in: Any = self._sessions[1]._srtp[0]
        self._length: Any = srtp_ffi.new("int *")

    def protect(self, pointer: Any, length: int) -> int:
        self._length[0] = length
        return 0 if srtp_lib.srtp_protect(self._out, pointer, self._length) else int(self._length[0])

    def protect_rtcp(self, pointer: Any, length: int) -> int:
        self._length[0] = length
        return 0 if srtp_lib.srtp_protect_rtcp(self._out, pointer, self._length) else int(self._length[0])

    def unprotect(self, pointer: Any, length: int) -> int:
        self._length[0] = length
        return 0 if srtp_lib.srtp_unprotect(self._in, pointer, self._length) else int(self._length[0])

    def unprotect_rtcp(self, pointer: Any, length: int) -> int:
        self._length[0] = length
        return 0 if srtp_lib.srtp_unprotect_rtcp(self._in, pointer, self._length) else int(self._length[0])
