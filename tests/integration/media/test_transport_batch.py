"""Several datagrams a system call: nothing lost, mixed up or sent elsewhere, and the same without such calls."""

import asyncio
import ctypes
import errno
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.port import Kind
from media.transport import batch, cadence
from media.transport.batch import SLOTS, Lane, Outbox, route_key
from media.transport.link import BUFFER_BYTES
from media.transport.srtp import PacketBuffer
from media.transport.stun import Address
from media.transport.udp import MediaSocket
from tests.integration.media.engine_rig import studio
from tests.integration.media.transport_rig import until

REASONS = {errno.EAGAIN: "send_full"}
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@contextmanager
def udp(count: int = 1, family: socket.AddressFamily = socket.AF_INET) -> Iterator[list[socket.socket]]:
    opened = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for each in opened:
            each.bind((LOOPBACK[family], 0))
            each.setblocking(False)
        yield opened
    finally:
        for each in opened:
            each.close()


def arrived(receiver: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(receiver.recv(BUFFER_BYTES))
        except BlockingIOError:
            return found


class Sending:
    """An outbox over slots of its own, and what a link does with them: fill a slot, queue it for its destination."""

    def __init__(self, sender: socket.socket, receivers: list[socket.socket]) -> None:
        self.counters: Counter[str] = Counter()
        self.slots = [PacketBuffer(BUFFER_BYTES, self, slot) for slot in range(SLOTS)]
        self.outbox = Outbox(sender, self.slots, self.counters, REASONS)
        self.lanes = [Lane(self.outbox, each.getsockname()) for each in receivers]

    def send(self, datagrams: list[tuple[int, bytes]], order: list[int] | None = None) -> None:
        """`order`: the slots used, first to last; by default the first ones."""
        for slot, (to, data) in zip(order or range(SLOTS), datagrams, strict=False):
            self.slots[slot][: len(data)] = data
            self.outbox.waiting.append((self.lanes[to], slot, len(data)))
        self.outbox.flush()
        assert not self.outbox.waiting


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([1, 2, 90, 1000, 1000, 1000, 1200])), max_size=SLOTS),
    st.permutations(range(SLOTS)) | st.none(),
    st.booleans(),
)
def test_everything_that_waits_arrives_whole_and_in_order(
    plan: list[tuple[int, int]], order: list[int] | None, segments: bool
) -> None:
    datagrams = [(to, bytes([number % 251]) * size) for number, (to, size) in enumerate(plan)]
    with udp() as (sender,), udp(3) as receivers:
        sending = Sending(sender, receivers)
        sending.outbox.segments = segments
        for _ in range(2):  # a flush leaves nothing behind that the next would send again
            sending.send(datagrams, order)
            for to, receiver in enumerate(receivers):
                assert arrived(receiver) == [data for at, data in datagrams if at == to]
        assert not sending.counters


@pytest.mark.parametrize(
    ("number", "asked_again"),
    [(errno.EIO, False), (errno.EOPNOTSUPP, False), (errno.EINVAL, True), (errno.EMSGSIZE, True)],
)
def test_what_the_kernel_will_not_cut_up_is_sent_one_by_one(
    number: int, asked_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, segmented = batch._send, []

    def refusing(file: int, messages: int, count: int, flags: int) -> int:
        control_bytes = ctypes.c_uint64.from_address(messages + 40).value
        if control_bytes:
            segmented.append(count)
            ctypes.set_errno(number)
            return -1
        return int(real(file, messages, 1, flags))

    monkeypatch.setattr(batch, "_send", refusing)
    datagrams = [(0, b"a" * 900), (0, b"b" * 900), (0, b"c" * 30), (1, b"d" * 30), (0, b"e" * 500)]
    with udp() as (sender,), udp(2) as receivers:
        sending = Sending(sender, receivers)
        for _ in range(2):
            sending.send(datagrams)
            for to, receiver in enumerate(receivers):
                assert arrived(receiver) == [data for at, data in datagrams if at == to]
    assert not sending.counters
    assert sending.outbox.segments is asked_again
    assert len(segmented) == (2 if asked_again else 1)


def test_what_the_kernel_will_not_take_is_counted_and_the_rest_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = batch._send, []

    def full_once(file: int, messages: int, count: int, flags: int) -> int:
        calls.append(count)
        if len(calls) == 1:
            ctypes.set_errno(errno.EAGAIN)
            return -1
        return int(real(file, messages, count, flags))

    monkeypatch.setattr(batch, "_send", full_once)
    with udp() as (sender,), udp(2) as receivers:
        sending = Sending(sender, receivers)
        sending.send([(0, b"a" * 50), (0, b"b" * 50), (1, b"c" * 50)])
        assert arrived(receivers[0]) == []
        assert arrived(receivers[1]) == [b"c" * 50]
    assert sending.counters == {"send_full": 2}


def test_a_closed_socket_loses_what_waits_and_says_so() -> None:
    with udp() as (sender,), udp() as receivers:
        sending = Sending(sender, receivers)
        sender.close()
        sending.send([(0, b"a" * 50), (0, b"b" * 50)])
        sending.send([(0, b"c")])
    assert sending.counters == {"send_error": 3}


class Heard:
    """The far end of a MediaSocket: what each of its handlers was given, and an echo of what is routed."""

    def __init__(self, *, batched: bool, host: str = "localhost") -> None:
        self.counters: Counter[str] = Counter()
        self.strange: list[tuple[Address, bytes]] = []
        self.routed: list[bytes] = []
        self.socket = MediaSocket(host, 0, self.on_stranger, self.counters, batched=batched, wall_s=lambda: 77.0)

    def on_stranger(self, buffer: PacketBuffer, length: int) -> None:
        self.strange.append((self.socket.source_of(buffer), bytes(buffer[:length])))

    def on_routed(self, buffer: PacketBuffer, length: int) -> None:
        if buffer[:5] == b"fault":
            raise ValueError("a sink's bug")
        assert self.socket.arrived_s == 77.0
        self.routed.append(bytes(buffer[:length]))


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_each_source_goes_to_its_own_handler_with_its_address(
    family: socket.AddressFamily, batched: bool
) -> None:
    heard = Heard(batched=batched)
    with udp(2, family) as (known, unknown):
        to = (LOOPBACK[family], heard.socket.port)
        heard.socket.route(known.getsockname(), heard.on_routed)
        for number in range(SLOTS + 3):
            known.sendto(b"known %d" % number, to)
        unknown.sendto(b"unknown", to)
        await until(lambda: len(heard.routed) == SLOTS + 3 and len(heard.strange) == 1, "all are handled")
        assert heard.routed == [b"known %d" % number for number in range(SLOTS + 3)]
        assert heard.strange == [(unknown.getsockname(), b"unknown")]
        heard.socket.unroute(known.getsockname())
        heard.socket.unroute(known.getsockname())
        known.sendto(b"forgotten", to)
        await until(lambda: len(heard.strange) == 2, "it is a stranger again")
        assert heard.strange[1] == (known.getsockname(), b"forgotten")
        assert not heard.counters
    heard.socket.close()


@pytest.mark.parametrize("batched", [True, False])
async def test_a_bad_datagram_or_a_handler_that_fails_costs_that_datagram_only(batched: bool) -> None:
    heard = Heard(batched=batched)
    with udp() as (known,):
        to = ("127.0.0.1", heard.socket.port)
        heard.socket.route(known.getsockname(), heard.on_routed)
        for data in (b"one", b"x", b"", b"y" * 1501, b"z" * 4000, b"fault", b"two"):
            known.sendto(data, to)
        await until(lambda: b"two" in heard.routed, "the last one is handled")
    assert heard.routed == [b"one", b"two"]
    assert heard.counters == {"datagram_size": 4, "handler_error": 1}
    heard.socket.close()


async def test_what_comes_by_ipv4_can_leave_by_ipv6_in_the_same_wake_up() -> None:
    heard = Heard(batched=True)
    with udp(1) as (source,), udp(1, socket.AF_INET6) as (target,):
        lane = heard.socket.lane_to(target.getsockname())
        assert lane is not None

        def forward(buffer: PacketBuffer, length: int) -> None:
            lane.waiting.append((lane, buffer.slot, length))

        heard.socket.route(source.getsockname(), forward)
        for number in range(5):
            source.sendto(b"%d" % number * 600, ("127.0.0.1", heard.socket.port))
        got: list[bytes] = []
        async with asyncio.timeout(30):
            while len(got) < 5:
                await asyncio.sleep(0)
                got += arrived(target)
    assert got == [b"%d" % number * 600 for number in range(5)]
    heard.socket.close()


async def test_a_busy_port_is_read_by_the_clock_and_a_calm_one_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cadence, "WINDOW_S", 0.01)
    monkeypatch.setattr(cadence, "BUSY_SHARE", 0.0)
    monkeypatch.setattr(cadence, "CALM_SHARE", -1.0)
    heard = Heard(batched=True)
    with udp() as (known,):
        to = ("127.0.0.1", heard.socket.port)
        heard.socket.route(known.getsockname(), heard.on_routed)
        sent: list[bytes] = []

        async def all_heard(count: int) -> None:
            for number in range(count):
                sent.append(b"number %d" % number)
                known.sendto(sent[-1], to)
            await until(lambda: heard.routed == sent, "all are handled, in order")

        async def reads(*, by_the_clock: bool) -> None:
            async with asyncio.timeout(30):
                while heard.socket._cadence.polling is not by_the_clock:
                    await all_heard(1)

        await all_heard(5)
        await reads(by_the_clock=True)
        await all_heard(3 * SLOTS)
        monkeypatch.setattr(cadence, "CALM_SHARE", 2.0)
        monkeypatch.setattr(cadence, "BUSY_SHARE", 2.0)
        await reads(by_the_clock=False)
        await all_heard(3 * SLOTS)
    assert not heard.counters
    heard.socket.close()


async def test_what_is_sent_by_the_clock_leaves_whole_and_in_order_however_much_it_is() -> None:
    heard = Heard(batched=True)
    with udp(2) as targets:
        lanes = [heard.socket.lane_to(target.getsockname()) for target in targets]
        packets = [b"%03d" % number * (200 + number % 3) for number in range(2 * SLOTS + 5)]
        for number, packet in enumerate(packets):
            slot, lane = heard.socket.tray.slot(), lanes[number % 2]
            assert lane is not None
            slot[: len(packet)] = packet
            lane.waiting.append((lane, slot.slot, len(packet)))
        heard.socket.tray.flush()
        heard.socket.tray.flush()
        got: list[list[bytes]] = [[], []]
        async with asyncio.timeout(30):
            while sum(map(len, got)) < len(packets):
                await asyncio.sleep(0)
                for each, target in zip(got, targets, strict=True):
                    each += arrived(target)
    assert got == [packets[0::2], packets[1::2]]
    assert not heard.counters
    heard.socket.close()


def test_two_sources_never_share_a_key() -> None:
    addresses: list[Address] = [
        ("127.0.0.1", 5000),
        ("127.0.0.1", 5001),
        ("127.0.0.2", 5000),
        ("::1", 5000, 0, 0),
        ("::1", 5001, 0, 0),
        ("fe80::1", 5000, 0, 1),
        ("fe80::1", 5000, 0, 2),
    ]
    assert len({route_key(address) for address in addresses}) == len(addresses)


@pytest.mark.parametrize("batched", [True, False])
async def test_a_burst_is_forwarded_whole_with_and_without_such_calls(
    batched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MediaSocket.__init__.__kwdefaults__, "batched", batched)
    async with studio() as stage:
        customer, agent = await stage.call()
        for number in range(2 * SLOTS):  # more than one read, from two sources, in pieces of one size and of others
            for robot in (customer, agent):
                robot.send(Kind.VIDEO, 1000 + number)
                if number % 5 == 0:
                    robot.send(Kind.AUDIO, number)
        for robot in (customer, agent):
            await until(lambda robot=robot: len(robot.numbers(Kind.VIDEO)) == 3 + 2 * SLOTS, "all pictures came")
            assert robot.numbers(Kind.VIDEO)[3:] == list(range(1000, 1000 + 2 * SLOTS))
            assert robot.numbers(Kind.AUDIO)[3:] == list(range(0, 2 * SLOTS, 5))
        assert not stage.engine.counters().dropped
