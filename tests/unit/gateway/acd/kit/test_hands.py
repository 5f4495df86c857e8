"""Hands at a real ACD: what is asked of whom, what is left out, and what comes of it when nobody does it."""

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest
from rich.console import Console

from gateway.acd.kit.hands import BY_HAND, NoHand, NoHands, PersonHands, not_by_itself
from gateway.acd.kit.log import Missed
from gateway.acd.kit.paper import document
from gateway.acd.kit.report import Played, summed_up
from gateway.acd.kit.room import Room
from gateway.acd.kit.run import Outcome, play
from gateway.acd.kit.scenario import scenario
from gateway.acd.kit.scenarios import ALL
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import AcdCapabilities
from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId
from tests.support.fake_acd import NOON
from tests.unit.gateway.acd.kit.test_kit import FakeStand

NONE: frozenset[Act] = frozenset()


class FakeTarget(FakeStand):
    """The same as a real one."""

    limit_s = 5.0
    unplayed: str | None = None

    def not_run(self, needs: frozenset[Act], hand: Hand, capabilities: AcdCapabilities) -> str | None:
        return self.unplayed

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        await NoHands().do(act, "Do it")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):  # closed by the test
            os.close(end)


def person(fd: int, patience_s: float = 5.0) -> PersonHands:
    return PersonHands(Console(quiet=True), patience_s, fd)


async def test_enter_says_that_it_is_done(pipe: tuple[int, int]) -> None:
    asked = asyncio.ensure_future(person(pipe[0]).do(Act.HANG_UP, "Hang up"))
    os.write(pipe[1], b"\n")
    await asked


@pytest.mark.parametrize("typed", [b"s\n", b" S \n"])
async def test_s_leaves_the_scenario_out(pipe: tuple[int, int], typed: bytes) -> None:
    os.write(pipe[1], typed)
    with pytest.raises(NoHand, match="left out by whoever was asked: hang_up"):
        await person(pipe[0]).do(Act.HANG_UP, "Hang up")


async def test_a_hand_that_does_nothing_is_waited_for_so_long_and_no_longer(pipe: tuple[int, int]) -> None:
    with pytest.raises(NoHand, match=r"nobody did this within 0.01 s: hang_up"):
        await person(pipe[0], 0.01).do(Act.HANG_UP, "Hang up")


async def test_an_input_that_has_ended_is_nobody(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    with pytest.raises(NoHand, match="nobody is there any more"):
        await person(pipe[0]).do(Act.HANG_UP, "Hang up")


async def test_a_prompt_says_what_is_to_be_done(pipe: tuple[int, int]) -> None:
    console = Console(width=200)
    os.write(pipe[1], b"\n")
    with console.capture() as captured:
        await PersonHands(console, 60, pipe[0]).do(Act.HOLD, "Hold [it]")
    assert "Hold [it], then press Enter." in captured.get()


@pytest.mark.parametrize(
    ("needs", "hand", "serving", "there", "why"),
    [
        (NONE, Hand.NOBODY, {Act.ANSWER}, False, None),
        (NONE, Hand.AGENT, NONE, False, None),
        (NONE, Hand.AGENT, {Act.ANSWER, Act.READY}, False, "needs a hand: answer, ready"),
        ({Act.HANG_UP}, Hand.AGENT, NONE, False, "needs a hand: hang_up"),
        ({Act.HANG_UP}, Hand.AGENT, {Act.ANSWER}, True, None),
        ({Act.HANG_UP, Act.CUT}, Hand.AGENT, NONE, True, "simulator only: cut"),
        ({Act.RESTART_GATEWAY}, Hand.NOBODY, NONE, False, None),
        (NONE, Hand.SIMULATOR, NONE, True, "simulator only: so many contacts at once"),
    ],
)
def test_what_is_not_run_says_why(
    needs: frozenset[Act], hand: Hand, serving: frozenset[Act], there: bool, why: str | None
) -> None:
    ours = frozenset({Act.RESTART_GATEWAY})
    assert not_by_itself(frozenset(needs), hand, ours, serving=frozenset(serving), there=there) == why


def test_every_scenario_that_no_hand_can_help_says_so() -> None:
    """Faults of the ACD and of the line can't be asked of anybody."""
    for each in ALL:
        why = not_by_itself(each.needs, each.hand, frozenset(), serving=frozenset(), there=True)
        assert (why is not None) == (bool(each.needs - set(BY_HAND)) or each.hand is Hand.SIMULATOR), each.name


async def test_what_nobody_does_is_not_run_and_never_passed_and_leaves_nothing_behind() -> None:
    async def hangs_up(room: Room) -> None:
        """It holds."""
        call = await room.enter()
        await room.do(Act.HANG_UP, call)

    stand = FakeTarget()
    result = await play(stand, scenario(Act.HANG_UP)(hangs_up), SystemClock())
    assert (result.outcome, result.why) == (Outcome.NOT_RUN, "needs a hand: hang_up")
    assert [what[0] for what in stand.acd.told] == ["offer", "cancel"]


async def test_what_can_not_be_played_there_is_not_begun() -> None:
    async def never(room: Room) -> None:
        """It holds."""
        raise AssertionError("played")

    stand = FakeTarget()
    stand.unplayed = "simulator only: cut"
    result = await play(stand, scenario(Act.CUT)(never), SystemClock())
    assert (result.outcome, result.why) == (Outcome.NOT_RUN, "simulator only: cut")
    assert stand.acd.told == []


async def test_the_document_has_every_outcome_and_the_evidence_also_of_what_passed() -> None:
    async def fine(room: Room) -> None:
        """It | holds."""
        await room.enter()

    async def bad(room: Room) -> None:
        """It holds too."""
        raise Missed("no <b>tone</b>\nat all")

    at = FakeTarget()
    at.unplayed = "simulator only: cut"
    played = [
        Played(await play(FakeTarget(), scenario()(fine), SystemClock()), NOON, 0.5),
        Played(await play(FakeTarget(), scenario()(bad), SystemClock()), NOON, 0.5),
        Played(await play(at, scenario()(fine), SystemClock()), NOON, 0.5),
    ]
    report = summed_up(played, adapter="fake", target="sip:7000@h", version="1.2", began_at=NOON)
    text = document(report)
    assert "**Does not conform**: 1 passed, 1 failed, 0 not applicable, 1 not run." in text
    assert "| target | sip:7000@h |" in text
    assert f"| begun | {NOON:%Y-%m-%d} " in text
    assert "It \\| holds." in text
    assert "**failed**: no \\<b\\>tone\\</b\\> at all" in text
    assert "not run: simulator only: cut" in text
    assert "    " + report.scenarios[0].trace[0] in text
    assert report.scenarios[0].trace
    assert report.scenarios[2].trace == []
