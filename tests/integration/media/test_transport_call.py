"""A call over real sockets: media both ways, both families, and what is left of it afterwards."""

import asyncio

import pytest

from media.transport.client import ClientPeer
from tests.integration.media.transport_rig import (
    RecordingSink,
    connect,
    open_files,
    receiver_report,
    rtp,
    serving,
    until,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_rtp_and_rtcp_flow_both_ways(host: str) -> None:
    async with serving() as server:
        call = await connect(server, host=host, screen=True)
        for sequence in range(50):
            for link in (call.client, call.server):
                buffer, length = rtp(sequence)
                assert link.send_rtp(buffer, length) > length
                buffer, length = receiver_report()
                assert link.send_rtcp(buffer, length) > length
        for sink in (call.client_sink, call.server_sink):
            await until(lambda s=sink: len(s.rtp) == 50 and len(s.rtcp) == 50, "50 packets of each kind")
            assert [bytes(rtp(n)[0][:200]) for n in range(50)] == sink.rtp
            assert set(sink.rtcp) == {bytes(receiver_report()[0][:8])}
        assert call.server_sink.events == call.client_sink.events == ["connected"]
        assert not server.counters
        assert not call.peer.counters
        await call.peer.close()
        await until(lambda: call.server_sink.events[-1:] == ["closed:bye"], "the server hears close_notify")


async def test_nothing_is_left_of_a_closed_server_with_connected_and_unconnected_links() -> None:
    files, tasks = open_files(), len(asyncio.all_tasks())
    async with serving() as server:
        calls = [await connect(server, leg_id=f"lg_{n}") for n in range(5)]
        waiting = await ClientPeer.open(RecordingSink())
        sink = RecordingSink()
        server.answer(waiting.create_offer(), sink, "lg_waiting")
        assert server.links == 6
    assert server.links == 0
    assert sink.events == ["closed:engine_stopped"]
    assert all(call.server_sink.events == ["connected", "closed:engine_stopped"] for call in calls)
    for call in calls:
        await until(lambda c=call: c.client_sink.events[-1:] == ["closed:bye"], "the client hears close_notify")
        await call.peer.close()
    await waiting.close()
    await server.aclose()
    assert open_files() == files
    assert len(asyncio.all_tasks()) == tasks
