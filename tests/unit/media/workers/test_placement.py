"""Where calls go, how soon the dead are replaced, and how many processes suit a machine."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import cast

import pytest

from media.port import LegAnswer, MediaRefused
from media.workers.placement import Book, Candidate, PlacedLeg, PlacedRecording, least_loaded
from media.workers.process import Vitals, WorkerProcess
from media.workers.restart import LONGEST_DELAY_S, LOOP_DEATHS, WINDOW_S, RestartPolicy
from media.workers.sizing import MOST, cores, processes_for

ONE, OTHER = (cast("WorkerProcess", object()) for _ in range(2))
IDLE = Candidate(ONE, Vitals(), legs=0, calls=0)


def test_a_new_call_goes_to_the_least_loaded_and_to_the_first_of_equals() -> None:
    busy = replace(IDLE, process=OTHER, vitals=Vitals(cpu_share=0.4))
    assert least_loaded([busy, IDLE]) is IDLE
    assert least_loaded([IDLE, replace(IDLE, process=OTHER)]) is IDLE
    assert least_loaded([]) is None


def test_a_call_counts_before_it_is_measured_and_for_both_its_legs() -> None:
    called = replace(IDLE, process=OTHER, legs=1, calls=1)
    alone = replace(IDLE, legs=1)
    assert least_loaded([called, IDLE]) is IDLE
    assert least_loaded([called, alone]) is alone


def test_measured_load_weighs_more_than_the_number_of_legs() -> None:
    waiting = replace(IDLE, vitals=Vitals(cpu_share=0.1), legs=20, calls=20)
    talking = replace(IDLE, process=OTHER, vitals=Vitals(cpu_share=0.9), legs=10, calls=5)
    assert least_loaded([waiting, talking]) is waiting


def test_a_call_stays_together_until_all_of_it_is_gone() -> None:
    book = Book()
    legs = [PlacedLeg(f"lg_{number}", "ct_1", ONE) for number in range(2)]
    recording = PlacedRecording("rc_1", "ct_1", "/folder", ONE)
    for leg in legs:
        book.add_leg(leg)
    book.add_recording(recording)
    book.add_leg(PlacedLeg("lg_alone", "", OTHER))
    assert (book.legs_at(ONE), book.calls_at(ONE), book.calls_at(OTHER)) == (2, 1, 0)
    assert book.process_of("") is None
    assert book.drop_leg(legs[0])
    assert not book.drop_leg(legs[0]), "once"
    book.drop_leg(legs[1])
    assert book.process_of("ct_1") is ONE
    assert not book.empty(ONE)
    assert book.drop_recording(recording)
    assert not book.drop_recording(recording)
    assert book.process_of("ct_1") is None
    assert book.empty(ONE)
    assert not book.empty(OTHER)


async def test_a_leg_is_open_once_its_answer_was_given() -> None:
    leg = PlacedLeg("lg_1", "", ONE)
    assert not leg.open
    for result, is_open in ((None, False), (LegAnswer(sdp_answer=""), True), (MediaRefused("capacity", ""), False)):
        leg.opening = asyncio.get_running_loop().create_future()
        assert not leg.open
        if isinstance(result, Exception):
            leg.opening.set_exception(result)
        else:
            leg.opening.set_result(result)
        assert leg.open is is_open


async def test_a_telephone_call_is_open_once_it_was_dialled() -> None:
    leg = PlacedLeg("lg_1", "", ONE, NoneType)
    leg.opening = asyncio.get_running_loop().create_future()
    assert not leg.open
    leg.opening.set_result(None)
    assert leg.open


def test_the_first_death_is_made_good_at_once_and_the_next_later_and_later() -> None:
    policy = RestartPolicy()
    delays = [policy.died(float(at_s)) for at_s in range(9)]
    assert delays == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_DELAY_S, LONGEST_DELAY_S]


def test_deaths_that_come_close_together_are_a_loop_and_old_ones_are_forgotten() -> None:
    policy = RestartPolicy()
    for number in range(LOOP_DEATHS):
        assert not policy.looping(float(number))
        policy.died(float(number))
    assert policy.looping(LOOP_DEATHS)
    assert not policy.looping(LOOP_DEATHS + WINDOW_S)
    assert policy.died(LOOP_DEATHS + 2 * WINDOW_S) == 0.0


@pytest.mark.parametrize(
    ("have", "max_legs", "wanted"), [(1, 240, 1), (2, 240, 2), (8, 240, 6), (8, 2, 1), (64, 5000, MOST)]
)
def test_auto_is_a_process_a_core_as_far_as_there_is_work(have: int, max_legs: int, wanted: int) -> None:
    assert processes_for(have, max_legs) == wanted


def test_a_containers_quota_counts(tmp_path: Path) -> None:
    everything = cores(tmp_path)
    assert everything >= 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores(tmp_path) == everything
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cores(tmp_path) == 1
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores(tmp_path) == everything
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    assert cores(tmp_path) == 1
