"""Browsers that vanish, a disk that fills and a database that is locked in the middle of a call of the product."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from gateway.canary.talk import CanaryFailure, Talk, first_hello, request
from media.recording.format import FILE_NAME as CAPTURE
from signaling.messages import (
    Assigned,
    ContactState,
    HangUp,
    LegOffer,
    LegState,
    Offer,
    PeerState,
    QueuePosition,
    RecordingState,
    Resume,
    SetReady,
    Welcome,
    WrapUp,
    WrapUpStarted,
)
from tests.support.hostile import (
    admin,
    alarms_on,
    leg,
    no_contact_is_left,
    nothing_is_lost,
    offer_text,
    ring,
    sit_down,
)
from tests.support.product import Product, contact_when, scene, until
from tests.support.servers import RedisServer


@asynccontextmanager
async def running(folder: Path, **settings: str) -> AsyncIterator[Product]:
    product = await Product.start(folder, settings=settings)
    try:
        yield product
    finally:
        await product.kill()


async def vanish(talk: Talk) -> None:
    """The browser is gone without a goodbye: no close frame, the connection just breaks."""
    connection = talk._socket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()
    await talk.close()


def states_of(contact: dict[str, object]) -> list[str]:
    journal = contact["journal"]
    assert isinstance(journal, list)
    return [event["state"] for event in journal if event["state"]]


def is_whole(contact: dict[str, object]) -> None:
    """Each event once, numbered without a gap, and one end."""
    journal = contact["journal"]
    assert isinstance(journal, list)
    assert [event["seq"] for event in journal] == list(range(1, len(journal) + 1))
    assert sum(event["name"] == "closed" for event in journal) == 1


# ---------------------------------------------------------------- browsers


async def test_an_agent_who_vanishes_while_it_rings_gives_way_to_the_next(tmp_path: Path) -> None:
    """The contact rings at the second agent within seconds, and the call is made there."""
    async with running(tmp_path) as product, scene(product) as one:
        await one.to("queue", "ringing")
        first = one.agent
        second = await sit_down(one, 1)
        await second.send(SetReady())
        gone_at = time.monotonic()
        await vanish(first)
        async with asyncio.timeout(30):
            one.offer = await second.wait_for(Offer)
        assert time.monotonic() - gone_at < 15
        one.agent = second
        await one.to("call", "wrap_up", "end")
        contact = await contact_when(product, one.contact_id, state="closed")
        is_whole(contact)


async def test_an_agent_who_vanishes_in_the_call_gives_the_customer_back_to_the_head_of_the_line(
    tmp_path: Path,
) -> None:
    """The customer is told at once, waits first in line after the grace, and talks to the next agent who is ready."""
    grace = {"VISAVIS_CONTACTS__AGENT_GRACE": "2s", "VISAVIS_MEDIA__SILENCE_TIMEOUT": "1s"}
    async with running(tmp_path, **grace) as product, scene(product) as one, scene(product) as other:
        await one.to("queue", "ringing", "call")
        await other.to("queue")
        await one.agent_media.stop()
        await vanish(one.agent)
        async with asyncio.timeout(30):
            await one.customer.wait_for(PeerState, lambda peer: not peer.connected)
            await one.customer.wait_for(ContactState, lambda state: state.state == "queued")
            place = await one.customer.wait_for(QueuePosition)
        assert place.place == 1
        await ring(one, 1)
        assert one.offer.contact_id == one.contact_id, "who was in a call comes before who came later"
        await one.to("call", "wrap_up", "end")
        await other.customer.send(HangUp())
        contact = await contact_when(product, one.contact_id, state="closed")
        assert [event["name"] for event in contact["journal"]].count("bridged") == 2
        is_whole(contact)


async def test_two_tabs_of_one_person_are_one_side_of_the_call(tmp_path: Path) -> None:
    """A customer's newer tab wins; an agent's second panel takes over only when asked. Never is there a third leg."""
    async with running(tmp_path) as product, scene(product) as one:
        await one.to("queue", "ringing", "call")
        seated = await one.browser()
        await request(seated, "POST", "/api/v1/canary/seat", body={"seat": 0}, token=product.token)
        with pytest.raises(CanaryFailure, match="panel_open_elsewhere"):
            await Talk.open(seated, "/ws/agent", first_hello(), who="second panel")
        await one.agent_media.heard_since(one.agent_media.counts())

        hello = first_hello().model_copy(update={"take_over": True})
        panel, _ = await Talk.open(seated, "/ws/agent", hello, who="second panel")
        with pytest.raises(CanaryFailure, match="taken_over"):
            await one.agent.wait_for(Offer)
        assigned = await panel.wait_for(Assigned)
        assert assigned.contact_id == one.contact_id

        welcome = one.customer._messages[0]
        assert isinstance(welcome, Welcome)
        resume = Resume(session_id=welcome.session_id, secret=welcome.secret, last_seq=0)
        hello = first_hello().model_copy(update={"resume": resume})
        tab, again = await Talk.open(one.http, "/ws/customer", hello, who="second tab")
        assert again.contact_id == one.contact_id
        with pytest.raises(CanaryFailure, match="taken_over"):
            await one.customer.wait_for(Offer)

        async with leg(panel, 2) as agent, leg(tab, 2) as customer, asyncio.timeout(30):
            for media in (agent, customer):
                await media.heard_since(media.counts())
            await until(lambda: _legs(product, 2))
            await tab.send(HangUp())
            await panel.wait_for(WrapUpStarted)
        await panel.send(WrapUp(disposition="resolved"))
        is_whole(await contact_when(product, one.contact_id, state="closed", recording="complete"))
        await panel.close()
        await tab.close()


async def _legs(product: Product, count: int) -> bool:
    return await product.metric("visavis_media_legs") == count


async def test_a_customer_who_never_connects_ends_by_the_deadlines(tmp_path: Path) -> None:
    """Answered, and then not one packet: the leg is given up, and nothing of the contact stays."""
    short = {"VISAVIS_MEDIA__SETUP_TIMEOUT": "1s", "VISAVIS_CONTACTS__CUSTOMER_GRACE": "2s"}
    async with running(tmp_path, **short) as product, scene(product) as one:
        await one.to("queue")
        async with asyncio.timeout(30):
            await one.customer.send(LegOffer(generation=2, sdp=await offer_text()))
            await one.customer.wait_for(
                LegState, lambda state: state.generation == 2 and state.state in ("reconnecting", "failed")
            )
        contact = await contact_when(product, one.contact_id, state="closed")
        is_whole(contact)
        await no_contact_is_left(product)


# ---------------------------------------------------------------- disk and stores


def no_file_may_grow_beyond(product: Product, size_bytes: int) -> None:
    """From now on writing beyond that fails for the process, as on a disk that is full."""
    _, hard = resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def there_is_room_again(product: Product) -> None:
    _, hard = resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_a_disk_that_fills_in_the_call_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    """Both people and the board are told, the call loses nothing and ends in order; what was recorded is sealed."""
    async with running(tmp_path) as product, scene(product) as one:
        browser = await admin(product)
        one.stack.push_async_callback(browser.close)
        board, _ = await Talk.open(browser, "/ws/board", first_hello(), who="admin")
        one.stack.push_async_callback(board.close)
        await one.to("queue", "ringing", "call")
        for talk in (one.customer, one.agent):
            await talk.wait_for(RecordingState, lambda shown: shown.state == "on")
        (capture,) = (tmp_path / "data").rglob(CAPTURE)
        async with nothing_is_lost(one):
            no_file_may_grow_beyond(product, capture.stat().st_size + 20_000)
            for talk in (one.customer, one.agent):
                async with asyncio.timeout(30):
                    await talk.wait_for(RecordingState, lambda shown: shown.state == "failed")
            alarm = await alarms_on(board, "disk_full")
            assert alarm.contact_id == one.contact_id
        await one.to("wrap_up", "end")
        there_is_room_again(product)
        await contact_when(product, one.contact_id, state="closed")
        await no_contact_is_left(product)
        await product.terminate()
        assert await product.ended() == 0, product.errors()
    async with running(tmp_path) as product:  # the sealing, which found no room either, is made up for
        contact = await contact_when(product, one.contact_id, state="closed", recording="complete")
        is_whole(contact)
        recording = contact["recording"]
        assert (recording["truncated"], recording["failure"]) == ("disk_full", "disk_full")
        assert recording["duration_s"] > 0
        assert ("failed", "disk_full") in [
            (event["data"]["recording"], event["reason"])
            for event in contact["journal"]
            if event["name"] == "recording_changed"
        ]


@contextmanager
def locked(records: Path) -> Iterator[None]:
    """Another program writes in the database and does not come to an end."""
    other = sqlite3.connect(records, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


async def test_a_locked_database_delays_the_journal_and_not_the_call(tmp_path: Path) -> None:
    """From ringing until it is sealed nothing can be written: the call is made, and each event is there once after."""
    async with running(tmp_path) as product, scene(product) as one:
        await one.to("queue")
        await contact_when(product, one.contact_id, state="queued")
        with locked(tmp_path / "data" / "records.sqlite"):
            await one.to("ringing", "call")
            async with nothing_is_lost(one):
                await until(lambda: _said(product, '"outbox.away"'))
            await one.to("wrap_up", "end")
            await until(lambda: _said(product, '"to_state": "complete"', '"recording_not_saved"'))
        contact = await contact_when(product, one.contact_id, state="closed", recording="complete")
        is_whole(contact)
        assert {"queued", "offered", "bridging", "active", "wrap_up"} <= set(states_of(contact))
        assert await product.is_ready()


async def _said(product: Product, *words: str) -> bool:
    """Whether its log has these words, in this order."""
    rest = (product.folder / "stderr").read_text(encoding="utf-8")
    for each in words:
        _, found, rest = rest.partition(each)
        if not found:
            return False
    return True


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.resume()
    server.kill()


async def test_a_live_state_that_hangs_refuses_new_contacts_and_cuts_no_call(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    """Whoever comes is told within two seconds; the call goes on to its end; then the product serves again."""
    async with running(tmp_path, VISAVIS_LIVE__URL=redis_server.url) as product, scene(product) as one:
        await one.to("queue", "ringing", "call")
        redis_server.pause()
        async with nothing_is_lost(one):
            began = time.monotonic()
            body = {"site": "canary", "visitor_key": "late-0123456789", "language": "en"}
            with pytest.raises(CanaryFailure, match=r"503 live_unavailable"):
                await request(one.http, "POST", "/api/v1/widget/entry", body=body, token=product.token)
            assert time.monotonic() - began < 10
        await one.to("wrap_up")
        redis_server.resume()
        await one.to("end")
        await contact_when(product, one.contact_id, state="closed", recording="complete")
        await until(product.is_ready)
        async with scene(product) as again:
            await again.to("queue")
            await again.customer.send(HangUp())
            await contact_when(product, again.contact_id, state="closed")
