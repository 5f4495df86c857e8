"""A gateway that is told to stop, or killed, at every point of a contact's life."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from gateway.canary.run import CanaryPlan, make_calls
from gateway.canary.talk import CanaryFailure, request
from tests.support.product import Product, contact_of, contact_when, run_visavis, scene, until

STEPS = ("queue", "ringing", "call", "wrap_up")


def steps_to(state: str) -> tuple[str, ...]:
    return STEPS[: STEPS.index(state) + 1]


async def is_on_disk(folder: Path, contact_id: str, state: str = "%") -> bool:
    """Whether the contact is in the records, in that state. The API would also tell what still waits to be written."""
    with closing(sqlite3.connect(f"file:{folder / 'data' / 'records.sqlite'}?mode=ro", uri=True)) as records:
        query = "SELECT count(*) FROM contacts WHERE contact_id = ? AND state LIKE ?"
        found = records.execute(query, (contact_id, state)).fetchone()
    return found == (1,)


@pytest.fixture
async def product(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Product]:
    settings: dict[str, str] = getattr(request, "param", {})
    product = await Product.start(tmp_path, settings=settings)
    yield product
    await product.kill()


@pytest.mark.parametrize("product", [{"VISAVIS_MEDIA__WORKERS": "1"}], indirect=True)  # as shipped
async def test_robots_find_all_well_and_leave_nothing_behind(product: Product) -> None:
    """`visavis canary` with two calls at once: four tracks, complete, sealed; then tasks and legs are as before.

    A loop that rests until it is woken or some time has passed has two tasks more than when it works: so many are no
    leak, one for each call would be.
    """
    before = await product.metric("visavis_tasks")
    lines: list[str] = []
    plan = CanaryPlan(url=product.url, token=product.token, calls=3, talk_s=2, at_once=2)
    report = await make_calls(plan, lines.append)
    assert report.ok, (report, product.errors())
    for call in report.calls:
        assert call.recording is not None
        assert (call.recording.tracks, call.recording.completeness >= 0.99) == (4, True)
        assert (call.journal[0], call.journal[-1]) == ("initiated", "closed")
        assert {"in_menu", "queued", "offered", "bridging", "active", "wrap_up"} <= set(call.journal)
        assert call.customer.video_frames > 20
        assert call.agent.audio_packets > 80

    async def nothing_is_left() -> bool:
        open_now = [await product.metric(f"visavis_{name}") for name in ("media_legs", "media_recordings", "contacts")]
        return not any(open_now) and await product.metric("visavis_tasks") <= before + 2

    await until(nothing_is_left)


@pytest.mark.parametrize("state", STEPS)
async def test_a_drain_takes_no_new_contact_and_lets_this_one_end(product: Product, state: str) -> None:
    """/readyz says 503 within 5 s, the call runs on to its end, then the process ends with 0."""
    async with scene(product) as one:
        await one.to(*steps_to(state))
        told_at = time.monotonic()
        await product.terminate()
        await until(product.is_draining)
        assert time.monotonic() - told_at < 5
        body = {"site": "canary", "visitor_key": "late-0123456789abcdef", "language": "en"}
        with pytest.raises(CanaryFailure, match="draining"):
            await request(one.http, "POST", "/api/v1/widget/entry", body=body, token=product.token)
        assert product.process.returncode is None
        await one.to(*STEPS[STEPS.index(state) + 1 :], "end")
    assert await product.ended() == 0, product.errors()


@pytest.mark.parametrize("state", STEPS)
async def test_a_killed_gateway_closes_the_contact_and_saves_the_recording_at_the_next_start(
    product: Product, tmp_path: Path, state: str
) -> None:
    """`kill -9`: the next start closes what was open with `gateway_restart`, but for a call that was over; what was
    recorded plays."""
    talked_s = 3.0
    async with scene(product) as one:
        await one.to(*steps_to(state)[:3])
        if state in ("call", "wrap_up"):
            await asyncio.sleep(talked_s)  # what is recorded meanwhile is what must be found
        if state == "wrap_up":
            await one.to("wrap_up")
        contact_id = one.contact_id
        written = state if state == "wrap_up" else "%"
        await until(
            lambda: is_on_disk(tmp_path, contact_id, written)
        )  # what is younger than a batch (0.1 s) may be lost
        await product.kill()
    again = await Product.start(tmp_path)
    try:
        contact = await contact_when(again, contact_id, state="closed")
        assert contact["end_reason"] == ("completed" if state == "wrap_up" else "gateway_restart")
        assert [event["state"] for event in contact["journal"]].count("closed") == 1
        if state in ("call", "wrap_up"):
            contact = await contact_when(again, contact_id, recording="complete")
            assert contact["recording"]["duration_s"] >= talked_s - 2.0
        else:
            assert contact["recording"] is None
    finally:
        await again.kill()


async def test_a_second_signal_ends_it_at_once(product: Product) -> None:
    async with scene(product) as one:
        await one.to("queue", "ringing", "call")
        await product.terminate()
        await until(product.is_draining)
        assert product.process.returncode is None
        await product.terminate()
        assert await product.ended() == 0, product.errors()


async def test_with_nothing_to_wait_for_it_is_gone_at_once(product: Product) -> None:
    began = time.monotonic()
    await product.terminate()
    assert await product.ended() == 0, product.errors()
    assert time.monotonic() - began < 15


async def test_the_grace_ends_a_drain_that_would_last_for_ever(tmp_path: Path) -> None:
    product = await Product.start(tmp_path, settings={"VISAVIS_HTTP__DRAIN_GRACE": "1s"})
    try:
        async with scene(product) as one:
            await one.to("queue")
            await product.terminate()
            assert await product.ended() == 0, product.errors()
    finally:
        await product.kill()


async def test_robots_see_robot_contacts_only(product: Product) -> None:
    """The canary's token opens its own contacts; without it there is nothing to see."""
    async with scene(product) as one:
        await one.to("queue")
        assert (await contact_of(product, one.contact_id))["state"] == "queued"
        async with aiohttp.ClientSession(product.url) as http:
            with pytest.raises(CanaryFailure, match=r"40[13]"):
                await request(http, "GET", f"/api/v1/contacts/{one.contact_id}")
            with pytest.raises(CanaryFailure, match=r"40[13]"):
                await request(http, "GET", "/api/v1/contacts", token=product.token)


async def test_a_second_gateway_on_the_same_folder_is_refused(product: Product, tmp_path: Path) -> None:
    result = await asyncio.to_thread(run_visavis, "serve", folder=tmp_path)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "is in use by another gateway" in line
