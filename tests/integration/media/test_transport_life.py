"""How links end, go silent and move: deadlines on a clock of our own, networks that change, peers that vanish."""

import asyncio

import pytest
import structlog

from media.port import MediaRefused
from media.transport.client import ClientPeer
from media.transport.server import TransportServer
from media.transport.srtp import MAX_SSRCS
from media.transport.timers import TransportTimers
from tests.integration.media.transport_rig import (
    Call,
    JumpingClock,
    RecordingSink,
    connect,
    open_files,
    rtp,
    serving,
    until,
)


async def exchange(call: Call, sequence: int) -> None:
    """One packet each way arrives."""
    before = len(call.server_sink.rtp), len(call.client_sink.rtp)
    assert call.client.send_rtp(*rtp(sequence))
    assert call.server.send_rtp(*rtp(sequence))
    await until(lambda: len(call.server_sink.rtp) > before[0], "media towards the server")
    await until(lambda: len(call.client_sink.rtp) > before[1], "media towards the client")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_media_follows_the_client_to_a_new_address(host: str) -> None:
    """A phone that leaves Wi-Fi: the newly nominated pair is followed without a negotiation."""
    async with serving() as server:
        call = await connect(server, host=host)
        await exchange(call, 1)
        addresses = {call.server.remote_address}
        for sequence in range(2, 6):
            before = call.peer.local_port
            await call.peer.rebind()
            assert call.peer.local_port != before
            await until(lambda: call.server.remote_address.endswith(f":{call.peer.local_port}"), "the move")
            addresses.add(call.server.remote_address)
            await exchange(call, sequence)
        assert len(addresses) == 5
        assert call.server_sink.events == call.client_sink.events == ["connected"]
        await call.peer.close()


async def test_address_left_behind_is_a_strangers_after_30_s() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call = await connect(server, clock=clock)
        await call.peer.rebind()
        await until(lambda: call.server.remote_address.endswith(f":{call.peer.local_port}"), "the move")
        assert len(server._socket.routes) == 2
        await clock.advance(29.0)
        assert len(server._socket.routes) == 2
        await clock.advance(2.0)
        assert list(server._socket.routes) == [("127.0.0.1", call.peer.local_port)]
        await exchange(call, 1)
        await call.peer.close()


async def test_peer_that_never_checks_ends_by_the_set_up_deadline() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        sink = RecordingSink()
        peer = await ClientPeer.open(RecordingSink())
        link, _, _ = server.answer(peer.create_offer(), sink, "lg_1")
        await clock.advance(19.5)
        assert sink.events == []
        await clock.advance(1.0)
        assert sink.events == ["closed:setup_timeout"]
        assert server.links == 0
        await link.close()
        await peer.close()


async def test_peer_that_checks_but_never_speaks_dtls_ends_by_the_set_up_deadline() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        sink = RecordingSink()
        peer = await ClientPeer.open(RecordingSink())
        offer = peer.create_offer().replace("a=setup:actpass", "a=setup:passive")
        link, _, answer = server.answer(offer, sink, "lg_1")
        await peer.set_answer(answer)
        peer._link._pipe.push = lambda _: None  # type: ignore[union-attr, method-assign]  # deaf to DTLS
        await until(lambda: link.remote_address, "a validated address")
        await clock.advance(21.0)
        assert sink.events == ["closed:setup_timeout"]
        await peer.close()


async def test_server_is_the_dtls_client_when_the_offer_is_passive() -> None:
    async with serving() as server:
        client_sink, sink = RecordingSink(), RecordingSink()
        peer = await ClientPeer.open(client_sink)
        offer = peer.create_offer().replace("a=setup:actpass", "a=setup:passive")
        link, agreed, answer = server.answer(offer, sink, "lg_1")
        assert agreed.dtls_role == "client"
        client, _ = await peer.set_answer(answer)
        await peer.connected(30)
        await until(lambda: link.connected, "connected")
        await exchange(Call(peer, client, client_sink, link, sink, agreed), 1)
        await peer.close()


async def test_silence_of_a_slow_set_up_counts_from_its_last_packet() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        sink = RecordingSink()
        peer = await ClientPeer.open(RecordingSink())
        link, _, answer = server.answer(peer.create_offer(), sink, "lg_1")
        await clock.advance(15.0)
        await peer.set_answer(answer)
        await until(lambda: link.connected, "connected")
        await clock.advance(5.5)
        assert sink.events == ["connected"]
        await clock.advance(2.0)
        assert sink.events == ["connected", "silent"]
        await peer.close()


async def test_vanished_peer_is_silent_after_6_s_and_gone_after_30_s() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call = await connect(server)
        await clock.advance(1.0)
        call.peer.vanish()
        await clock.advance(5.0)
        assert call.server_sink.events == ["connected"]
        await clock.advance(1.5)
        assert call.server_sink.events == ["connected", "silent"]
        await clock.advance(21.5)
        assert call.server.connected
        await clock.advance(2.0)
        assert call.server_sink.events == ["connected", "silent", "closed:consent_lost"]
        assert not call.server.connected
        assert call.server.send_rtp(*rtp(1)) == 0
        await call.peer.close()


async def test_peer_that_comes_back_is_heard_at_its_first_packet() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call = await connect(server)
        await clock.advance(12.0)
        assert call.server_sink.events == ["connected", "silent"]
        assert call.client.send_rtp(*rtp(1))
        await until(lambda: call.server_sink.events == ["connected", "silent", "heard"], "heard again")
        await clock.advance(5.0)
        assert call.server_sink.events[-1] == "heard"
        await clock.advance(2.0)
        assert call.server_sink.events[-1] == "silent"
        await call.peer.close()


async def test_checks_keep_consent_and_end_silence_without_any_media() -> None:
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call = await connect(server, clock=clock)
        await clock.advance(60.0)
        assert call.server_sink.events == call.client_sink.events == ["connected"]
        await call.peer.close()


async def test_media_without_checks_loses_consent() -> None:
    """RFC 7675: a stream that goes on is no consent to be sent to."""
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call = await connect(server)
        call.peer._checks.cancel()
        for sequence in range(40):
            call.client.send_rtp(*rtp(sequence))
            await until(lambda n=sequence: len(call.server_sink.rtp) > n or not call.server.connected, "media")
            await clock.advance(1.0)
            if not call.server.connected:
                break
        assert 29 <= len(call.server_sink.rtp) <= 32
        assert call.server_sink.events == ["connected", "closed:consent_lost"]
        await call.peer.close()


async def test_client_notices_a_server_that_is_gone() -> None:
    clock = JumpingClock()
    async with serving() as server:
        call = await connect(server, clock=clock)
        server._socket.close()
        await clock.advance(31.0)
        assert call.client_sink.events == ["connected", "silent", "closed:consent_lost"]
        await call.peer.close()


async def test_a_stall_of_the_loop_is_not_held_against_the_peers() -> None:
    """A suspended process reads what waited at its socket before it judges anybody by it."""
    clock = JumpingClock()
    async with serving(clock=clock) as server:
        call = await connect(server)
        await clock.advance(40.0, step_s=40.0)
        assert call.server_sink.events == ["connected"]
        assert call.client.send_rtp(*rtp(1))
        await until(lambda: call.server_sink.rtp, "media after the stall")
        await call.peer.close()


async def test_close_ends_at_once_with_a_peer_that_never_answers() -> None:
    async with serving() as server:
        call = await connect(server)
        call.peer.vanish()
        async with asyncio.timeout(30):
            await asyncio.gather(call.server.close(), call.server.close())
        assert call.server_sink.events == ["connected", "closed:closed"]
        assert server.links == 0
        await call.peer.close()


async def test_close_that_gets_stuck_is_abandoned_and_counted() -> None:
    async with serving(timers=TransportTimers(close_s=0.05)) as server:
        call = await connect(server)

        async def stuck(**_: bool) -> None:
            await asyncio.Event().wait()

        call.server._dtls.shut_down = stuck  # type: ignore[attr-defined]
        pump = call.server._dtls._task  # type: ignore[attr-defined]
        async with asyncio.timeout(30):
            await call.server.close()
        assert server.counters["close_abandoned"] == 1
        assert call.server_sink.events == ["connected", "closed:closed"]
        await asyncio.gather(pump, return_exceptions=True)
        await call.peer.close()


@pytest.mark.parametrize("abuse", ["sources", "timestamps", "sequences"])
async def test_close_never_hangs_after_abuse_by_a_valid_peer(abuse: str) -> None:
    """300 SSRCs or timestamps 0 and 2^32-1 used to kill a report task that close() then waited for."""
    async with serving() as server:
        call = await connect(server)
        for number in range(300):
            packet, length = rtp(number * 0x7000 if abuse == "sequences" else number,
                                 ssrc=number if abuse == "sources" else 1)  # fmt: skip
            if abuse == "timestamps":
                packet[4:8] = b"\xff\xff\xff\xff" if number % 2 else bytes(4)
            call.client.send_rtp(packet, length)
            if number % 20 == 19:
                await asyncio.sleep(0)
        await until(lambda: len(call.server_sink.rtp) + server.counters.total() >= 290, "everything judged")
        if abuse == "sources":
            assert server.counters["srtp_ssrc_limit"] == 300 - MAX_SSRCS
        async with asyncio.timeout(30):
            await call.server.close()
        await call.peer.close()


async def test_dtls_with_another_certificate_than_announced_fails() -> None:
    async with serving() as server:
        sink = RecordingSink()
        peer = await ClientPeer.open(RecordingSink())
        offer = peer.create_offer()
        at = offer.index("sha-256 ") + 8
        wrong = "00" if offer[at : at + 2] != "00" else "01"
        offer = offer.replace(offer[at : at + 95], wrong + offer[at + 2 : at + 95])
        link, _, answer = server.answer(offer, sink, "lg_1")
        await peer.set_answer(answer)
        await until(lambda: sink.events == ["closed:dtls_failed"], "refused")
        assert link.send_rtp(*rtp(1)) == 0
        await peer.close()


async def test_full_server_refuses_and_a_closed_link_makes_room() -> None:
    async with serving(max_links=2) as server:
        calls = [await connect(server, leg_id=f"lg_{n}") for n in range(2)]
        offer = calls[0].peer.create_offer()
        with pytest.raises(MediaRefused, match="capacity"):
            server.answer(offer, RecordingSink(), "lg_2")
        await calls[0].server.close()
        with pytest.raises(MediaRefused, match="leg_exists"):
            server.answer(offer, RecordingSink(), "lg_1")
        server.answer(offer, RecordingSink(), "lg_2")
        assert server.links == 2
        for call in calls:
            await call.peer.close()


async def test_refused_offer_leaves_nothing() -> None:
    async with serving() as server:
        tasks = len(asyncio.all_tasks())
        peer = await ClientPeer.open(RecordingSink())
        offer = "\r\n".join(x for x in peer.create_offer().split("\r\n") if not x.startswith("a=fingerprint"))
        with pytest.raises(MediaRefused, match="sdp_no_fingerprint"):
            server.answer(offer, RecordingSink(), "lg_1")
        assert server.links == 0
        assert len(asyncio.all_tasks()) == tasks
        await peer.close()


async def test_server_may_be_closed_by_several_at_once() -> None:
    async with serving() as server:
        call = await connect(server)
        await asyncio.gather(server.aclose(), server.aclose(), call.server.close())
        assert call.server_sink.events == ["connected", "closed:engine_stopped"]
        await call.peer.close()


async def test_closed_server_refuses_offers() -> None:
    async with serving() as server:
        await server.aclose()
        peer = await ClientPeer.open(RecordingSink())
        with pytest.raises(MediaRefused, match="engine_stopped"):
            server.answer(peer.create_offer(), RecordingSink(), "lg_1")
        await peer.close()


async def test_200_calls_leave_no_descriptor_and_no_task() -> None:
    async with serving() as server:
        first = await connect(server)
        await first.peer.close()
        await until(lambda: not server.links, "closed")
        files, tasks = open_files(), len(asyncio.all_tasks())
        for batch in range(25):
            calls = await asyncio.gather(*(connect(server, leg_id=f"lg_{batch}_{n}") for n in range(8)))
            await asyncio.gather(*(c.peer.close() if n % 2 else c.server.close() for n, c in enumerate(calls)))
            await until(lambda: not server.links, "all closed")
            await asyncio.gather(*(c.peer.close() for c in calls))
        await until(lambda: len(asyncio.all_tasks()) == tasks, "the last tasks end")
        assert open_files() <= files
        assert not server._by_ufrag
        assert not server._at
        assert not server._socket.routes


@pytest.mark.parametrize("host", ["example.com", "not an address"])
async def test_names_are_not_looked_up(host: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        await TransportServer.open(host=host)
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        await TransportServer.open(host="localhost", announce=[host])


async def test_busy_port_is_an_error_and_leaves_nothing_open() -> None:
    files = open_files()
    async with serving() as server:
        inside = open_files()
        with pytest.raises(OSError, match="in use"):
            await TransportServer.open(host="localhost", port=server.port)
        assert open_files() == inside
    assert open_files() == files


async def test_announced_addresses_are_those_of_the_settings_or_the_hosts_own() -> None:
    async with serving(announce=["203.0.113.5", "2001:db8::5"]) as server:
        peer = await ClientPeer.open(RecordingSink())
        _, _, answer = server.answer(peer.create_offer(), RecordingSink(), "lg_1")
        assert [line.split()[4:6] for line in answer.splitlines() if line.startswith("a=candidate")] == [
            ["203.0.113.5", str(server.port)],
            ["2001:db8::5", str(server.port)],
        ]
        await peer.close()
    async with serving(host="") as server:
        assert set(server.announced) >= {"127.0.0.1", "::1"}
        assert server.announced[-2:] == ("127.0.0.1", "::1")


@pytest.mark.parametrize(("wanted_bytes", "told"), [(1 << 30, True), (1024, False)])
async def test_a_kernel_that_gives_less_buffer_than_asked_is_told_at_the_start(
    wanted_bytes: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.transport.udp.SOCKET_BUFFER_BYTES", wanted_bytes)
    monkeypatch.setattr("media.transport.server.SOCKET_BUFFER_BYTES", wanted_bytes)
    with structlog.testing.capture_logs() as lines:
        async with serving():
            pass
    small = [line for line in lines if line["event"] == "transport.small_receive_buffer"]
    assert bool(small) == told
    assert all(0 < line["granted_bytes"] < wanted_bytes for line in small)
