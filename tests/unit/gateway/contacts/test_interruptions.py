"""What the other side and the journal are told of a side that can't be seen: why, since when, what comes next."""

import pytest
from prometheus_client import CollectorRegistry

from gateway.contacts.events import EndReason
from gateway.contacts.interruptions import RELOAD_S, Cause, cause_of
from gateway.metrics.journal import JournalFigures
from gateway.parties import Away, ContactChanged, HangUp, PeerChanged
from tests.support.desk_rig import Agent, Customer, DeskRig, MemoryJournal


async def call(rig: DeskRig) -> tuple[Customer, Agent]:
    anna = await rig.agent()
    maria = await rig.customer()
    await anna.answer()
    assert maria.state == "active"
    return maria, anna


def written(maria: Customer) -> list[tuple[str, str | None]]:
    return [(event.name, event.reason) for event in maria.events if event.name in ("interrupted", "recovered")]


async def test_a_lost_network_is_told_with_what_is_left_of_the_grace_and_written_down(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.silence(maria.leg.leg_id)
    await rig.rest()
    told = anna.last(PeerChanged)
    assert (told.connected, told.away) == (False, Away(cause="network", since_s=0.0, deadline_s=60.0))
    await rig.run(25)
    rig.media.hear(maria.leg.leg_id)
    await rig.rest()
    assert (anna.last(PeerChanged).connected, anna.last(PeerChanged).away) == (True, None)
    assert written(maria) == [("interrupted", "network"), ("recovered", "network")]
    assert maria.events[-1].data == {"side": "customer", "seconds": 25.0}


async def test_a_page_that_leaves_is_reloading_until_it_must_have_been_closed(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.present(False, page_gone=True)
    assert anna.last(PeerChanged).away == Away(cause="reloading", since_s=0.0, deadline_s=60.0)
    await rig.run(RELOAD_S)
    assert anna.last(PeerChanged).away == Away(cause="left_page", since_s=RELOAD_S, deadline_s=60.0 - RELOAD_S)
    await maria.present(True, page_gone=True)
    await maria.connect()
    assert anna.last(PeerChanged).away is None
    assert written(maria) == [("interrupted", "reloading"), ("recovered", "left_page")]


async def test_a_quick_reload_ends_with_the_new_connection_not_with_the_page(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await anna.go(page_gone=True)
    await rig.run(1)
    await anna.come(page_gone=True)
    assert maria.last(PeerChanged).away == Away(cause="reloading", since_s=0.0, deadline_s=60.0)
    await rig.run(1)
    await anna.connect()
    assert maria.last(PeerChanged).away is None
    assert written(maria) == [("interrupted", "reloading"), ("recovered", "reloading")]
    assert next(e for e in maria.events if e.name == "recovered").data == {"side": "agent", "seconds": 2.0}


async def test_a_goodbye_that_was_not_the_pages_own_interrupts_only_until_the_same_page_is_back(rig: DeskRig) -> None:
    """A proxy that is restarted says goodbye in the page's name; picture and sound went on all the time."""
    maria, anna = await call(rig)
    await maria.present(False, page_gone=True)
    await rig.run(1)
    await maria.present(True)
    assert anna.last(PeerChanged).away is None
    await rig.run(120)
    assert maria.state == "active"


async def test_a_page_that_crashed_without_a_goodbye_is_known_by_the_next_one(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.present(False)
    await rig.run(2)
    await maria.present(True, page_gone=True)
    away = anna.last(PeerChanged).away
    assert away is not None
    assert (away.cause, away.deadline_s) == ("reloading", 58.0)  # the grace runs from the crash


async def test_a_page_that_comes_back_and_never_connects_is_lost_after_the_grace(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.present(False, page_gone=True)
    await rig.run(5)
    await maria.present(True, page_gone=True)
    await rig.run(54.9)
    assert maria.state == "active"
    await rig.run(0.1)
    await anna.wrap_up()
    assert maria.row.end_reason == EndReason.CUSTOMER_LOST


async def test_signaling_alone_interrupts_nobody(rig: DeskRig) -> None:
    """Picture and sound go on: there is nothing to say to the other side."""
    maria, anna = await call(rig)
    before = len(anna.all(PeerChanged))
    await maria.present(False)
    await rig.run(5)
    await maria.present(True)
    assert len(anna.all(PeerChanged)) == before
    assert written(maria) == []


async def test_a_page_that_makes_a_new_connection_is_restarting(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    await maria.offer_leg()
    away = anna.last(PeerChanged).away
    assert away is not None
    assert away.cause == "media_restart"
    rig.media.connect(maria.leg.leg_id)
    await rig.rest()
    assert written(maria) == [("interrupted", "media_restart"), ("recovered", "media_restart")]


async def test_a_second_reason_does_not_begin_a_second_interruption(rig: DeskRig) -> None:
    maria, _ = await call(rig)
    rig.media.silence(maria.leg.leg_id)
    await rig.run(5)
    rig.media.end(maria.leg.leg_id, "consent_lost")
    await rig.run(5)
    await maria.present(False)
    await rig.run(5)
    await maria.present(True)
    await maria.connect()
    assert written(maria) == [("interrupted", "network"), ("recovered", "network")]
    assert next(e for e in maria.events if e.name == "recovered").data["seconds"] == 15.0


@pytest.mark.parametrize("lost_s", [5, 25, 59.9])
async def test_a_cut_within_the_grace_keeps_contact_and_agent(rig: DeskRig, lost_s: float) -> None:
    maria, anna = await call(rig)
    agent_leg = anna.leg.leg_id
    rig.media.silence(maria.leg.leg_id)
    await maria.present(False)
    await rig.run(lost_s)
    await maria.present(True)
    await maria.connect()
    assert (maria.state, anna.now.contact_id, anna.leg.leg_id) == ("active", maria.contact_id, agent_leg)
    assert anna.last(PeerChanged).away is None


async def test_a_cut_beyond_the_grace_closes_once_as_customer_lost(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.silence(maria.leg.leg_id)
    await maria.present(False)
    await rig.run(84)
    assert [each.state for each in anna.all(ContactChanged)].count("wrap_up") == 1
    await anna.wrap_up()
    assert maria.row.end_reason == EndReason.CUSTOMER_LOST
    assert [event.name for event in maria.events].count("closed") == 1
    assert written(maria) == [("interrupted", "network")]


async def test_a_cut_of_84_seconds_in_line_gives_the_place_up(rig: DeskRig) -> None:
    maria = await rig.customer()
    ben = await rig.customer(display_name="Ben")
    assert (maria.place, ben.place) == (1, 2)
    rig.media.silence(maria.leg.leg_id)
    await maria.present(False)
    await rig.run(25)
    assert ben.place == 2
    await rig.run(59)
    assert ben.place == 1
    assert maria.row.end_reason == EndReason.CUSTOMER_LOST


async def test_a_call_that_ends_meanwhile_recovers_nobody(rig: DeskRig) -> None:
    maria, anna = await call(rig)
    rig.media.silence(maria.leg.leg_id)
    await anna.ask(HangUp())
    await anna.wrap_up()
    assert written(maria) == [("interrupted", "network")]


def test_the_reasons_of_the_engine_have_causes() -> None:
    assert cause_of("worker_lost") is Cause.MEDIA_WORKER_LOST
    assert cause_of("consent_lost") is cause_of("silent") is Cause.NETWORK
    assert cause_of("bye") is cause_of("limit_bitrate") is Cause.MEDIA_RESTART


async def test_interruptions_and_recoveries_are_counted_as_they_are_written(rig: DeskRig) -> None:
    maria, _ = await call(rig)
    rig.media.end(maria.leg.leg_id, "worker_lost")
    await rig.run(3)
    await maria.connect()
    registry = CollectorRegistry()
    figures = JournalFigures(MemoryJournal(), registry)
    for event in list(maria.events):
        figures.append(event)
    labels = {"side": "customer", "cause": "media_worker_lost"}
    assert registry.get_sample_value("visavis_interruptions_total", labels) == 1
    assert registry.get_sample_value("visavis_recovery_seconds_sum", labels) == 3.0
