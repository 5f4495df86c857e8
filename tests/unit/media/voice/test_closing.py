"""Who asks the SIP stack for something while it closes is refused, and not cancelled in its place."""

import asyncio
import logging
import threading
from random import Random
from typing import Any, cast

import pytest
from baresip.errors import BaresipError

from media import calls as calls_module
from media.calls import OpenCalls
from media.port import DialVoice, MediaRefused, VoiceTrunk
from media.voice import stack as stack_module
from media.voice.settings import VoiceSettings
from media.voice.sip import SipPort
from media.voice.stack import BaresipStack
from tests.support.servers import until

TRUNK = VoiceTrunk(name="t", from_uri="sip:4930123@gateway.example")
CALL = DialVoice(leg_id="lg_1", to_uri="sip:7001@acd.example", trunk=TRUNK)


async def for_ever(*_: object) -> Any:
    await asyncio.Event().wait()


async def reaches_its_wait(task: "asyncio.Task[Any]") -> None:
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()


async def test_a_stack_that_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "CLOSE_S", 0.05)
    start = cast("Any", for_ever)
    calls = OpenCalls(VoiceSettings(), lambda event: None, wall_s=lambda: 0.0, random=Random(1), start=start)
    dialling = asyncio.create_task(calls.dial(CALL))
    await reaches_its_wait(dialling)
    await calls.aclose()
    with pytest.raises(MediaRefused, match="voice_unavailable"):
        await dialling


class Runtime:
    """baresip's, which is not needed here."""

    async def close(self) -> None:
        """Nothing runs."""


@pytest.mark.parametrize("at", ["_made_caller", "_dialled"])
async def test_a_stack_that_is_closed_while_it_dials(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def agent(*_: object) -> str:
        return "agent"

    monkeypatch.setattr(BaresipStack, "_made_caller", agent)
    monkeypatch.setattr(BaresipStack, at, for_ever)
    stack: SipPort = BaresipStack(cast("Any", Runtime()), VoiceSettings())
    dialling = asyncio.create_task(stack.dial(CALL.to_uri, (), TRUNK))
    await reaches_its_wait(dialling)
    await stack.aclose()
    with pytest.raises(MediaRefused, match="voice_unavailable"):
        await dialling


@pytest.mark.parametrize("at", ["baresip", "baresip that fails", "its folder"])
async def test_a_start_that_is_cut_short_leaves_nothing(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """baresip is not cut short: before it is up, its thread does not hear that it is to end."""
    up, slow, go_on = threading.Event(), threading.Event(), threading.Event()

    class SlowRuntime(Runtime):
        def __init__(self, **_: object) -> None:
            """It is not up yet."""

        def subscribe(self, _: object) -> None:
            """It tells nothing."""

        async def start(self, _: object) -> None:
            if at != "its folder":
                slow.set()
                await asyncio.to_thread(go_on.wait)
            if at == "baresip that fails":
                raise BaresipError("no ready signal")
            up.set()

        async def close(self) -> None:
            up.clear()

    def folder(_: object) -> None:
        slow.set()
        go_on.wait()

    monkeypatch.setattr("baresip.runtime.Runtime", SlowRuntime)
    monkeypatch.setattr(stack_module, "_without_folder", folder)
    trace = logging.getLogger("baresip.native.sip")
    before = list(trace.handlers)
    starting = asyncio.create_task(BaresipStack.start(VoiceSettings()))
    try:
        await until(slow.is_set, what="it starts")
        assert up.is_set() == (at == "its folder")
        starting.cancel()
        if at != "its folder":
            await reaches_its_wait(starting)
    finally:
        go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert trace.handlers == before
    assert not up.is_set()
