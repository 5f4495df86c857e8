"""Switches that are wrong, slow, rude or broken, and peers that answer faster than we look: the engine goes on."""

import asyncio
import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from media.engine import InProcessEngine
from media.port import (
    CloseLeg,
    HoldVoice,
    LegClosed,
    MediaRefused,
    SendDtmf,
    VoiceAnswered,
    VoiceDtmf,
    VoiceProgress,
)
from media.voice.stack import BaresipStack
from media.voice.stack_call import DIGITS_PER_S, MAX_PROGRESS
from media.workers.pool import WorkerPool
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import LOCAL, Desk, desk
from tests.support.sip_peer import Message, PeerCall, tone

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


@contextmanager
def answering_at_once() -> Iterator[str]:
    """A switch in a thread of its own, which answers before whoever dialled can look; its URI."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    data, remote = door.recvfrom(4096)
                except TimeoutError:
                    continue
                request = Message.parse(data)
                if request.method not in ("INVITE", "BYE"):
                    continue
                body = SDP if request.method == "INVITE" else ""
                lines = ["SIP/2.0 200 OK", *(f"Via: {via}" for via in request.all("Via"))]
                lines += [f"{name}: {request.one(name)}" for name in ("From", "Call-ID", "CSeq")]
                lines += [f"To: {request.one('To').partition(';tag')[0]};tag=q"]
                lines += [f"Contact: <sip:q@127.0.0.1:{door.getsockname()[1]}>", "Content-Type: application/sdp"]
                text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
                door.sendto(text.encode(), remote)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"sip:q@127.0.0.1:{door.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


async def test_of_two_hundred_calls_answered_before_dialling_returned_none_is_missed() -> None:
    """The loop is held up while each INVITE is answered: all is told of a call whose handle nobody knows yet."""
    with answering_at_once() as uri:
        async with desk() as here:
            for batch in range(20):
                names = [f"lg_{batch}_{number}" for number in range(10)]
                dialling = [asyncio.create_task(here.dial(name, to_uri=uri)) for name in names]
                for _ in range(4):
                    await asyncio.sleep(0)
                held_up_s = time.monotonic() + 0.02
                while time.monotonic() < held_up_s:
                    pass
                await asyncio.gather(*dialling)
                await until(lambda: len(here.told(VoiceAnswered)) == 10 * (batch + 1), f"all of batch {batch}", 30)  # noqa: B023
                # baresip's own object must know it too: a call that is not answered can't be held.
                await here.engine.execute(HoldVoice(leg_id=names[0], on=True))
                await asyncio.gather(*(here.engine.execute(CloseLeg(leg_id=name)) for name in names))
            assert here.stage.count("LegClosed") == 200


async def works(here: Desk, leg_id: str = "lg_after") -> None:
    """An ordinary call, from beginning to end."""
    here.peer.on_invite = lambda call: call.answer()
    call = await here.answered(leg_id)
    await here.engine.execute(CloseLeg(leg_id=leg_id))
    await until(lambda: call.has("BYE"), "it ends as it should")


MALFORMED = {
    "no SDP": "",
    "no sense": "v=0\r\nm=audio x y z\r\n",
    "no codec of ours": SDP.replace(" 8\r\n", " 97\r\n").replace("8 PCMA/8000", "97 X/1"),
    "refused sound": SDP.replace("m=audio 40000", "m=audio 0"),
    "endless": SDP + "a=x:" + "y" * 30_000 + "\r\n",
    "port out of range": SDP.replace("40000", "99999999999"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_an_answer_with_a_description_that_makes_no_sense_harms_nobody_else(body: str) -> None:
    async with desk(lambda call: call.reply(call.invite, 200, "OK", (), body)) as here:
        await here.dial("lg_odd")
        call = await here.peer.call(1)
        await works(here)
        await here.engine.execute(CloseLeg(leg_id="lg_odd"))
        assert (await here.ended("lg_odd")).reason in ("closed", "voice_ended")
        assert call.invite.method == "INVITE"


async def test_garbage_on_the_wire_is_nothing() -> None:
    async with desk() as here:
        call = await here.answered()
        junk = [
            b"\x00" * 50,
            b"SIP/2.0",
            b"SIP/2.0 999 No\r\n\r\n",
            b"INVITE\r\n\r\n",
            b"BYE sip:x SIP/2.0\r\nCall-ID: " + call.call_id.encode() + b"\r\n\r\n",
            b"SIP/2.0 200 OK\r\nCSeq: x INVITE\r\nCall-ID: \xff\xfe\r\n\r\n",
            b"OPTIONS sip:x SIP/2.0\r\n" + b"V: " * 5000 + b"\r\n\r\n",
            os.urandom(1400),
        ]
        for data in junk:
            here.peer._transport.sendto(data, call.remote)
            call.rtp.send_raw(data)
        call.rtp.send_raw(b"\x80\x08\xff\xff" + os.urandom(1400))
        call.rtp.send_raw(b"\xbf\x88" + os.urandom(40))
        call.rtp.speak(tone(440))
        await until(lambda: here.stage.count("LegFirstMedia", "lg_phone") == 1, "its sound is heard")
        assert here.stage.count("LegClosed") == 0
        await works(here)


async def test_hundreds_of_provisional_answers_are_told_a_few_times() -> None:
    def chatter(call: PeerCall) -> None:
        for number in range(300):
            call.progress(180 + number % 4, "Still ringing")

    async with desk(chatter) as here:
        await here.dial()
        call = await here.peer.call(1)
        async with asyncio.timeout(30):
            while not here.told(VoiceAnswered):  # some of what a flood consists of is lost, and so may the answer be
                call.answer()
                await asyncio.sleep(0.1)
        assert 1 <= len(here.told(VoiceProgress)) <= MAX_PROGRESS


async def test_ten_times_as_much_sound_as_there_is_time_is_thrown_away() -> None:
    async with desk() as here:
        customer, call = await here.joined()
        call.rtp.speak(tone(440))
        await until(lambda: len(customer.packets) > 10, "it is heard")
        call.rtp.clock = 10.0
        call.rtp.copies = 3
        begun, begun_s = len(customer.packets), time.monotonic()
        await until(lambda: time.monotonic() > begun_s + 1, "a second of that")
        came = len(customer.packets) - begun
        assert came < 50 * 1.05 * (time.monotonic() - begun_s) + 30
        call.rtp.hush()
        await works(here)


async def test_keys_without_end_are_told_at_a_bounded_rate() -> None:
    async with desk() as here:
        call = await here.answered()
        begun_s = time.monotonic()
        for digit in itertools.islice(itertools.cycle("0123456789"), 400):
            call.rtp.press(digit)
        await until(lambda: here.stage.count("VoiceDtmf") >= DIGITS_PER_S, "some are told")
        await works(here)
        assert len(here.told(VoiceDtmf)) <= DIGITS_PER_S * (2 + time.monotonic() - begun_s)


async def test_a_switch_that_answers_and_sends_no_sound_is_over_after_its_time() -> None:
    async with desk(voice=replace(LOCAL, rtp_timeout_s=1)) as here:
        await here.answered()
        closed = await here.ended()
        assert closed.reason == "voice_ended"
        assert closed.sip_status == 0
        assert closed.detail
        await works(here)


async def test_both_hang_up_at_once_and_it_ends_once() -> None:
    async with desk() as here:
        for number in range(10):
            leg_id = f"lg_{number}"
            call = await here.answered(leg_id)
            call.bye()
            await here.engine.execute(CloseLeg(leg_id=leg_id))
            await here.ended(leg_id)
        assert here.stage.count("LegClosed") == 10


async def test_an_answer_that_crosses_the_cancel_is_ended_by_a_bye() -> None:
    async with desk(lambda call: call.progress()) as here:
        here.peer.deaf.add("CANCEL")
        await here.dial()
        call = await here.peer.call(1)
        await until(lambda: here.stage.count("VoiceProgress") == 1, "it rings")
        closing = asyncio.create_task(here.engine.execute(CloseLeg(leg_id="lg_phone")))
        await until(lambda: call.has("CANCEL"), "we gave up")
        call.answer()
        await closing
        await here.ended()
        await until(lambda: call.has("ACK"), "the answer is acknowledged")
        await until(lambda: call.has("BYE"), "and the call ended")
        assert here.stage.count("LegClosed") == 1


async def test_a_switch_that_never_says_anything_holds_nobody_up() -> None:
    async with desk(lambda call: None) as here:
        await here.dial()
        await here.peer.call(1)
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        assert (await here.ended()).reason == "closed"
        await works(here)


async def test_a_switch_deaf_to_everything_after_its_answer_holds_nobody_up() -> None:
    async with desk() as here:
        here.peer.deaf.update({"INVITE", "BYE", "INFO", "REFER"})
        await here.answered()
        await here.engine.execute(HoldVoice(leg_id="lg_phone", on=True))
        await here.engine.execute(SendDtmf(leg_id="lg_phone", digits="1"))
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        assert (await here.ended()).reason == "closed"


async def test_nobody_can_call_us_or_send_us_elsewhere() -> None:
    async with desk() as here:
        call = await here.answered()
        call.ask("REFER", [("Refer-To", "<sip:premium@evil.example>")])
        await until(lambda: any(each.status for each in call.answers), "an answer to the REFER")
        await until(
            lambda: any("603" in each.body for each in call.requests if each.method == "NOTIFY"), "it is refused"
        )
        stranger = Message.parse(call.invite.start.encode())
        text = (
            f"INVITE sip:4930123@127.0.0.1:{call.remote[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{here.peer.port};branch=z9hG4bKx1\r\nFrom: <sip:x@evil.example>;tag=1\r\n"
            f"To: <sip:4930123@127.0.0.1>\r\nCall-ID: stranger\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:x@127.0.0.1:{here.peer.port}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(SDP)}\r\n\r\n{SDP}"
        )
        here.peer.say(text, call.remote)
        await until(lambda: refusals(here), "it is refused")
        assert stranger.method == "INVITE"
        assert here.stage.count("LegClosed") == 0
        assert {each.leg_id for each in here.stage.events} == {"lg_phone"}  # type: ignore[union-attr]


def refusals(here: Desk) -> list[int]:
    """Final answers to the stranger's INVITE."""
    return [each.status for each in here.peer.heard if each.one("Call-ID") == "stranger" and each.status >= 400]


async def test_a_media_process_that_dies_takes_its_telephone_calls_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with desk(workers=2) as here:
        pool = here.engine
        assert isinstance(pool, WorkerPool)
        await here.dial("lg_one", call_id="ct_one")
        await here.dial("lg_two", call_id="ct_two")
        await until(lambda: here.stage.count("VoiceAnswered") == 2, "both are answered")
        doomed = pool._book.legs["lg_one"].process
        assert pool._book.legs["lg_two"].process is not doomed
        os.kill(doomed.pid, signal.SIGSEGV)
        closed = await here.ended("lg_one")
        assert closed.reason == "worker_lost"
        assert here.stage.count("LegClosed", "lg_two") == 0
        assert all(each.reason == "worker_lost" for each in here.stage.events if isinstance(each, LegClosed))
        await works(here)
    assert os.listdir(tmp_path) == [], "nor does it leave anything behind"


async def test_a_sip_thread_that_dies_ends_its_calls_and_refuses_others() -> None:
    async with desk() as here:
        assert isinstance(here.engine, InProcessEngine)
        await here.answered()
        starting = here.engine._calls._starting
        assert starting is not None
        stack = await starting
        assert isinstance(stack, BaresipStack)
        stack._died()
        closed = await here.ended()
        assert (closed.reason, closed.detail) == ("voice_ended", "the SIP stack has died")
        with pytest.raises(MediaRefused, match="voice_unavailable"):
            await here.dial("lg_next")
        await here.customer()  # whoever comes with a browser is served
        stack._dead = False  # it lives, so it must be closed


async def test_without_the_extra_a_call_is_refused_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("baresip.config", "baresip.errors", "baresip.runtime"):
        monkeypatch.setitem(sys.modules, name, None)
    async with desk() as here:
        with pytest.raises(MediaRefused, match="voice_unavailable: telephone calls need the extra sip"):
            await here.dial()
        await here.customer()
