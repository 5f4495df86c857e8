"""What one call of the stack does, without the stack."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.base.tasks import Supervisor
from media.port import VoiceTrunk
from media.voice import stack_call
from media.voice.stack_call import BaresipCall
from media.voice.trace import Seen, read


class Native:
    """As much of baresip's call as ending it takes."""

    handle = 1
    audio = None

    def __init__(self) -> None:
        self.hung_up = 0

    async def hangup(self) -> None:
        self.hung_up += 1


def dialled() -> tuple[BaresipCall, Native]:
    native = Native()
    call = BaresipCall(
        native, VoiceTrunk(name="t", from_uri="sip:us@gateway.example"), Supervisor("test"), gone=lambda _: None
    )  # type: ignore[arg-type]
    return call, native


def answer(status: int) -> Seen:
    seen = read(f"SIP/2.0 {status} So\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n")
    assert seen is not None
    return seen


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("status", [100, 180, 200, 486])
async def test_a_call_is_not_ended_before_its_invite_has_an_answer(status: int) -> None:
    call, native = dialled()
    ending = asyncio.create_task(call.hang_up())
    await turns()
    assert native.hung_up == 0
    call.see(answer(status))
    await ending
    assert native.hung_up == 1


@pytest.mark.parametrize("ends", [BaresipCall.lost, lambda call: call._close("Connection refused")])
async def test_a_call_that_is_gone_meanwhile_is_not_ended_again(ends: Callable[[BaresipCall], None]) -> None:
    call, native = dialled()
    ending = asyncio.create_task(call.hang_up())
    await turns()
    ends(call)
    await ending
    assert native.hung_up == 0


async def test_a_switch_that_says_nothing_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_call, "UNHEARD_S", 0.02)
    call, native = dialled()
    async with asyncio.timeout(30):
        await call.hang_up()
    assert native.hung_up == 1
