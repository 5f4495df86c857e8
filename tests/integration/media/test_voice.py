"""Telephone calls through the engine: a switch over SIP and RTP on one side, a browser's leg on the other."""

import asyncio
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from media.port import (
    Clip,
    ClipEnded,
    CloseLeg,
    FromLegs,
    GetLegStats,
    HoldVoice,
    Kind,
    MediaRefused,
    ProbeTrunk,
    RecordingStopped,
    RecordLeg,
    ReferVoice,
    SendDtmf,
    SetSource,
    StartRecording,
    StopRecording,
    VoiceDtmf,
    VoiceHeld,
    VoiceIdentity,
    VoiceProgress,
    VoiceReferred,
    VoiceTrunk,
)
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import LOCAL, Desk, desk
from tests.support.sip_peer import PCMA, Message, PeerCall, loudest_hz, tone

everywhere = pytest.mark.parametrize("workers", [0, 1], ids=["in this process", "in one of its own"])


def near(heard_hz: float, said_hz: float) -> bool:
    return abs(heard_hz - said_hz) < said_hz * 0.03


@everywhere
async def test_customer_and_telephone_hear_each_other(workers: int) -> None:
    async with desk(workers=workers) as here:
        customer, call = await here.joined()
        assert here.codec() == "PCMA"
        customer.speak(tone(500, 48_000))
        call.rtp.speak(tone(900))
        await until(lambda: near(loudest_hz(call.rtp.sound()[-4000:]), 500), "the telephone hears the customer")
        await until(lambda: near(loudest_hz(customer.heard()[-24_000:], 48_000), 900), "and the other way round")
        sequences = [sequence for sequence, _, _ in customer.packets]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences))), "one stream without a gap"
        stats = await here.engine.execute(GetLegStats(leg_id="lg_phone"))
        assert stats.connected
        assert stats.received_packets["audio"] >= len(customer.packets) - 1
        assert stats.remote_address == f"127.0.0.1:{here.peer.port}"
        customer.hush()
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        closed = await here.ended()
        assert (closed.reason, closed.sip_status) == ("closed", 0)
        await until(lambda: call.has("BYE"), "the switch was told")
        assert here.stage.count("LegConnected", "lg_phone") == 0, "a telephone tells of itself by its own events"
        assert here.stage.count("LegFirstMedia", "lg_phone") == 1


async def test_the_invite_says_who_calls_and_what_was_added() -> None:
    async with desk() as here:
        await here.dial(
            trunk=VoiceTrunk(name="t", from_uri="sip:4930123@gateway.example", from_display="María López"),
            headers=(("User-to-User", "6162;encoding=hex"), ("X-Menu", "100% %s é")),
        )
        call = await here.peer.call(1)
        assert call.invite.one("From").startswith('"María López" <sip:4930123@gateway.example>')
        assert call.invite.all("User-to-User") == ["6162;encoding=hex"]
        assert call.invite.one("X-Menu") == "100% %s é"
        assert "m=audio" in call.invite.body
        assert "m=video" not in call.invite.body


async def test_progress_is_told_as_it_was_said_and_early_sound_is_heard() -> None:
    def slowly(call: PeerCall) -> None:
        call.progress(182, "Queued, 3 ahead")
        call.progress(180, "Ringing")
        call.progress(183, "Session Progress", sound=True)

    async with desk(slowly) as here:
        customer = await here.customer()
        await here.dial()
        await here.engine.execute(
            SetSource(leg_id="lg_customer", source=FromLegs(audio_leg_id="lg_phone", video_leg_id=""))
        )
        call = await here.peer.call(1)
        call.rtp.speak(tone(425))
        await until(lambda: near(loudest_hz(customer.heard()[-24_000:], 48_000), 425), "the queue's music is heard")
        told = [(each.status, each.early_media) for each in here.stage.events if isinstance(each, VoiceProgress)]
        assert told == [(182, False), (180, False), (183, True)]
        assert here.stage.count("VoiceAnswered") == 0
        call.answer()
        await until(lambda: here.stage.count("VoiceAnswered") == 1, "then it is answered")


@pytest.mark.parametrize(
    ("status", "reason", "headers", "detail"),
    [
        (486, "Busy Here", [], "Busy Here"),
        (
            480,
            "Temporarily Unavailable",
            [("Reason", 'Q.850;cause=19;text="no agent"')],
            'Q.850;cause=19;text="no agent"',
        ),
        (503, "Service Unavailable", [], "Service Unavailable"),
        (603, "Decline", [], "Decline"),
    ],
)
async def test_a_refusal_is_told_with_its_status_and_reason(
    status: int, reason: str, headers: list[tuple[str, str]], detail: str
) -> None:
    async with desk(lambda call: call.refuse(status, reason, headers)) as here:
        await here.dial()
        closed = await here.ended()
        assert (closed.reason, closed.sip_status, closed.detail) == ("voice_ended", status, detail)
        await here.peer.call(1)
        await here.dial()  # the id is free again
        await until(lambda: len(here.peer.calls) == 2, "a second one is tried")


async def test_closing_before_the_answer_is_a_cancel() -> None:
    async with desk(lambda call: call.progress()) as here:
        await here.dial()
        call = await here.peer.call(1)
        await until(lambda: here.stage.count("VoiceProgress") == 1, "it rings")
        await here.engine.execute(CloseLeg(leg_id="lg_phone"))
        assert (await here.ended()).reason == "closed"
        await until(lambda: call.has("CANCEL"), "the switch is told")
        await until(lambda: call.has("ACK"), "and its 487 is acknowledged")


@pytest.mark.parametrize(("answer", "asked_for"), [(200, "BYE"), (100, "CANCEL")])
async def test_closing_before_the_switch_said_anything_leaves_no_call_behind_there(answer: int, asked_for: str) -> None:
    async with desk(lambda call: None) as here:
        await here.dial()
        closing = asyncio.create_task(here.engine.execute(CloseLeg(leg_id="lg_phone")))
        call = await here.peer.call(1)
        if answer == 200:
            call.answer()
        else:
            call.progress(answer, "Trying")
        await until(lambda: call.has(asked_for), "the switch is told")
        await until(lambda: call.has("ACK"), "and its answer is acknowledged")
        await closing
        assert (await here.ended()).reason == "closed"


async def test_the_end_by_the_other_side_says_why() -> None:
    async with desk() as here:
        call = await here.answered()
        call.bye(("Reason", 'Q.850;cause=16;text="Normal call clearing"'))
        closed = await here.ended()
        assert (closed.reason, closed.sip_status) == ("voice_ended", 0)
        assert closed.detail == 'Q.850;cause=16;text="Normal call clearing"'


async def test_hold_goes_both_ways_and_identity_changes_are_told() -> None:
    async with desk() as here:
        call = await here.answered()
        call.hold("sendonly", ("P-Asserted-Identity", '"Agent 9" <sip:9@acd.example>'))
        await until(lambda: here.stage.count("VoiceHeld") == 1, "we are on hold")
        await until(lambda: here.stage.count("VoiceIdentity") == 1, "and with somebody else")
        call.hold("sendrecv", ("P-Asserted-Identity", '"Agent 9" <sip:9@acd.example>'))
        await until(lambda: here.stage.count("VoiceHeld") == 2, "and are taken back")
        assert [each.held for each in here.told(VoiceHeld)] == [True, False]  # type: ignore[attr-defined]
        (identity,) = (each for each in here.stage.events if isinstance(each, VoiceIdentity))
        assert (identity.display, identity.uri) == ("Agent 9", "sip:9@acd.example")
        await here.engine.execute(HoldVoice(leg_id="lg_phone", on=True))
        await here.engine.execute(HoldVoice(leg_id="lg_phone", on=False))  # at once: the first may be unanswered yet
        await until(lambda: has_asked_for_both(call), "both were asked for, in order")


def has_asked_for_both(call: PeerCall) -> bool:
    """One after the other; or in one, by a stack that still waited for the ACK of theirs and changed its mind."""
    in_one = sum(each.method == "INVITE" for each in call.requests) > 1 and asked(call) == ["a=sendrecv"]
    return in_one or asked(call) == ["a=sendrecv", "a=sendonly", "a=sendrecv"]


def asked(call: PeerCall) -> list[str]:
    """The directions of our offers, each change once: asked in between, the stack may offer once more what holds."""
    ways = ("a=sendonly", "a=sendrecv", "a=inactive")
    offers = [line for each in call.requests for line in each.body.split("\r\n") if line in ways]
    return [way for way, _ in groupby(offers)]


async def test_keys_go_both_ways() -> None:
    async with desk() as here:
        call = await here.answered()
        call.rtp.speak(tone(300))
        await here.engine.execute(SendDtmf(leg_id="lg_phone", digits="12#"))
        await here.engine.execute(SendDtmf(leg_id="lg_phone", digits="D*"))
        await until(lambda: call.rtp.digits() == "12#D*", "in order")
        for digit in "59*":
            call.rtp.press(digit)
        await until(lambda: here.stage.count("VoiceDtmf") == 3, "three were pressed over there")
        assert [each.digit for each in here.told(VoiceDtmf)] == ["5", "9", "*"]  # type: ignore[attr-defined]


async def test_a_transfer_is_told_as_it_goes_and_a_failed_one_leaves_the_call() -> None:
    async with desk() as here:
        call = await here.answered()
        await here.engine.execute(ReferVoice(leg_id="lg_phone", to_uri="sip:sales@acd.example"))
        await until(lambda: call.has("REFER"), "it is asked")
        assert call.requests[-1].one("Refer-To").strip("<>") == "sip:sales@acd.example"
        with pytest.raises(MediaRefused, match="voice_state"):
            await here.engine.execute(ReferVoice(leg_id="lg_phone", to_uri="sip:sales@acd.example"))
        call.notify("180 Ringing", final=False)
        call.notify("486 Busy Here", final=True)
        await until(lambda: any(each.final for each in told_of_transfer(here)), "it came to nothing")
        assert told_of_transfer(here)[-1].status == 486
        assert here.stage.count("LegClosed") == 0
        await here.engine.execute(ReferVoice(leg_id="lg_phone", to_uri="sip:sales@acd.example"))
        await until(lambda: sum(each.method == "REFER" for each in call.requests) == 2, "and may be asked again")
        call.notify("200 OK", final=True)
        await here.ended()
        assert [each.status for each in told_of_transfer(here) if each.final] == [486, 200]


def told_of_transfer(here: Desk) -> list[VoiceReferred]:
    return [each for each in here.stage.events if isinstance(each, VoiceReferred)]


async def test_an_attended_transfer_names_the_other_call() -> None:
    async with desk() as here:
        first = await here.answered("lg_phone")
        second = await here.answered("lg_consult")
        await here.engine.execute(ReferVoice(leg_id="lg_phone", replaces_leg_id="lg_consult"))
        await until(lambda: first.has("REFER"), "it is asked")
        target = first.requests[-1].one("Refer-To")
        assert "Replaces=" in target
        assert second.call_id in target


async def test_a_clip_is_heard_at_the_telephone_and_its_end_is_told() -> None:
    async with desk() as here:
        call = await here.answered()
        await here.engine.execute(SetSource(leg_id="lg_phone", source=Clip(name="hold")))
        await until(lambda: here.stage.count("ClipEnded", "lg_phone") == 1, "it was played to its end")
        assert isinstance(here.told(ClipEnded)[0], ClipEnded)
        await until(lambda: len(call.rtp.heard) > 5, "and was sent")
        assert {each.payload_type for each in call.rtp.heard} == {PCMA}


async def test_a_silent_customer_leaves_a_line_that_is_not_dead() -> None:
    async with desk() as here:
        _, call = await here.joined()
        await until(lambda: len(call.rtp.heard) > 25, "half a second of the line")
        sound = call.rtp.sound()[-2000:].astype(float)
        assert 4 < np.sqrt(np.mean(sound**2)) < 40, "a soft noise"


async def test_a_telephone_is_recorded_like_any_leg(tmp_path: Path) -> None:
    async with desk() as here:
        _, call = await here.joined()
        await here.engine.execute(StartRecording(recording_id="rc_1", folder=str(tmp_path / "rc_1"), call_id="ct_1"))
        await here.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_phone", role="agent"))
        call.rtp.speak(tone(700))
        await until(lambda: here.stage.count("RecordingStarted") == 1, "the first packet is on disk")
        customer = here.stage.robots[0]
        await until(lambda: len(customer.received[Kind.AUDIO]) > 25, "half a second")
        await here.engine.execute(StopRecording(recording_id="rc_1"))
        (stopped,) = (each for each in here.stage.events if isinstance(each, RecordingStopped))
        assert stopped.packets > 20


async def test_what_is_no_call_is_refused_before_anything_is_sent() -> None:
    async with desk() as here:
        for fields, code in (
            ({"to_uri": "sip:a@b?Subject=x"}, "voice_bad_uri"),
            ({"to_uri": "sip:a@b\r\nX-A: 1"}, "voice_bad_uri"),
            ({"headers": (("X-A", "1\r\nX-B: 2"),)}, "voice_bad_header"),
            ({"headers": (("Contact", "<sip:x@y>"),)}, "voice_bad_header"),
            ({"trunk": VoiceTrunk(name="t", from_uri="4930123")}, "voice_bad_trunk"),
        ):
            with pytest.raises(MediaRefused, match=code):
                await here.dial(**fields)
        await here.dial()
        with pytest.raises(MediaRefused, match="leg_exists"):
            await here.dial()
        for command in (
            HoldVoice(leg_id="lg_none", on=True),
            SendDtmf(leg_id="lg_none", digits="1"),
            ReferVoice(leg_id="lg_none", to_uri="sip:a@b"),
        ):
            with pytest.raises(MediaRefused, match="leg_unknown"):
                await here.engine.execute(command)
        with pytest.raises(MediaRefused, match="voice_bad_digits"):
            await here.engine.execute(SendDtmf(leg_id="lg_phone", digits="1,2"))
        await here.peer.call(1)
        assert len(here.peer.calls) == 1


async def test_a_trunk_is_asked_whether_it_is_there() -> None:
    async with desk() as here:
        there = VoiceTrunk(name="t", from_uri="sip:a@gateway.example", outbound_proxy=f"127.0.0.1:{here.peer.port}")
        answer = await here.engine.execute(ProbeTrunk(trunk=there))
        assert (answer.reachable, answer.status) == (True, 200)
        assert answer.round_trip_s < 3
        asked: Message = here.peer.heard[0]
        assert asked.method == "OPTIONS"


async def test_more_calls_than_allowed_are_refused() -> None:
    async with desk(voice=replace(LOCAL, max_calls=1)) as here:
        await here.answered()
        with pytest.raises(MediaRefused, match="voice_capacity"):
            await here.dial("lg_second")
