"""The bad network itself: what it does to packets, and that it is the same bad network for the same seed."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.support.impairment import IP_UDP_BYTES, MAX_SOURCES, Address, Impairment, ImpairmentRelay, Lane, UnderWay
from tests.support.impairment import steer as steered

SPACING_S = 0.01
MANY = 20_000


def outcomes(impairment: Impairment, *, packets: int = MANY, size: int = 100, seed: int = 3) -> list[tuple[float, ...]]:
    """What becomes of packets that come every ten milliseconds, as delays in seconds."""
    lane = Lane(impairment, random.Random(seed))
    times = [number * SPACING_S for number in range(packets)]
    return [tuple(out_s - now_s for out_s in lane.admit(size, now_s)) for now_s in times]


def test_the_same_seed_is_the_same_network() -> None:
    bad = Impairment(delay_ms=80, jitter_ms=30, loss=0.1, burst_loss=0.05, reorder=0.02, duplicate=0.01)
    assert outcomes(bad) == outcomes(bad)
    assert outcomes(bad) != outcomes(bad, seed=4)


def test_an_unimpaired_lane_lets_everything_through_at_once() -> None:
    assert set(outcomes(Impairment())) == {(0.0,)}


def test_delays_are_spread_around_the_mean_and_keep_the_order() -> None:
    delays = [out for outcome in outcomes(Impairment(delay_ms=80, jitter_ms=30)) for out in outcome]
    assert 0.0499 <= min(delays) < 0.055
    assert 0.105 < max(delays) <= 0.1101
    assert 0.080 < sum(delays) / len(delays) < 0.095  # who is late holds up the next
    arrivals = [number * SPACING_S + delay for number, delay in enumerate(delays)]
    assert all(earlier <= later for earlier, later in pairwise(arrivals))


def test_losses_have_the_share_asked_for() -> None:
    assert sum(not each for each in outcomes(Impairment(loss=0.05))) / MANY == pytest.approx(0.05, abs=0.005)


def test_losses_in_bursts_have_the_share_and_the_length_asked_for() -> None:
    lost = [not each for each in outcomes(Impairment(burst_loss=0.1, burst_packets=8))]
    bursts = sum(now and not before for before, now in pairwise([False, *lost]))
    assert sum(lost) / MANY == pytest.approx(0.1, abs=0.02)
    assert sum(lost) / bursts == pytest.approx(8, abs=1.5)


def test_a_share_is_duplicated() -> None:
    twice = [each for each in outcomes(Impairment(duplicate=0.01)) if len(each) == 2]
    assert len(twice) / MANY == pytest.approx(0.01, abs=0.003)


def test_a_reordered_packet_is_overtaken_and_holds_nobody_up() -> None:
    delays = [each[0] for each in outcomes(Impairment(delay_ms=20, reorder=0.02, reorder_ms=30))]
    assert {round(each, 3) for each in delays} == {0.02, 0.05}
    assert sum(each > 0.04 for each in delays) / MANY == pytest.approx(0.02, abs=0.004)


def test_the_rate_is_kept_and_the_queue_ends_where_it_is_said_to() -> None:
    size = 1000
    rate_bps = 400_000  # half of what is offered
    results = outcomes(Impairment(rate_bps=rate_bps, queue_ms=100), packets=1000, size=size)
    through = [each[0] for each in results if each]
    assert len(through) * (size + IP_UDP_BYTES) * 8 == pytest.approx(rate_bps * 1000 * SPACING_S, rel=0.03)
    own_s = (size + IP_UDP_BYTES) * 8 / rate_bps
    assert max(through) <= 0.1 + own_s + 1e-9
    assert results[0][0] == pytest.approx(own_s)


def test_a_cut_can_be_mended_and_is_counted() -> None:
    lane = Lane(Impairment(cut=True), random.Random(1))
    assert lane.admit(100, 0.0) == ()
    lane.impairment = Impairment()
    assert lane.admit(100, 1.0) == (1.0,)
    assert dict(lane.counters) == {"packets": 2, "bytes": 200, "lost_cut": 1}


def test_what_is_under_way_comes_out_by_time_then_by_order() -> None:
    out: list[str] = []
    under_way = UnderWay()
    for at_s, name in ((3.0, "late"), (1.0, "first"), (2.0, "a"), (2.0, "b")):
        under_way.add(at_s, lambda name=name: out.append(name))  # type: ignore[misc]
    assert under_way.next_s == 1.0
    for deliver in under_way.due(2.0):
        deliver()
    assert out == ["first", "a", "b"]
    assert len(under_way) == 1


# ---------------------------------------------------------------- over sockets


@contextmanager
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
        yield opened


@pytest.fixture
async def server() -> AsyncIterator[socket.socket]:
    with udp() as opened:
        yield opened


@pytest.fixture
async def relay(server: socket.socket) -> AsyncIterator[ImpairmentRelay]:
    running = ImpairmentRelay(server.getsockname())
    yield running
    running.close()


async def received(where: socket.socket) -> tuple[bytes, Address]:
    async with asyncio.timeout(30):
        return await asyncio.get_running_loop().sock_recvfrom(where, 2048)


async def test_each_person_has_an_address_of_their_own_at_the_server_and_gets_their_own_answers(
    server: socket.socket, relay: ImpairmentRelay
) -> None:
    one, two = relay.open_path("one"), relay.open_path("two", up=Impairment(delay_ms=5))
    with udp() as ada, udp() as bob:
        ada.sendto(b"from ada", one.address)
        data, ada_seen = await received(server)
        assert (data, (ada_seen,)) == (b"from ada", one.apparent_addresses)
        bob.sendto(b"from bob", two.address)
        data, bob_seen = await received(server)
        assert data == b"from bob"
        assert ada_seen != bob_seen
        server.sendto(b"to bob", bob_seen)
        assert await received(bob) == (b"to bob", two.address)
        server.sendto(b"to ada", ada_seen)
        assert await received(ada) == (b"to ada", one.address)


async def test_a_cut_swallows_what_is_under_way_and_a_mended_path_goes_on(
    server: socket.socket, relay: ImpairmentRelay
) -> None:
    path = relay.open_path("one", up=Impairment(delay_ms=30))
    with udp() as ada:
        ada.sendto(b"under way", path.address)
        await until(lambda: path.up_lane.counters["packets"] == 1)
        path.cut()
        ada.sendto(b"too late", path.address)
        await until(lambda: path.up_lane.counters["lost_cut"] == 2)
        path.mend()
        ada.sendto(b"back", path.address)
        assert (await received(server))[0] == b"back"


async def test_after_a_rebind_the_server_sees_another_address_and_the_old_one_is_deaf(
    server: socket.socket, relay: ImpairmentRelay
) -> None:
    path = relay.open_path("one")
    with udp() as ada:
        ada.sendto(b"wifi", path.address)
        _, before = await received(server)
        path.rebind()
        ada.sendto(b"mobile", path.address)
        _, after = await received(server)
        assert after != before
        server.sendto(b"to the old one", before)
        server.sendto(b"to the new one", after)
        assert (await received(ada))[0] == b"to the new one"


async def test_only_the_server_gets_in_and_sources_are_bounded(server: socket.socket, relay: ImpairmentRelay) -> None:
    path = relay.open_path("one")
    with udp() as ada, udp() as stranger:
        ada.sendto(b"hello", path.address)
        _, seen = await received(server)
        stranger.sendto(b"from a stranger", seen)
        server.sendto(b"from the server", seen)
        assert (await received(ada))[0] == b"from the server"
    for _ in range(MAX_SOURCES):
        with udp() as another:
            another.sendto(b"hello", path.address)
    await until(lambda: relay.counters["sources_full"] >= 1)


def test_a_steered_answer_has_the_path_as_its_only_candidate() -> None:
    answer = (
        "v=0\r\na=candidate:1 1 udp 5 192.0.2.1 5000 typ host\r\na=candidate:2 1 udp 4 ::1 5000 typ host\r\na=x\r\n"
    )
    assert steered(answer, ("127.0.0.1", 7)) == "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 7 typ host\r\na=x\r\n"


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - sockets have no event of ours
            await asyncio.sleep(0.001)
