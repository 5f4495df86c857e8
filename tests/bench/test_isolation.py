"""Whether the work of signaling makes packets late: calls through the whole product, quiet and busy, in turns.

Busy is, a second, `LISTS_PER_S` lists of a hundred contacts (SQL and JSON) and `VISITS_PER_S` new customers (tokens, a
WebSocket, a contact with its journal). TLS is the proxy's work in this product, so there is none to measure.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import mean

import aiohttp
import pytest

from gateway.canary.robots import SITE
from gateway.canary.talk import CanaryFailure, Talk, first_hello, request
from tests.bench.load.control import load_client
from tests.bench.machine import preferred
from tests.bench.rivals import Rival
from tests.bench.rounds import Window, middle, window
from tests.bench.settings import ROUNDS
from tests.bench.table import TABLE, Row
from tests.support.hostile import admin
from tests.support.product import Product

pytestmark = pytest.mark.timeout(600)

CALLS = 6
LISTS_PER_S = 40
VISITS_PER_S = 10
WHERE = {0: "in the gateway's process", 1: "in a media process"}


@asynccontextmanager
async def busy(product: Product, people: aiohttp.ClientSession) -> AsyncIterator[list[int]]:
    """Signaling work at the stated rate until the block ends; (lists, visits) that were answered."""
    done = [0, 0]
    over = asyncio.Event()

    async def read_list() -> None:
        async with people.get("/api/v1/contacts?limit=100") as response:
            await response.read()
        done[0] += 1

    async def visit() -> None:
        body = {"site": SITE, "visitor_key": secrets.token_hex(8), "language": "en", "notice_version": "1"}
        entered = await request(people, "POST", "/api/v1/widget/entry", body=body, token=product.token)
        talk, _ = await Talk.open(people, "/ws/customer", first_hello(entered["entry_token"]), who="customer")
        await talk.close()  # as somebody who changed their mind
        done[1] += 1

    async def at(rate: int, act: Callable[[], Awaitable[None]]) -> None:
        async def once() -> None:
            with suppress(CanaryFailure, aiohttp.ClientError):
                await act()

        async with asyncio.TaskGroup() as group:
            while not over.is_set():
                group.create_task(once())
                await asyncio.sleep(1 / rate)

    tasks = [asyncio.create_task(at(LISTS_PER_S, read_list)), asyncio.create_task(at(VISITS_PER_S, visit))]
    try:
        yield done
    finally:
        over.set()
        await asyncio.gather(*tasks)


async def test_signaling_work_does_not_make_packets_late(tmp_path: Path) -> None:
    quiet_busy: dict[int, tuple[list[Window], list[Window]]] = {workers: ([], []) for workers in WHERE}
    for turn in range(ROUNDS):
        for workers, (quiet, loud) in quiet_busy.items():
            settings = {
                "VISAVIS_MEDIA__WORKERS": str(workers),
                "VISAVIS_LIMITS__ENTRIES_PER_MINUTE": "100000",
                "VISAVIS_CONTACTS__CUSTOMER_GRACE": "5s",
                "VISAVIS_LOG__LEVEL": "WARNING",
            }
            with preferred():
                product = await Product.start(tmp_path / f"{turn}-{workers}", settings=settings)
            people = await admin(product)
            try:
                async with load_client("127.0.0.1") as load:
                    rival = Rival("product", product.url, product.process.pid, product.token)
                    await load.connect(rival)
                    await load.ask(do="calls", count=CALLS)
                    quiet.append(await window(load, rival, CALLS, name=f"quiet, {WHERE[workers]}"))
                    async with busy(product, people) as done:
                        loud.append(await window(load, rival, CALLS, name=f"busy, {WHERE[workers]}"))
                    assert all(done), "the product answered no list or no visit"
            finally:
                await people.close()
                await product.kill()
    for workers, (quiet, loud) in quiet_busy.items():
        note = f"{CALLS} calls through the product, {100 * mean(each.share for each in loud):.0f} % of a core when busy"
        figure = f"p99, signaling busy / quiet, media {WHERE[workers]}"
        TABLE.add(Row(figure, None, (middle(loud, 99), middle(quiet, 99)), unit=" ms", note=note))
