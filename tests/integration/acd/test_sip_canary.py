"""`visavis canary --mode sip`: robots whose voice goes over a switch to telephones, and whose video is claimed."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.base.errors import SetupError
from gateway.canary.run import CanaryPlan, make_calls
from gateway.canary.telephony import open_telephony
from tests.support.ports import free_port
from tests.support.product import Product, environment, run_visavis
from tests.support.servers import until


async def test_two_robots_at_once_reach_telephones_by_a_switch_and_each_video_is_claimed(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    settings = {"VISAVIS_CANARY__SIP_ACD": listen, "VISAVIS_VOICE__INTERFACE": "127.0.0.1"}
    node = await Product.start(tmp_path, settings=settings)
    try:
        options = ("--mode", "sip", "--sip-listen", listen, "--calls", "2", "--talk", "2", "--json")
        done = await asyncio.to_thread(run_visavis, "canary", node.url, *options, folder=tmp_path)
        assert done.returncode == 0, (done.stdout, done.stderr, node.errors())
        report = json.loads(done.stdout)
        assert report["ok"]
        assert len({call["voice"]["claimed"] for call in report["calls"]}) == 2
        for call in report["calls"]:
            assert call["voice"]["customer_heard_s"] >= 1
            assert call["voice"]["phone_heard_s"] >= 1
            assert call["recording"]["tracks"] == 5, "the telephone's voice is one of them"
            assert "offered" not in call["journal"], "it was claimed"
            assert call["journal"][-1] == "closed"
            assert call["agent"]["video_frames"] > 20
    finally:
        await node.kill()


@asynccontextmanager
async def scripted_gateway(answer: dict[str, object]) -> AsyncIterator[str]:
    """It answers whether video is offered, and lets agents wait for their seat."""

    async def availability(request: web.Request) -> web.Response:
        return web.json_response(answer)

    async def seat(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.json_response({})

    app = web.Application()
    app.add_routes([web.post("/api/v1/widget/availability", availability), web.post("/api/v1/canary/seat", seat)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def refused(url: str, listen: str) -> SetupError:
    with pytest.raises(SetupError) as caught:
        await make_calls(CanaryPlan(url=url, token="t", calls=1, talk_s=2, at_once=1, sip_listen=listen), print)
    return caught.value


async def test_a_gateway_without_call_mode_for_robots_is_told_with_the_setting_that_it_lacks() -> None:
    async with scripted_gateway({"offered": False, "code": "no_such_site"}) as url:
        refusal = await refused(url, "127.0.0.1:5099")
    assert refusal.code == "canary_no_call_mode"
    assert 'canary.sip_acd = "127.0.0.1:5099"' in refusal.detail


async def test_a_port_that_somebody_else_has_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with scripted_gateway({"offered": True, "code": None}) as url:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            refusal = await refused(url, f"127.0.0.1:{held.getsockname()[1]}")
    assert refusal.code == "canary_telephony"
    assert left_in(tmp_path) == []


async def test_what_the_switch_did_not_expect_is_told_in_its_own_words() -> None:
    port = free_port()
    async with open_telephony(f"127.0.0.1:{port}", 1, lasts_s=60) as telephony:
        assert telephony.complaints() == []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect(("127.0.0.1", port))
            own = stranger.getsockname()[1]
            lines = (
                f"MESSAGE sip:canary@127.0.0.1:{port} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK1",
                "From: <sip:stranger@127.0.0.1>;tag=1",
                f"To: <sip:canary@127.0.0.1:{port}>",
                "Call-ID: stranger",
                "CSeq: 1 MESSAGE",
                "Content-Length: 0",
            )
            stranger.send("\r\n".join((*lines, "", "")).encode())
            await until(lambda: any("MESSAGE" in line for line in telephony.complaints()), what="the switch complains")


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
async def test_a_canary_that_is_ended_takes_its_switch_and_telephones_along(
    tmp_path: Path, ended_by: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    async with scripted_gateway({"offered": True, "code": None}) as url:
        canary = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "canary", url, "--mode", "sip", "--calls", "2"),
            *("--sip-listen", f"127.0.0.1:{free_port()}"),
            env=environment(tmp_path, TMPDIR=str(scratch), VISAVIS_CANARY_TOKEN="t" * 43),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=hears_ctrl_c,
        )
        try:
            await until(lambda: left_in(scratch) == ["baresip", "baresip", "sipp", "sipp"], what="all four run")
            canary.send_signal(ended_by)
            async with asyncio.timeout(30):
                _, words = await canary.communicate()
        finally:
            if canary.returncode is None:
                canary.terminate()
                await canary.wait()
    assert left_in(scratch) == []
    assert list(scratch.iterdir()) == []
    assert canary.returncode == 128 + ended_by
    assert b"Traceback" not in words


def hears_ctrl_c() -> None:
    """Whoever runs the tests in the background of a shell has SIGINT ignored, and so would everything they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def left_in(folder: Path) -> list[str]:
    """The programs that work in the folder, by name."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(str(folder)):
                found.append((process / "comm").read_text().strip())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return sorted(found)
