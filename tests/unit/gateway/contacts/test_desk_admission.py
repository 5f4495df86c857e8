"""Who is let in, and what the desk does at the start and at the end of a day."""

import pytest

from gateway.base.errors import CapacityExceeded, NotFound, PortFailure, Refused, SetupError, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.config import ContactSettings
from gateway.contacts.events import EndReason
from gateway.parties import AgentCard, BoardShown, ChooseOption, Entry, HangUp, HoldContact, MenuShown, SetReady
from media.port import Clip, Silence
from tests.support.desk_rig import DeskRig, MemoryJournal


async def test_a_draining_desk_takes_nobody_and_cuts_nobody(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    rig.desk.drain()
    with pytest.raises(Refused, match="draining"):
        await rig.customer()
    await anna.answer()
    assert maria.state == "active"
    assert rig.desk.board().draining
    await maria.ask(HangUp())
    await anna.wrap_up()
    assert rig.desk.live_contacts == 0


async def test_the_pilot_refuses_with_its_own_code_and_never_a_robot(rig: DeskRig) -> None:
    rig.rollout.code = "not_in_pilot"
    with pytest.raises(Refused, match="not_in_pilot"):
        await rig.customer()
    robot = await rig.customer(canary=True)
    assert robot.state == "queued"
    assert robot.row.canary


async def test_an_unknown_site_is_refused(rig: DeskRig) -> None:
    with pytest.raises(Refused, match="no_such_site"):
        await rig.customer(site="elsewhere")


async def test_a_full_desk_says_so_and_takes_the_next_when_one_has_gone() -> None:
    rig = DeskRig(settings=ContactSettings(max_contacts=2))
    await rig.start()
    first = await rig.customer()
    await rig.customer()
    with pytest.raises(CapacityExceeded, match="full"):
        await rig.customer()
    await first.ask(HangUp())
    await rig.customer()
    await rig.stop()


async def test_a_full_journal_stops_admission_only(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop")
    rig.journal.full = True
    with pytest.raises(PortFailure, match="journal_full"):
        await rig.customer()
    await maria.choose("1")
    assert maria.state == "queued"


async def test_a_store_that_is_away_stops_admission(rig: DeskRig) -> None:
    rig.queues.away = True
    with pytest.raises(PortFailure, match="live_unavailable"):
        await rig.customer()
    assert rig.desk.live_contacts == 0


async def test_a_site_without_its_menu_fails_the_contact_and_no_other(rig: DeskRig) -> None:
    maria = await rig.customer()
    rig.desk._sites["shop"] = rig.desk._sites["shop"].model_copy(update={"menu": "nothing"})
    with pytest.raises(SetupError, match="menu_missing"):
        await rig.desk.open_contact(Entry(site="shop", visitor_key="v", language="en"))
    await rig.rest()
    assert rig.desk.live_contacts == 1
    assert maria.state == "queued"
    assert sorted(str(row.end_reason) for row in rig.journal.rows.values()) == ["None", "failed"]


async def test_unknown_contacts_and_agents_are_told_apart_from_nothing_else(rig: DeskRig) -> None:
    nobody = ContactId("ct_nobody00")
    with pytest.raises(StateConflict, match="contact_closed"):
        await rig.desk.customer_request(nobody, HangUp())
    with pytest.raises(StateConflict, match="contact_closed"):
        await rig.desk.customer_view(nobody)
    await rig.desk.customer_present(nobody, True)
    with pytest.raises(NotFound, match="agent_not_logged_on"):
        await rig.desk.agent_request(AgentId("ag_nobody00"), SetReady())
    await rig.desk.agent_logged_off(AgentId("ag_nobody00"))
    await rig.desk.agent_present(AgentCard(agent_id=AgentId("ag_nobody00"), display_name="", queues=()), False)
    anna = await rig.agent()
    assert await anna.try_to(HoldContact()) == "no_contact"


# ---------------------------------------------------------------- menu


async def test_the_menu_shows_chooses_goes_back_and_ends(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop", language="fr")
    assert maria.last(MenuShown).text == "Bienvenue"
    assert maria.leg.source == Clip(name="welcome", language="fr")
    await maria.choose("5")
    assert maria.last(MenuShown).can_go_back
    assert maria.leg.source == Silence()
    await maria.choose("back")
    assert maria.leg.source == Clip(name="welcome", language="fr")
    await maria.choose("3")
    assert maria.last(MenuShown).text == "De neuf à cinq"
    assert maria.row.end_reason == EndReason.SELF_SERVED


async def test_a_stale_or_unknown_key_is_refused_and_nothing_changes(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop")
    assert await maria.try_to(ChooseOption(node_id="more", key="1")) == "menu_stale"
    assert await maria.try_to(ChooseOption(node_id="welcome", key="9")) == "menu_no_such_key"
    await maria.choose("1")
    assert await maria.try_to(ChooseOption(node_id="welcome", key="1")) == "menu_stale"
    assert maria.state == "queued"


async def test_a_spoken_answer_is_said_to_its_end(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop")
    await maria.choose("4")
    assert maria.state == "in_menu"
    assert maria.leg.source == Clip(name="answer")
    rig.media.end_clip(maria.leg.leg_id)
    await rig.rest()
    assert maria.row.end_reason == EndReason.SELF_SERVED


async def test_who_hangs_up_during_the_answer_was_served(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop")
    await maria.choose("4")
    await maria.ask(HangUp())
    assert maria.row.end_reason == EndReason.SELF_SERVED


async def test_an_answer_without_its_clip_ends_at_once_with_an_alarm(rig: DeskRig) -> None:
    rig.media._clips = ("hold",)
    maria = await rig.customer(site="shop")
    await maria.choose("4")
    assert maria.row.end_reason == EndReason.SELF_SERVED
    assert [alarm.code for alarm in rig.desk.board().alarms] == ["clip_unknown"]


async def test_two_silences_end_the_menu_as_abandoned(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop")
    await rig.run(90)
    assert len(maria.all(MenuShown)) == 2
    await rig.run(90)
    assert maria.row.end_reason == EndReason.ABANDONED_IN_MENU


# ---------------------------------------------------------------- start and end of the process


async def test_what_a_crash_left_open_is_closed_at_the_next_start(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.answer()
    await rig.run(30)
    rig.media.silence(maria.leg.leg_id)  # the last fact before the crash
    await rig.rest()
    left: MemoryJournal = rig.journal
    again = DeskRig()
    again.journal.events = {maria.contact_id: list(left.events[maria.contact_id])}
    again.journal.rows = dict(left.rows)
    again.clock.advance(5000)
    await again.start()
    last = again.journal.events[maria.contact_id][-1]
    assert (last.name, last.reason) == ("closed", "gateway_restart")
    row = again.journal.rows[maria.contact_id]
    assert (row.state, row.end_reason, row.talk_s) == ("closed", "gateway_restart", 30.0)
    await again.stop()


@pytest.mark.parametrize(
    ("how", "reason"), [("customer", "completed"), ("agent", "completed"), ("lost", "customer_lost")]
)
async def test_a_call_that_was_over_before_the_crash_ended_as_it_did(rig: DeskRig, how: str, reason: str) -> None:
    """Only the after-call work was cut off."""
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.answer()
    if how == "lost":
        rig.media.silence(maria.leg.leg_id)
        await maria.present(False)
        await rig.run(rig.settings.customer_grace.total_seconds())
    else:
        await (maria if how == "customer" else anna).ask(HangUp())
    assert maria.row.state == "wrap_up"
    again = DeskRig()
    again.journal.events = {maria.contact_id: list(rig.journal.events[maria.contact_id])}
    again.journal.rows = dict(rig.journal.rows)
    await again.start()
    assert again.journal.rows[maria.contact_id].end_reason == reason
    await again.stop()


async def test_a_node_that_starts_leaves_the_contacts_of_others_alone(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    other = DeskRig(node="n2", journal=rig.journal, clock=rig.clock)
    await other.start()
    await anna.answer()
    assert (maria.row.state, maria.events[-1].state) == ("active", "active")
    assert (await rig.desk.owns(maria.contact_id), await other.desk.owns(maria.contact_id)) == (True, False)
    await other.stop()


async def test_what_a_node_that_is_gone_for_good_left_open_is_closed_by_another(rig: DeskRig) -> None:
    maria = await rig.customer()
    after = rig.settings.max_duration.total_seconds()
    for later_s, state in ((after, "queued"), (after + 3 * 3600, "closed")):
        other = DeskRig(node="n2")
        other.journal.events = {maria.contact_id: list(rig.journal.events[maria.contact_id])}
        other.journal.rows = dict(rig.journal.rows)
        other.clock.advance(later_s)
        await other.start()
        assert other.journal.rows[maria.contact_id].state == state
        await other.stop()


async def test_closing_the_desk_ends_every_contact_in_order() -> None:
    rig = DeskRig()
    await rig.start()
    anna = await rig.agent()
    talking = await rig.customer()
    await anna.answer()
    waiting = await rig.customer()
    await rig.stop()
    for each in (talking, waiting):
        assert each.row.end_reason == EndReason.GATEWAY_STOPPED
    assert rig.recording.words() == ["begin", "stop"]
    assert rig.queues.tickets == {}
    await rig.desk.aclose()


async def test_what_still_happens_when_the_desk_has_closed_is_nobodys_error(rig: DeskRig) -> None:
    """Sockets close after it, and recordings are sealed after it, perhaps with an alarm."""
    anna = await rig.agent()
    maria = await rig.customer()
    await rig.stop()
    await rig.desk.customer_present(maria.contact_id, False)
    await anna.go()
    rig.desk.alarm("stop_timeout", "The media engine did not close a capture.")
    assert [alarm.code for alarm in rig.desk.board().alarms] == ["stop_timeout"]


# ---------------------------------------------------------------- board


async def test_the_board_shows_queues_agents_and_contacts(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    await rig.customer()
    await anna.answer()
    waiting = await rig.customer()
    await rig.run(7)
    board = rig.desk.board()
    sales = next(queue for queue in board.queues if queue.queue == "sales")
    assert (sales.waiting, sales.talking, sales.longest_wait_s, sales.agents_ready) == (1, 1, 7.0, 0)
    assert [(agent.display_name, agent.state) for agent in board.agents] == [("Anna", "busy")]
    assert {contact.state for contact in board.contacts} == {"active", "queued"}
    assert waiting.contact_id in {contact.contact_id for contact in board.contacts}


async def test_robots_are_not_on_the_board(rig: DeskRig) -> None:
    """Nobody staffs by them; who is there for a queue of people too is no robot."""
    await rig.customer()
    before = rig.desk.board()
    await rig.agent("robot", queues=("canary",))
    robot = await rig.customer(canary=True)
    assert robot.state == "queued"
    assert rig.desk.board() == before
    assert [queue.queue for queue in before.queues] == ["sales", "support"]
    assert len(before.contacts) == 1
    rig.desk.alarm("contact_failed", "", robot.contact_id)
    assert [alarm.contact_id for alarm in rig.desk.board().alarms] == [robot.contact_id]
    await rig.agent("ben", queues=("canary", "sales"), ready=False)
    await rig.agent("eve", queues=(), ready=False)
    assert [agent.display_name for agent in rig.desk.board().agents] == ["Ben", "Eve"]


async def test_the_board_is_told_at_most_twice_a_second_and_at_least_every_five(rig: DeskRig) -> None:
    await rig.run(1)
    before = len(rig.notices.board())
    for _ in range(10):
        await rig.customer()
        await rig.run(0.1)
    assert len(rig.notices.board()) - before <= 3
    await rig.run(0.5)
    last = rig.notices.board()[-1]
    assert isinstance(last, BoardShown)
    assert len(last.contacts) == 10
    before = len(rig.notices.board())
    await rig.run(20)
    assert 4 <= len(rig.notices.board()) - before <= 5


async def test_an_alarm_that_repeats_is_one_alarm_and_old_ones_go(rig: DeskRig) -> None:
    for _ in range(3):
        rig.desk.alarm("disk_low", "Little room is left.")
    await rig.run(10)
    assert [(alarm.code, alarm.age_s) for alarm in rig.desk.board().alarms] == [("disk_low", 10.0)]
    for number in range(60):
        rig.desk.alarm("recording_failed", "", ContactId(f"ct_{number}"))
    assert len(rig.desk.board().alarms) == 50
    await rig.run(901)
    assert rig.desk.board().alarms == ()
