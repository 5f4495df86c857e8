"""A thousand calls that come and go, some that stay half way, and a stranger's flood: what is left, and what it cost.

Prints JSON lines. `VISAVIS_ENDURANCE_CALLS=3000` for longer. Memory is read from the server's process alone.
"""

import asyncio
import json
import os
import socket
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from media.transport.client import ClientPeer
from tests.bench.talkers import Talker, arrived, talk
from tests.bench.test_forwarding_cost import HERE, cpu_s, server
from tests.integration.media.transport_rig import RecordingSink

CALLS = int(os.environ.get("VISAVIS_ENDURANCE_CALLS", "1000"))
AT_ONCE = 4
ABANDONED = 150
MOST_MB_PER_1000 = 20.0
JUNK_S = 10.0
JUNK_PER_S = 1_000


def process(pid: int) -> dict[str, float]:
    """What a process holds: resident memory in MB, descriptors, threads."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(status["Threads"]),
    }


async def join(http: aiohttp.ClientSession, url: str, call: str, role: str) -> ClientPeer:
    peer = await ClientPeer.open(RecordingSink())
    async with http.post(
        url.format(call=call, role=role), json={"sdp": peer.create_offer(), "type": "offer"}
    ) as response:
        assert response.status == 200, await response.text()
        await peer.set_answer((await response.json())["sdp"])
    return peer


async def legs(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url.partition("/offer")[0] + "/counters") as response:
        return int((await response.json())["legs"])


async def gone(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(60):
        while await legs(http, url):  # noqa: ASYNC110 - another process: there is nothing to wait on
            await asyncio.sleep(0.5)


@pytest.mark.timeout(1800)
async def test_calls_that_come_and_go_leave_nothing() -> None:
    async with server(str(HERE / "forward_server.py"), "--port", "0") as (pid, told), aiohttp.ClientSession() as http:
        url = told.split()[0]
        numbers = iter(range(10**6))

        async def come_and_go(count: int) -> None:
            for _ in range(count):
                call = str(next(numbers))
                peers = [await join(http, url, call, role) for role in ("customer", "agent")]
                await asyncio.gather(*(peer.connected(20) for peer in peers))
                await asyncio.gather(*(peer.close() for peer in peers))

        async def many(count: int) -> dict[str, float]:
            await asyncio.gather(*(come_and_go(count // AT_ONCE) for _ in range(AT_ONCE)))
            await gone(http, url)
            return process(pid)

        warm = await many(max(100, CALLS // 10))
        cpu_before = cpu_s(pid)
        half = await many(CALLS // 2)
        end = await many(CALLS // 2)
        set_up_ms = 1000 * (cpu_s(pid) - cpu_before) / CALLS
        half_way = [await join(http, url, f"left{number}", "customer") for number in range(ABANDONED)]
        await asyncio.gather(*(peer.close() for peer in half_way))  # answered, perhaps connecting, never a word more
        await gone(http, url)
        left = process(pid)
    grown = 1000 / (CALLS / 2) * (end["rss_mb"] - half["rss_mb"])
    print(
        json.dumps(
            {
                "measurement": "come_and_go",
                "calls": CALLS,
                "set_up_cpu_ms": round(set_up_ms, 1),
                "rss_mb": [round(each["rss_mb"], 1) for each in (warm, half, end, left)],
                "grown_mb_per_1000_calls": round(grown, 1),
                "descriptors": [warm["descriptors"], left["descriptors"]],
                "threads": [warm["threads"], left["threads"]],
                "load_average": os.getloadavg()[0],
            }
        )
    )
    assert left["descriptors"] == warm["descriptors"]
    assert left["threads"] <= warm["threads"] + 1
    assert grown < MOST_MB_PER_1000 or CALLS < 1000  # of fewer calls the heap's own steps are most of it


@pytest.mark.timeout(180)
async def test_a_strangers_flood_costs_little_and_nobody_a_packet() -> None:
    async with server(str(HERE / "forward_server.py"), "--port", "0") as (pid, told), aiohttp.ClientSession() as http:
        url, port = told.split()[0], int(told.rpartition(":")[2])
        talkers = [Talker(0, phase) for phase in range(2)]
        try:
            for talker, role in zip(talkers, ("customer", "agent"), strict=True):
                await talker.join(http, url.format(call=1, role=role))
            await talk(talkers, 2.0)
            await arrived(talkers, 1)
            figures: dict[str, float] = {}
            for name in ("without", "with"):
                for talker in talkers:
                    talker.sent = talker.received = 0
                before, memory = cpu_s(pid), process(pid)["rss_mb"]
                flood = asyncio.create_task(throw(port) if name == "with" else asyncio.sleep(0))
                await talk(talkers, JUNK_S)
                await arrived(talkers)
                flood.cancel()
                with suppress(asyncio.CancelledError):
                    await flood
                figures[f"cpu_share_{name}"] = round((cpu_s(pid) - before) / JUNK_S, 4)
                figures[f"rss_mb_grown_{name}"] = round(process(pid)["rss_mb"] - memory, 1)
                figures[f"lost_{name}"] = sum(talker.sent - talker.received for talker in talkers)
        finally:
            for talker in talkers:
                await talker.leave()
    extra = figures["cpu_share_with"] - figures["cpu_share_without"]
    print(
        json.dumps(
            {"measurement": "junk", "packets_per_s": JUNK_PER_S, **figures, "extra_cpu_of_a_core": round(extra, 4)}
        )
    )
    assert figures["lost_with"] == figures["lost_without"] == 0
    assert figures["rss_mb_grown_with"] < 20


async def throw(port: int) -> None:
    """Junk of every kind, some of it dressed as STUN, DTLS or RTP, until cancelled."""
    kinds = [
        b"",
        b"\x00",
        b"\x80" * 1200,
        b"\x16\xfe\xfd" + bytes(200),
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(20),
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        source.setblocking(False)
        while True:
            for number in range(JUNK_PER_S // 100):
                with suppress(BlockingIOError):
                    source.sendto(kinds[number % len(kinds)], ("127.0.0.1", port))
            await asyncio.sleep(0.01)
