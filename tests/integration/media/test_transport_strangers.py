"""What anybody on the network can send: nothing of it ends, delays or enters somebody else's call, or is answered."""

import asyncio
import contextlib
import secrets
import socket
from collections import Counter

import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from media.transport.client import ClientPeer
from media.transport.dtls import Certificate
from media.transport.ice import MAX_ADDRESSES
from media.transport.server import LINK_CHECKS_PER_TICK, TransportServer
from media.transport.stun import binding_request
from tests.integration.media.transport_rig import (
    JumpingClock,
    RecordingSink,
    connect,
    rtp,
    serving,
    stranger,
    until,
)

JUNK = [b"", b"\x00", b"\x80", b"\x16", b"x" * 2048, b"\x16" * 65_507, b"\x80" * 1200, bytes(20), b"\x00\x01" * 40]


def throw(source: socket.socket, server: TransportServer, datagram: bytes) -> None:
    with contextlib.suppress(BlockingIOError):
        source.sendto(datagram, ("127.0.0.1", server.port))


async def quiet(server: TransportServer) -> None:
    """Let the server read everything that is waiting at its socket."""
    before = None
    while before != server.counters:
        before = Counter(server.counters)
        await asyncio.sleep(0.02)


async def test_1000_junk_datagrams_before_during_and_after_set_up_lose_nothing() -> None:
    """One empty datagram from a stranger used to end a call: its first byte was read before there was one known."""
    async with serving() as server:
        with stranger() as source:
            heard = RecordingSink()
            client_sink = RecordingSink()
            peer = await ClientPeer.open(client_sink)
            for number in range(200):
                throw(source, server, JUNK[number % len(JUNK)])
            link, _, answer = server.answer(peer.create_offer(), heard, "lg_1")
            client, _ = await peer.set_answer(answer)
            connecting = asyncio.ensure_future(peer.connected(30))
            thrown = 200
            while not connecting.done():
                throw(source, server, JUNK[thrown % len(JUNK)])
                thrown += 1
                await asyncio.sleep(0)
            await connecting
            await until(lambda: link.connected, "the server's side has keys")
            for sequence in range(500):
                throw(source, server, JUNK[sequence % len(JUNK)])
                throw(source, server, JUNK[(sequence + 1) % len(JUNK)])
                for sender in (client, link):
                    assert sender.send_rtp(*rtp(sequence))
                if sequence % 10 == 9:
                    await asyncio.sleep(0)
            await until(lambda: len(heard.rtp) == len(client_sink.rtp) == 500, "every packet of both sides")
            await quiet(server)
            assert server.counters["datagram_size"] + server.counters["stranger_junk"] == thrown + 1000
            assert heard.events == ["connected"]
            assert client_sink.events == ["connected"]
            with pytest.raises(BlockingIOError):
                source.recv(2048)
        await peer.close()


def client_hello() -> bytes:
    """A real first flight of a DTLS client with a certificate of its own."""
    connection = SSL.Connection(Certificate.generate()._create_ssl_context(SRTP_PROFILES))
    connection.set_connect_state()
    with contextlib.suppress(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(1500)


async def test_a_strangers_client_hello_never_wins_the_race() -> None:
    """The race of CVE-2023-49786: a hello between ICE and DTLS used to spoil the set-up."""
    hello = client_hello()
    async with serving() as server:
        with stranger() as source:
            for number in range(20):
                sink = RecordingSink()
                peer = await ClientPeer.open(RecordingSink())
                _, _, answer = server.answer(peer.create_offer(), sink, f"lg_{number}")
                await peer.set_answer(answer)
                connecting = asyncio.ensure_future(peer.connected(30))
                while not connecting.done():
                    throw(source, server, hello)
                    await asyncio.sleep(0)
                await connecting
                await until(lambda s=sink: s.events == ["connected"], "connected")
                await peer.close()
        assert server.counters["stranger_junk"] >= 20
        assert not server.counters["dtls_error"]


async def test_junk_before_ice_is_queued_nowhere() -> None:
    async with serving() as server:
        sink = RecordingSink()
        peer = await ClientPeer.open(RecordingSink())
        link, _, _ = server.answer(peer.create_offer(), sink, "lg_1")
        with stranger() as source:
            for _ in range(3000):
                throw(source, server, b"\x16\xfe\xfd" + bytes(500))
                throw(source, server, b"\x80\x60" + bytes(500))
                await asyncio.sleep(0)
        await quiet(server)
        assert server.counters == {"stranger_junk": 6000}
        assert not link._pipe._queue
        await peer.close()


async def test_valid_credentials_of_nobody_get_no_answer() -> None:
    """Amplification to strangers is 0: not even an error goes back."""
    async with serving() as server:
        peer = await ClientPeer.open(RecordingSink())
        _, agreed, _ = server.answer(peer.create_offer(), RecordingSink(), "lg_1")
        ours, theirs = agreed.local_ufrag, agreed.remote_ufrag
        with stranger() as source:
            for username, password in (
                ("nobody:theirs", b"guess"),
                (f"{ours}:{theirs}", b"guess"),
                (f"{ours}:other", agreed.local_password.encode()),
            ):
                throw(source, server, binding_request(bytes(12), username, password, priority=1, tie_breaker=1))
            await quiet(server)
            assert server.counters == {"stun_username": 2, "stun_integrity": 1}
            with pytest.raises(BlockingIOError):
                source.recv(2048)
            throw(source, server, binding_request(bytes(12), f"{ours}:{theirs}", agreed.local_password.encode(),
                                                  priority=1, tie_breaker=1))  # fmt: skip
            await quiet(server)
            assert source.recv(2048)[:2] == b"\x01\x01", "the right ones are answered"
        await peer.close()


async def test_new_calls_are_set_up_during_a_flood_that_looks_like_stun() -> None:
    flood = binding_request(bytes(12), "nobody:nobody", b"x", priority=1, tie_breaker=1)
    async with serving() as server:
        with stranger() as source:
            for _ in range(3000):
                throw(source, server, flood)
            call = await connect(server)
            for _ in range(3000):
                throw(source, server, flood)
            assert call.client.send_rtp(*rtp(1))
            await until(lambda: call.server_sink.rtp, "media of the call")
            await quiet(server)
            assert set(server.counters) == {"stun_username"}
        await call.peer.close()


async def test_checks_that_name_a_link_are_limited_for_that_link_alone() -> None:
    """Policy for *full*: checks of a link beyond its allowance are dropped unread until the next tick."""
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call, other = await connect(server), await connect(server, leg_id="lg_2")
        agreed = call.agreed
        username = f"{agreed.local_ufrag}:{agreed.remote_ufrag}"
        wrong = binding_request(bytes(12), username, b"guess", priority=1, tie_breaker=1)
        with stranger() as source:
            await clock.advance(1.0)
            for number in range(LINK_CHECKS_PER_TICK + 50):
                throw(source, server, wrong)
                if number % 50 == 49:
                    await asyncio.sleep(0)
            await quiet(server)
            assert server.counters == {"stun_integrity": LINK_CHECKS_PER_TICK, "stun_rate": 50}
            await other.peer.rebind()
            await until(lambda: other.server.remote_address.endswith(f":{other.peer.local_port}"), "the other moves")
            await clock.advance(1.0)
            throw(source, server, wrong)
            await quiet(server)
            assert server.counters["stun_rate"] == 50
        for each in (call, other):
            await each.peer.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=1500) | st.binary(max_size=200).map(lambda b: b"\0\1\0" + b), max_size=5))
def test_no_datagram_raises_out_of_the_reader(datagrams: list[bytes]) -> None:
    async def play() -> None:
        failures: list[dict] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        async with serving(host="127.0.0.1") as server:
            server.answer(OFFER, RecordingSink(), "lg_1")
            with stranger() as source:
                for datagram in datagrams:
                    throw(source, server, datagram)
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert not server.counters["handler_error"]
        assert not failures

    asyncio.run(play())


async def test_no_candidate_of_a_description_is_ever_sent_to() -> None:
    """Server-side request forgery by candidates: the server sends only where a valid check came from."""
    async with serving() as server:
        peer = await ClientPeer.open(RecordingSink())
        with stranger() as victim, stranger("::1") as victim6:
            lines = [
                f"a=candidate:{n} 1 udp {2**31 - n} {name[0]} {name[1]} typ host"
                for n, name in enumerate((victim.getsockname(), victim6.getsockname()), 5)
            ]
            offer = peer.create_offer().replace("a=end-of-candidates", "\r\n".join([*lines, "a=end-of-candidates"]))
            link, agreed, answer = server.answer(offer, RecordingSink(), "lg_1")
            assert len(agreed.remote_candidates) == 3
            await peer.set_answer(answer)
            await peer.connected(30)
            await until(lambda: link.connected, "connected")
            await link.close()
            for each in (victim, victim6):
                with pytest.raises(BlockingIOError):
                    each.recv(2048)
        await peer.close()


async def test_a_customer_cannot_take_over_the_address_of_a_live_call() -> None:
    """A check with forged source (here: sent from the victim's own socket) must not redirect the victim's packets."""
    async with serving() as server:
        victim = await connect(server, leg_id="lg_victim")
        attacker = await ClientPeer.open(RecordingSink())
        _, agreed, _ = server.answer(attacker.create_offer(), RecordingSink(), "lg_attacker")
        forged = binding_request(
            secrets.token_bytes(12),
            f"{agreed.local_ufrag}:{agreed.remote_ufrag}",
            agreed.local_password.encode(),
            priority=1,
            tie_breaker=1,
            use_candidate=True,
        )
        victim.peer.send_raw(forged)
        await until(lambda: server.counters["address_taken"], "the forged check is refused")
        assert victim.client.send_rtp(*rtp(1))
        await until(lambda: victim.server_sink.rtp, "the victim is still heard")
        await victim.peer.close()
        await attacker.close()


async def test_addresses_of_one_link_are_bounded() -> None:
    """The ninth address with valid credentials makes the one longest without a check a stranger again."""
    async with serving() as server:
        peer = await ClientPeer.open(RecordingSink())
        _, agreed, _ = server.answer(peer.create_offer(), RecordingSink(), "lg_1")
        check = binding_request(
            bytes(12),
            f"{agreed.local_ufrag}:{agreed.remote_ufrag}",
            agreed.local_password.encode(),
            priority=1,
            tie_breaker=1,
        )
        with contextlib.ExitStack() as opened:
            sources = [opened.enter_context(stranger()) for _ in range(MAX_ADDRESSES + 3)]
            for each in sources:
                throw(each, server, check)
                await quiet(server)
            kept = set(server._socket.routes)
            assert kept == {s.getsockname() for s in (sources[0], *sources[4:])}, "the selected one, and the last ones"
            assert kept == set(server._at)
        await peer.close()


async def test_media_of_a_stranger_with_the_right_bytes_is_dropped() -> None:
    """A copied packet from another address is dropped at the socket, from the same address by its replay check."""
    async with serving() as server:
        call = await connect(server)
        packet, length = rtp(1)
        size = call.client.send_rtp(packet, length)
        await until(lambda: call.server_sink.rtp, "the packet")
        copy = bytes(packet[:size])
        with stranger() as source:
            throw(source, server, copy)
            await until(lambda: server.counters["stranger_junk"] == 1, "dropped unread")
        call.peer.send_raw(copy)
        await until(lambda: server.counters["srtp_replay"] == 1, "the replay is counted")
        call.peer.send_raw(copy[:3] + bytes([copy[3] + 1]) + copy[4:])
        call.peer.send_raw(b"\x80\xc9" + bytes(60))
        await until(lambda: server.counters["srtp_auth"] == 2, "what isn't authentic is counted")
        for junk in (b"", b"\x16", b"\x80", b"x" * 1501):  # the buffer still holds the last packet's bytes
            call.peer.send_raw(junk)
        for junk in (b"\x80\x60", b"\x80\xc8" + bytes(20), b"\xff" * 30, b"\x46" * 30, b"\x16\xfe\xfd" + b"\xff" * 60):
            call.peer.send_raw(junk)
        assert call.client.send_rtp(*rtp(2))
        await until(lambda: len(call.server_sink.rtp) == 2, "the call goes on")
        assert server.counters["srtp_malformed"] == 2
        assert server.counters["datagram_kind"] == 2
        assert server.counters["datagram_size"] == 4
        await call.peer.close()


OFFER = ""


@pytest.fixture(autouse=True, scope="module")
def offer() -> None:
    async def make() -> str:
        peer = await ClientPeer.open(RecordingSink())
        await peer.close()
        return peer.create_offer()

    global OFFER
    OFFER = asyncio.run(make())
