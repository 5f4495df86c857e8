"""Who asks the SIP stack for something while it closes is refused, and not cancelled in its place."""

import asyncio
from random import Random
from typing import Any, cast

import pytest

from media import calls as calls_module
from media.calls import OpenCalls
from media.port import DialVoice, MediaRefused, VoiceTrunk
from media.voice.settings import VoiceSettings
from media.voice.sip import SipPort
from media.voice.stack import BaresipStack

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
