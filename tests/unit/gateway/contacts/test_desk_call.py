"""The call: hold, losses, reloads, releases, after-call work."""

import pytest

from gateway.base.errors import StateConflict
from gateway.contacts.events import EndReason
from gateway.contacts.fold import fold_contact, segments, talk_intervals
from gateway.parties import (
    AgentChanged,
    AskRecording,
    ContactAssigned,
    ContactChanged,
    GiveConsent,
    HangUp,
    HoldContact,
    LegChanged,
    LegRefused,
    OfferEnded,
    OfferLeg,
    PeerChanged,
    QueuePlace,
    RecordingShown,
    ReportMedia,
    RetrieveContact,
    SetNotReady,
    SetReady,
    SubmitWrapUp,
    TellPayment,
    WrapUpStarted,
)
from media.port import Clip, FromLeg, Silence
from tests.support.desk_rig import Agent, Customer, DeskRig, Shown
from tests.support.fake_media import REFUSED_SDP

HOLD = Clip(name="hold", loop=True)


async def call(rig: DeskRig) -> tuple[Customer, Agent]:
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.answer()
    assert maria.state == "active"
    return maria, anna


async def test_nobody_hears_a_customer_on_hold(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await rig.run(10)
    await anna.ask(HoldContact())
    assert (maria.leg.source, anna.leg.source) == (HOLD, Silence())
    await rig.run(30)
    await anna.ask(RetrieveContact())
    assert maria.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert anna.leg.source == FromLeg(leg_id=maria.leg.leg_id)
    await rig.run(10)
    await anna.ask(HangUp())
    assert (maria.row.talk_s, maria.row.hold_s) == (20.0, 30.0)
    assert rig.recording.words() == ["begin", "hold", "retrieve", "stop"]


async def test_hold_is_refused_where_there_is_nothing_to_hold(rig: DeskRig) -> None:
    _, anna = await call(rig)
    assert await anna.try_to(RetrieveContact()) == "illegal_transition"
    await anna.ask(HoldContact())
    assert await anna.try_to(HoldContact()) == "illegal_transition"


@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_either_side_ends_the_call(rig: DeskRig, who: str) -> None:
    maria, anna = await call(rig)
    await (maria if who == "customer" else anna).ask(HangUp())
    assert maria.last(ContactChanged).end_reason == EndReason.COMPLETED
    assert anna.last(WrapUpStarted).dispositions == rig.settings.dispositions
    assert rig.media.legs == {}
    assert await maria.try_to(HangUp()) == "contact_closed"


async def test_after_call_work_ends_by_time_without_a_disposition(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.ask(HangUp())
    await rig.run(rig.settings.wrap_up.total_seconds())
    assert anna.now.state == "ready"
    assert (maria.row.end_reason, maria.row.disposition, maria.row.wrap_up_s) == ("completed", None, 120.0)


async def test_a_wrong_disposition_is_refused_and_the_work_goes_on(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.ask(HangUp())
    assert await anna.try_to(SubmitWrapUp(disposition="nonsense")) == "unknown_disposition"
    assert await anna.try_to(SubmitWrapUp(disposition="sale", notes="x" * 4001)) == "notes_too_long"
    await anna.wrap_up("sale")
    assert maria.row.disposition == "sale"


async def test_a_break_asked_for_in_the_call_comes_after_the_after_call_work(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await anna.ask(SetNotReady(reason="lunch"))
    assert (anna.now.state, anna.now.pending_reason) == ("busy", "lunch")
    await maria.ask(HangUp())
    assert (anna.now.state, anna.now.pending_reason) == ("working_after_call", "lunch")
    await anna.wrap_up()
    assert (anna.now.state, anna.now.reason) == ("not_ready", "lunch")


async def test_ready_takes_a_pending_break_back(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await anna.ask(SetNotReady(reason="lunch"))
    await anna.ask(SetReady())
    await maria.ask(HangUp())
    await anna.wrap_up()
    assert anna.now.state == "ready"


# ---------------------------------------------------------------- the customer's network


async def test_a_customer_who_reloads_comes_back_to_the_same_agent(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    before = maria.leg.leg_id
    await maria.present(False)
    await maria.present(True)
    view = await rig.desk.customer_view(maria.contact_id)
    assert LegChanged(generation=1, state="connected") in view
    await maria.connect()
    assert maria.state == "active"
    assert before not in rig.media.legs
    assert anna.leg.source == FromLeg(leg_id=maria.leg.leg_id)
    assert maria.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert ("attach", maria.contact_id, maria.leg.leg_id, "customer") in rig.recording.told


async def test_a_silent_customer_is_shown_as_gone_and_heard_again_when_packets_come(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.silence(maria.leg.leg_id)
    await rig.rest()
    assert maria.last(LegChanged).state == "reconnecting"
    assert not anna.last(PeerChanged).connected
    assert anna.leg.source == Silence()
    await rig.run(30)
    rig.media.hear(maria.leg.leg_id)
    await rig.rest()
    assert anna.last(PeerChanged).connected
    assert anna.leg.source == FromLeg(leg_id=maria.leg.leg_id)
    await rig.run(61)
    assert maria.state == "active"


async def test_a_customer_lost_for_longer_than_the_grace_has_left(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.end(maria.leg.leg_id, "consent_lost")
    await rig.run(59.9)
    assert maria.state == "active"
    await rig.run(0.1)
    assert maria.row.state == "wrap_up"
    await anna.wrap_up()
    assert maria.row.end_reason == EndReason.CUSTOMER_LOST


async def test_a_customer_lost_while_waiting_keeps_the_place(rig: DeskRig) -> None:
    first = await rig.customer()
    second = await rig.customer()
    rig.media.end(first.leg.leg_id, "consent_lost")
    await first.present(False)
    await rig.run(50)
    await first.present(True)
    await first.connect()
    assert first.leg.source == HOLD
    assert (first.place, second.place) == (1, 2)
    view = await rig.desk.customer_view(first.contact_id)
    assert next(each for each in view if isinstance(each, QueuePlace)).place == 1


async def test_events_of_a_replaced_generation_change_nothing(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    old = maria.leg
    rig.media.gate = None
    rig.media.mute_closings = True
    await maria.connect()
    rig.media.mute_closings = False
    rig.media.silence(old.leg_id)
    rig.media.end(old.leg_id, "bye")
    await rig.rest()
    assert maria.state == "active"
    assert anna.last(PeerChanged).connected


async def test_an_old_generation_is_refused(rig: DeskRig) -> None:
    maria, _ = await call(rig)
    assert await maria.try_to(OfferLeg(generation=1, sdp="again")) == "leg_stale"


async def test_a_refused_offer_is_said_and_the_next_one_may_succeed(rig: DeskRig) -> None:
    maria = await rig.customer(connected=False)
    await maria.offer_leg(REFUSED_SDP)
    assert maria.last(LegRefused).code == "sdp_invalid"
    await maria.connect()
    assert maria.leg.source == HOLD


async def test_a_customer_without_media_is_offered_to_nobody_and_ends_as_our_failure(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer(connected=False)
    assert anna.ringing is None
    await maria.offer_leg()
    rig.media.end(maria.leg.leg_id, "setup_timeout")
    await rig.rest()
    assert maria.last(LegChanged) == LegChanged(generation=1, state="failed")
    await rig.run(60)
    assert maria.row.end_reason == EndReason.SETUP_FAILED


# ---------------------------------------------------------------- the agent's network


async def test_an_agent_who_reloads_is_given_the_same_contact_again(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await anna.go()
    await rig.run(5)
    await anna.come()
    view = await rig.desk.agent_view(anna.agent_id)
    assert [type(each) for each in view[:3]] == [AgentChanged, ContactAssigned, ContactChanged]
    await anna.connect()
    assert maria.state == "active"
    assert maria.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    await rig.run(120)
    assert maria.state == "active"


async def test_an_agent_lost_in_the_call_sends_the_customer_to_the_head_of_the_queue(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await rig.run(600)
    other = await rig.customer()
    rig.media.end(anna.leg.leg_id, "consent_lost")
    await anna.go()
    await rig.rest()
    assert maria.leg.source == HOLD
    assert not maria.last(PeerChanged).connected
    await rig.run(60)
    assert maria.state == "queued"
    assert (maria.place, other.place) == (1, 2)
    assert (anna.now.state, anna.now.reason) == ("not_ready", "media_failure")
    assert [event.reason for event in maria.events if event.name == "agent_leg_lost"] == ["agent_lost"]
    ben = await rig.agent("ben")
    assert ben.ringing is not None
    assert ben.ringing.contact_id == maria.contact_id
    await ben.answer()
    assert maria.state == "active"
    assert rig.recording.words() == ["begin", "agent_lost", "begin"]


async def test_a_customer_whose_browser_goes_on_beyond_a_limit_is_let_go_at_the_second_time(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.end(maria.leg.leg_id, "limit_bitrate")
    await rig.rest()
    assert maria.state == "active"
    await maria.offer_leg()
    await maria.connect()
    await rig.run(5)
    rig.media.end(maria.leg.leg_id, "limit_bitrate")
    await rig.rest()
    assert maria.row.state == "wrap_up"
    assert [event.reason for event in maria.events if event.name == "leg_lost"] == ["limit_bitrate"] * 2
    assert [alarm.code for alarm in rig.desk.board().alarms] == ["media_overuse"]
    await anna.wrap_up()
    assert maria.row.end_reason == EndReason.CUSTOMER_LOST


async def test_an_agent_who_accepts_and_brings_no_media_gives_the_contact_back(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.accept()
    await rig.run(20)
    assert maria.state == "queued"
    assert (anna.now.state, anna.now.reason) == ("not_ready", "media_failure")


async def test_an_agent_who_hangs_up_before_the_bridge_gives_the_contact_back(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.accept()
    await anna.ask(HangUp())
    assert maria.state == "queued"
    assert (anna.now.state, anna.now.reason) == ("not_ready", "declined")


async def test_a_customer_who_vanishes_between_accept_and_bridge_frees_the_agent(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    rig.media.silence(maria.leg.leg_id)
    await rig.rest()
    await anna.accept()
    await anna.connect()
    assert maria.state == "bridging"
    await rig.run(20)
    assert maria.state == "queued"
    assert anna.now.state == "ready"
    assert anna.ringing is None
    assert anna.leg_ids == []


async def test_no_packet_of_an_agent_reaches_a_customer_before_the_bridge(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    rig.media.silence(maria.leg.leg_id)
    await anna.answer()
    assert all(not isinstance(source, FromLeg) for source in maria.leg.sources + anna.leg.sources)
    rig.media.hear(maria.leg.leg_id)
    await rig.rest()
    assert isinstance(maria.leg.source, FromLeg)


async def test_an_agent_who_signs_out_while_ringing_gives_the_contact_back(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    await rig.desk.agent_logged_off(anna.agent_id)
    await rig.rest()
    assert maria.state == "queued"
    assert anna.last(OfferEnded).reason == "withdrawn"
    assert rig.queues.seats == {}


async def test_an_agent_who_signs_out_after_the_call_closes_the_contact(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.ask(HangUp())
    await rig.desk.agent_logged_off(anna.agent_id)
    await rig.rest()
    assert maria.row.end_reason == EndReason.COMPLETED
    assert rig.desk.live_contacts == 0


# ---------------------------------------------------------------- beside the call


async def test_each_side_is_told_of_the_other(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    assert maria.last(PeerChanged) == PeerChanged(
        display_name="Anna", connected=True, audio=False, video=False, screen=False
    )
    await anna.ask(ReportMedia(audio=True, video=True, screen=False))
    assert maria.last(PeerChanged).video
    await maria.ask(ReportMedia(audio=True, video=False, screen=True))
    assert anna.last(PeerChanged).screen
    assert anna.last(PeerChanged).display_name == "Maria"


async def test_the_recording_learns_what_a_side_switched_off_in_the_call(rig: DeskRig) -> None:
    """A camera that is off is not missing from the recording; what was said before the bridge is told with it."""
    maria = await rig.customer()
    await maria.ask(ReportMedia(audio=True, video=True, screen=False))
    anna = await rig.agent()
    await anna.answer()
    await maria.ask(ReportMedia(audio=True, video=False, screen=False))
    await rig.rest()
    camera_on = {"audio": True, "video": True, "screen": False}
    assert [told for told in rig.recording.told if told[0] == "shown"] == [
        ("shown", maria.contact_id, "customer", camera_on),
        ("shown", maria.contact_id, "customer", camera_on | {"video": False}),
    ]


async def test_the_recording_sign_is_shown_to_both_and_a_failure_is_written_down(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.recording.listener(Shown(maria.contact_id, "on", "1"))
    await rig.rest()
    assert maria.last(RecordingShown) == anna.last(RecordingShown) == RecordingShown(state="on", notice_version="1")
    rig.recording.listener(Shown(maria.contact_id, "failed", code="disk_full"))
    await rig.rest()
    assert anna.last(RecordingShown).state == "failed"
    assert [event.reason for event in maria.events if event.name == "recording_changed"] == [None, "disk_full"]
    assert maria.state == "active"


async def test_consent_reaches_the_recording_before_and_during_the_call(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer(notice_version="1")
    await maria.ask(GiveConsent(given=True, notice_version="2"))
    await anna.answer()
    order = rig.recording.told[0][1]
    assert (order.consent, order.notice_version) == (True, "2")  # type: ignore[attr-defined]
    await maria.ask(GiveConsent(given=False, notice_version="2"))
    assert rig.recording.told[-1] == ("consent", maria.contact_id, False, "2", "en")


async def test_an_agent_may_ask_of_the_recording_what_it_can_do_and_nothing_else(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    with pytest.raises(StateConflict, match="recording_not_now"):
        await anna.ask(AskRecording(action="pause"))
    rig.recording.listener(Shown(maria.contact_id, "on", "1", may=("pause",)))
    await rig.rest()
    assert (anna.last(RecordingShown).may, maria.last(RecordingShown).may) == (("pause",), ())
    await anna.ask(AskRecording(action="pause"))
    assert rig.recording.told[-1] == ("ask", maria.contact_id, "pause", f"agent:{anna.agent_id}")
    with pytest.raises(StateConflict, match="recording_not_now"):
        await anna.ask(AskRecording(action="stop"))


async def test_a_payment_on_the_page_pauses_the_recording_once_and_is_written_down(rig: DeskRig) -> None:
    """S19: said before the bridge it comes with the order, said again it changes nothing."""
    anna = await rig.agent()
    maria = await rig.customer()
    await maria.ask(TellPayment(open=True))
    await anna.answer()
    assert rig.recording.told[0][1].payment_open  # type: ignore[attr-defined]
    for is_open in (True, False, False, True):
        await maria.ask(TellPayment(open=is_open))
    asked = [told[2:] for told in rig.recording.told if told[0] == "ask"]
    assert asked == [("resume", "page"), ("pause", "page")]
    names = [event.name for event in maria.events if event.name.startswith("payment")]
    assert names == ["payment_opened", "payment_closed", "payment_opened"]


async def test_a_recorder_that_fails_never_harms_the_call(rig: DeskRig) -> None:
    rig.recording.fail_next = RuntimeError("disk on fire")
    maria, _ = await call(rig)
    assert maria.state == "active"
    assert [alarm.code for alarm in rig.desk.board().alarms] == ["recording_failed"]


async def test_the_longest_call_ends_with_after_call_work(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await rig.run(rig.settings.max_duration.total_seconds())
    assert anna.now.state == "working_after_call"
    await anna.wrap_up()
    assert maria.row.end_reason == EndReason.MAX_DURATION


async def test_the_journal_folds_to_the_saved_row_and_to_the_segments(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await rig.run(30)
    await anna.ask(HoldContact())
    await rig.run(7)
    rig.media.end(anna.leg.leg_id, "consent_lost")
    await rig.run(60)
    ben = await rig.agent("ben")
    await ben.answer()
    await rig.run(40)
    await maria.ask(HangUp())
    await rig.run(10)
    await ben.wrap_up()
    assert fold_contact(maria.events) == maria.row
    parts = segments(maria.events)
    assert [(part.agent_id, part.talk_s, part.hold_s, part.wrap_up_s) for part in parts] == [
        (anna.agent_id, 30.0, 67.0, 0.0),
        (ben.agent_id, 40.0, 0.0, 10.0),
    ]
    assert [each.length_s(0) for each in talk_intervals(maria.events)] == [30.0, 67.0, 40.0]
    assert (maria.row.talk_s, maria.row.hold_s, maria.row.agent_id) == (70.0, 67.0, ben.agent_id)
