"""The conformance kit against programs that are not its simulators, reached by their addresses."""

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from gateway.acd.kit.command import KitPlan, RealTarget, make_report
from gateway.acd.kit.hands import Hands, NoHands
from gateway.acd.kit.report import KitReport
from gateway.acd.kit.run import Outcome
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.real import RealStand
from gateway.acd.kit.target import read_target
from gateway.acd_targets import Aim, open_bench
from gateway.base.clock import SystemClock
from gateway.base.errors import SetupError
from tests.support.sipp import free_port, refuse, sipp
from tests.support.telephony import Phone, phone


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on this machine say at once what they say too much."""
    monkeypatch.setattr(RealStand, "quiet_s", 0.2)


async def tried(
    aim: Aim, *only: str, hands: Hands | None = None, wait_s: float = 10.0
) -> tuple[KitReport, Mapping[str, Outcome]]:
    """The report, and how each scenario ended."""
    real = RealTarget(reach=partial(open_bench, aim), hands=hands or NoHands(), wait_s=wait_s, patience_s=5.0)
    plan = KitPlan(adapter=aim.target.adapter, target=aim.target.text, only=only, real=real)
    report = await make_report(plan, SystemClock())
    return report, {each.name: each.outcome for each in report.scenarios}


def failures(report: KitReport) -> str:
    return "\n".join("\n".join([each.why, *each.trace]) for each in report.scenarios if each.outcome is Outcome.FAILED)


class PhoneHands:
    """An agent at a baresip."""

    there = True

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self.asked: list[str] = []

    async def do(self, act: Act, text: str) -> None:
        self.asked.append(text)
        await self._phone.command({Act.HANG_UP: "hangup", Act.HOLD: "hold", Act.RESUME: "resume"}[act])


async def test_a_telephone_that_answers_conforms_as_a_queue_with_an_agent_at_it() -> None:
    """By itself: calls, cancels, our hold and hang-up, our transfer, our restart. By hand: the agent's."""
    async with phone(tone_hz=500) as agent:
        aim = Aim(target=read_target("sip", f"sip:agent@127.0.0.1:{agent.port}"))
        hands = PhoneHands(agent)
        report, ended = await tried(
            aim,
            *("served", "leaves-at-once", "we-hold", "we-transfer-blind", "gateway-restarts-while-they-talk"),
            *("agent-hangs-up", "the-agent-holds", "full", "nobody-answers"),
            hands=hands,
        )
    assert report.exit_code == 0, failures(report)
    assert {name for name, outcome in ended.items() if outcome is not Outcome.PASSED} == {"full", "nobody-answers"}
    assert (ended["full"], ended["nobody-answers"]) == (Outcome.NOT_RUN, Outcome.NOT_APPLICABLE)
    assert [text.partition(" the ")[0] for text in hands.asked] == ["Hang up at", "Put", "Take"]
    held = next(each for each in report.scenarios if each.name == "the-agent-holds")
    assert [line.split(" #")[1].split(" ")[1].split("(")[0] for line in held.trace if " #" in line][-2:] == [
        "Held",
        "Resumed",
    ]


async def test_the_command_tries_a_real_one_unattended_and_writes_what_is_handed_in(tmp_path: Path) -> None:
    async with phone(tone_hz=500) as agent:
        target = f"sip:agent@127.0.0.1:{agent.port}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "acd-kit", "--adapter", "sip", "--target", target, "--unattended"),
            *("--only", "leaves-twice", "--only", "agent-hangs-up", "--only", "full"),
            *("--json", "--report", str(tmp_path / "handed-in.md")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        told, _ = await process.communicate()
    assert process.returncode == 0
    counts = json.loads(told.splitlines()[-1])["counts"]
    assert counts == {"passed": 1, "failed": 0, "not_applicable": 0, "not_run": 2}
    text = (tmp_path / "handed-in.md").read_text(encoding="utf-8")
    assert f"| target | {target} |" in text
    assert "not run: needs a hand: hang\\_up" in text
    assert "not run: simulator only: full" in text


async def test_nothing_that_could_be_run_is_no_success() -> None:
    async with phone(tone_hz=500) as agent:
        aim = Aim(target=read_target("sip", f"sip:agent@127.0.0.1:{agent.port}"))
        report, _ = await tried(aim, "agent-hangs-up", "full")
    assert (report.exit_code, report.counts.not_run) == (3, 2)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "kit_login"), (404, "kit_no_queue"), (603, "kit_refused"), (503, "kit_refused")]
)
async def test_a_queue_that_takes_no_call_is_told_before_anything_is_tried(status: int, code: str) -> None:
    async with sipp(refuse(status)) as peer:
        with pytest.raises(SetupError) as refused:
            await tried(Aim(target=read_target("sip", f"sip:7000@127.0.0.1:{peer.port}")))
    assert refused.value.code == code


async def test_where_nobody_is_no_scenario_is_tried() -> None:
    with pytest.raises(SetupError) as refused:
        await tried(Aim(target=read_target("sip", f"sip:7000@127.0.0.1:{free_port()};transport=tcp")))
    assert refused.value.code == "kit_unreachable"
