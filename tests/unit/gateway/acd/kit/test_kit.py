"""The kit as a whole: what it judges, what it leaves out, and what it reports."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from gateway.acd.events import Queued, Reserved, TargetKind, TransferTarget
from gateway.acd.kit.command import KitPlan, make_report
from gateway.acd.kit.log import Missed
from gateway.acd.kit.report import KitReport, Played, print_report, summed_up
from gateway.acd.kit.room import Room
from gateway.acd.kit.run import Outcome, Result, play
from gateway.acd.kit.scenario import Scenario, scenario
from gateway.acd.kit.scenarios import ALL
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import AcdCapabilities, AcdMode, AcdPort
from gateway.base.clock import SystemClock
from gateway.base.errors import SetupError
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.cli import app
from tests.support.fake_acd import NOON, FakeAcd

DOCS = Path(__file__).parents[5] / "docs" / "integrator" / "acd-kit.md"


class FakeStand:
    """A stand over `FakeAcd`, which knows no contact: whatever was offered is gone."""

    adapter = "fake"
    queue = "sales"
    agents = (AgentId("ag_a"), AgentId("ag_b"))
    wait_s = 0.05
    quiet_s = 0.0
    target = TransferTarget(kind=TargetKind.AGENT, value="ag_b")

    def __init__(self, *can: Act) -> None:
        self.acd = FakeAcd(AcdMode.TASK)
        self.can = frozenset(can)
        self.closed = 0

    async def start(self, meet: Callable[[AcdPort], None]) -> None:
        meet(self.acd)

    async def aclose(self) -> None:
        self.closed += 1

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        self.acd.told.append((act,))

    def said(self, contact: ContactId) -> Mapping[str, int] | None:
        return None


def failures(report: KitReport) -> str:
    failed = [each for each in report.scenarios if each.outcome is Outcome.FAILED]
    return "\n".join(line for each in failed for line in (f"{each.name}: {each.why}", *each.trace))


def acting(play_it: Callable[[Room], object]) -> Scenario:
    async def thing(room: Room) -> None:
        """It holds."""
        await room.enter()
        play_it(room)

    return scenario()(thing)


def fail(error: Exception) -> Callable[[Room], object]:
    def it(_: Room) -> None:
        raise error

    return it


async def test_a_scenario_without_a_flaw_has_passed_and_its_contacts_are_closed() -> None:
    stand = FakeStand()
    result = await play(stand, acting(lambda _: None), SystemClock())
    assert (result.outcome, result.why, result.trace) == (Outcome.PASSED, "", ())
    assert [what[0] for what in stand.acd.told] == ["offer", "cancel"]
    assert stand.closed == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Missed("nothing came"), "nothing came"),
        (SetupError("bad_day", "It is Monday."), "the adapter raised SetupError bad_day: It is Monday."),
        (ValueError("oops"), "the adapter raised ValueError: oops"),
    ],
)
async def test_whatever_goes_wrong_is_a_failure_with_its_trace(error: Exception, why: str) -> None:
    stand = FakeStand()
    result = await play(stand, acting(fail(error)), SystemClock())
    assert (result.outcome, result.why) == (Outcome.FAILED, why)
    assert any("offer" in line for line in result.trace)
    assert stand.closed == 1


async def test_a_rule_that_is_broken_fails_a_scenario_that_went_well() -> None:
    def say_twice(room: Room) -> None:
        contact_id = room.calls[0].contact_id
        stand.acd.say(contact_id, Queued(place=None), seq=1)
        stand.acd.say(contact_id, Queued(place=None), seq=1)

    stand = FakeStand()
    result = await play(stand, acting(say_twice), SystemClock())
    assert result.outcome is Outcome.FAILED
    assert [flaw.rule for flaw in result.flaws] == ["numbers"]


async def test_a_command_that_does_not_return_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def for_ever(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("gateway.acd.kit.room.COMMAND_S", 0.01)
    stand = FakeStand()
    stand.acd.cancel = for_ever  # type: ignore[method-assign]
    result = await play(stand, acting(lambda _: None), SystemClock())
    assert result.why == "the command cancel did not return within 0.01 s"


async def test_a_contact_the_acd_keeps_is_a_failure() -> None:
    """Whatever else went well: nothing may be left behind at the ACD."""
    from gateway.acd.port import Phase

    def keep(room: Room) -> None:
        stand.acd.phases[room.calls[0].contact_id] = Phase.QUEUED

    stand = FakeStand()
    result = await play(stand, acting(keep), SystemClock())
    assert result.why.endswith("is queued, and it is gone")


class TargetStand(FakeStand):
    """As before a real ACD."""

    limit_s = 30.0

    def not_run(self, needs: frozenset[Act], hand: Hand, capabilities: AcdCapabilities) -> str | None:
        return None


async def interrupted(stand: FakeStand) -> "asyncio.Task[Result]":
    """A play that was cancelled in mid-scenario, as by Ctrl-C, and has not ended yet."""
    entered = asyncio.Event()

    async def thing(room: Room) -> None:
        """It holds."""
        await room.enter()
        entered.set()
        await asyncio.Event().wait()

    playing = asyncio.create_task(play(stand, scenario()(thing), SystemClock()))
    async with asyncio.timeout(30):
        await entered.wait()
    playing.cancel()
    return playing


async def test_who_is_interrupted_leaves_no_contact_at_a_real_acd() -> None:
    stand = TargetStand()
    await asyncio.gather(await interrupted(stand), return_exceptions=True)
    assert [what[0] for what in stand.acd.told] == ["offer", "cancel"]
    assert stand.closed == 1


async def test_who_is_interrupted_twice_still_closes_the_stand() -> None:
    stand = TargetStand()
    cancelling = asyncio.Event()

    async def cancel(*_: object) -> None:
        cancelling.set()
        await asyncio.Event().wait()

    stand.acd.cancel = cancel  # type: ignore[method-assign]
    playing = await interrupted(stand)
    async with asyncio.timeout(30):
        await cancelling.wait()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert stand.closed == 1


async def test_what_the_stand_or_the_mode_excludes_is_not_applicable_and_says_why() -> None:
    async def needs_much(room: Room) -> None:
        """It holds."""
        raise AssertionError("played")

    excluded = scenario(Act.CUT, Act.MEND)(needs_much)
    result = await play(FakeStand(Act.CUT), excluded, SystemClock())
    assert (result.outcome, result.why) == (Outcome.NOT_APPLICABLE, "the stand can't do: mend")
    never = scenario(when=(lambda _: "it is Monday",))(needs_much)
    result = await play(FakeStand(), never, SystemClock())
    assert (result.outcome, result.why) == (Outcome.NOT_APPLICABLE, "it is Monday")


async def test_nothing_passed_is_no_success() -> None:
    never = scenario(when=(lambda _: "it is Monday",))(acting(lambda _: None).play)
    results = [Played(await play(FakeStand(), never, SystemClock()), NOON, 0.0)]
    report = summed_up(results, adapter="fake", target="sim", version="1", began_at=NOON)
    assert not report.ok
    assert report.exit_code == 3
    assert report.counts.not_applicable == 1


def test_every_scenario_has_a_name_of_its_own_and_says_what_must_hold() -> None:
    assert len({each.name for each in ALL}) == len(ALL)
    assert all(each.about.endswith(".") for each in ALL)


def test_every_act_is_asked_for_by_some_scenario() -> None:
    asked = {act for each in ALL for act in each.needs}
    assert set(Act) - asked <= {Act.READY, Act.NOT_READY}


@pytest.mark.parametrize(("adapter", "least"), [("own", 30), ("sip", 25), ("ami", 46), ("esl", 43), ("tasks", 58)])
async def test_every_adapter_of_ours_conforms(adapter: str, least: int) -> None:
    """`least`: what is not applicable must not grow unseen."""
    report = await make_report(KitPlan(adapter=adapter), SystemClock())
    assert report.ok, failures(report)
    assert report.counts.passed >= least


async def test_the_report_for_people_names_failures_with_what_was_said() -> None:
    failing = acting(fail(Missed("no [tone]")))
    result = await play(FakeStand(), failing, SystemClock())
    report = summed_up([Played(result, NOON, 0.5)], adapter="fake", target="sim", version="1", began_at=NOON)
    console = Console(width=100)
    with console.capture() as captured:
        print_report(report, console)
    text = captured.get()
    assert "no [tone]" in text
    assert "-> ct_" in text
    assert "does not conform" in text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--adapter", "pigeon"], "There is no adapter pigeon"),
        (["--adapter", "own", "--target", "sip:1"], "--target sim only"),
        (["--adapter", "own", "--only", "nothing"], "no scenario and no group nothing"),
        (["--adapter", "sip", "--target", "ami://u@h"], "sim or sip:NUMBER@HOST:PORT, not ami:"),
        (["--adapter", "sip", "--target", "sip:1@h", "--acd", "pbx", "--unattended"], "no acds entry pbx"),
        (["--adapter", "sip", "--target", "sip:1@h"], "add --unattended"),
        (["--adapter", "own", "--only", "served", "--report", "/nowhere/at/all.md"], "can't be written"),
    ],
)
def test_a_wrong_option_is_told(options: list[str], text: str) -> None:
    result = CliRunner().invoke(app, ["acd-kit", *options])
    assert isinstance(result.exception, SetupError)
    assert text in result.exception.detail


def test_the_command_prints_json_and_its_exit_code_is_the_verdict() -> None:
    result = CliRunner().invoke(app, ["acd-kit", "--adapter", "own", "--only", "served", "--json"])
    assert result.exit_code == 0
    report = KitReport.model_validate_json(result.stdout.strip().splitlines()[-1])
    assert (report.counts.passed, report.ok) == (1, True)


def test_every_field_of_the_report_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    schema = KitReport.model_json_schema()
    names = {*schema["properties"], *(name for part in schema["$defs"].values() for name in part.get("properties", {}))}
    missing = sorted(name for name in names if f"`{name}`" not in text)
    assert missing == [], json.dumps(missing)


def test_every_scenario_and_rule_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    missing = [each.name for each in ALL if f"`{each.name}`" not in text]
    assert missing == []


async def test_two_agents_at_once_are_found_whatever_the_scenario_looks_at() -> None:
    def ring_twice(room: Room) -> None:
        contact_id = room.calls[0].contact_id
        stand.acd.say(contact_id, Reserved(offer_id=OfferId("of_1"), agent_id=None), seq=1)
        stand.acd.say(contact_id, Reserved(offer_id=OfferId("of_2"), agent_id=None), seq=2)

    stand = FakeStand()
    result = await play(stand, acting(ring_twice), SystemClock())
    assert "one_offer" in {flaw.rule for flaw in result.flaws}
