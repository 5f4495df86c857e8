"""What one call of the stack does, without the stack."""

import asyncio
from collections.abc import Callable

import pytest
from baresip.errors import BaresipError, TransferFailed
from baresip.events import Event, StackEvent

from gateway.base.tasks import Supervisor
from media.port import MediaRefused, VoiceTrunk
from media.voice import stack_call
from media.voice.sip import Answered, Ended, Held, Referred
from media.voice.stack_call import BaresipCall
from media.voice.trace import Seen, read


class NoSound:
    """Of a call that has none yet."""

    def info(self) -> None:
        raise BaresipError("no sound yet")


class Native:
    """As much of baresip's call as ending and transferring it takes."""

    handle = 1
    audio = NoSound()

    def __init__(self) -> None:
        self.hung_up = 0
        self.transfers: list[asyncio.Future[None]] = []

    async def hangup(self) -> None:
        self.hung_up += 1

    async def transfer(self, uri: str) -> None:
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transfers.append(outcome)
        await outcome


def dialled() -> tuple[BaresipCall, Native]:
    native = Native()
    call = BaresipCall(
        native, VoiceTrunk(name="t", from_uri="sip:us@gateway.example"), Supervisor("test"), gone=lambda _: None
    )  # type: ignore[arg-type]
    return call, native


def answer(status: int, body: str = "") -> Seen:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    seen = read(f"SIP/2.0 {status} So\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{kind}\r\n{body}")
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


async def test_a_transfer_that_failed_is_told_when_the_next_can_be_asked_for() -> None:
    """The stack's event comes before it has done with the first: what is told of one is not taken for the next's."""
    call, native = dialled()
    told: list[object] = []
    call.on_event(told.append)
    sound = "v=0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    call.see(answer(200, sound))
    call.hear(StackEvent(event=Event.CALL_ESTABLISHED, handle=1, ua=1, call=1, text=""))
    assert told == [Answered("PCMA")]
    told.clear()
    await call.refer("sip:sales@acd.example")
    await turns()
    call.hear(StackEvent(event=Event.CALL_TRANSFER_FAILED, handle=1, ua=1, call=1, text="486 Busy Here"))
    await turns()
    assert told == []
    with pytest.raises(MediaRefused, match="a transfer is under way"):
        await call.refer("sip:sales@acd.example")
    native.transfers[0].set_exception(TransferFailed("486 Busy Here", status=486, reason="Busy Here"))
    await turns()
    assert told == [Referred(486, final=True)]
    await call.refer("sip:sales@acd.example")
    await turns()
    assert told == [Referred(486, final=True)]
    assert len(native.transfers) == 2
    native.transfers[1].set_result(None)


def event(kind: Event, text: str = "") -> StackEvent:
    return StackEvent(event=kind, handle=1, ua=1, call=1, text=text)


async def test_what_follows_an_answer_that_waits_for_its_codec_is_told_after_it() -> None:
    """On a loop that was held up all of it comes at once; a hold of a call that nobody knows to be answered is lost."""
    call, _ = dialled()
    told: list[object] = []
    over = asyncio.Event()

    def tell(what: object) -> None:
        told.append(what)
        if isinstance(what, Ended):
            over.set()

    call.on_event(tell)
    for kind in (Event.CALL_ESTABLISHED, Event.CALL_HOLD, Event.CALL_RESUME, Event.CALL_HOLD, Event.CALL_CLOSED):
        call.hear(event(kind))
    await asyncio.wait_for(over.wait(), 30)
    assert told == [Answered(""), Held(held=True), Held(held=False), Held(held=True), Ended(0, "")]
    call.hear(event(Event.CALL_RESUME))
    assert isinstance(told[-1], Ended), "and nothing after the end"


async def test_what_waits_for_an_answer_to_be_told_has_a_limit() -> None:
    call, _ = dialled()
    told: list[object] = []
    over = asyncio.Event()
    call.on_event(lambda what: (told.append(what), over.set() if isinstance(what, Ended) else None))  # type: ignore[arg-type, return-value]
    call.hear(event(Event.CALL_ESTABLISHED))
    for _ in range(stack_call.MAX_EARLY):
        call.hear(event(Event.CALL_HOLD))
        call.hear(event(Event.CALL_RESUME))
    call.hear(event(Event.CALL_CLOSED))
    await asyncio.wait_for(over.wait(), 30)
    assert len(told) == 1 + stack_call.MAX_EARLY + 1
