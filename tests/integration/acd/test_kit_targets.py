"""The conformance kit against programs that are not its simulators, reached by their addresses."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from gateway.acd.kit.command import KitPlan, RealTarget, make_report
from gateway.acd.kit.hands import Hands, NoHands
from gateway.acd.kit.report import KitReport
from gateway.acd.kit.run import Outcome
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.asterisk import AsteriskSwitch
from gateway.acd.kit.stands.calls import QUEUE
from gateway.acd.kit.stands.center import SECRET as CENTER_SECRET
from gateway.acd.kit.stands.freeswitch import THEIR_QUEUE, FreeswitchSwitch
from gateway.acd.kit.stands.real import RealStand
from gateway.acd.kit.target import INCOMING_SECRET, SECRET, read_target
from gateway.base.clock import SystemClock
from gateway.base.errors import SetupError
from gateway.config.acd_sip import SipAcdSettings
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.wiring.targets import Aim, open_bench
from tests.support.kit_switch import CenterServer, PbxHands, served, switch
from tests.support.ports import free_port
from tests.support.sipp import hear, refuse, say, sipp
from tests.support.telephony import Phone, phone


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on this machine say at once what they say too much."""
    monkeypatch.setattr(RealStand, "quiet_s", 0.2)


async def tried(
    aim: Aim, *only: str, hands: Hands | None = None, wait_s: float = 3.0
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


# ---------------------------------------------------------------- with a feed

SWITCHES = {"ami": AsteriskSwitch, "esl": FreeswitchSwitch}
THEIR_AGENTS = {"ami": ("PJSIP/1001", "PJSIP/1002"), "esl": ("1001@default", "1002@default")}
FEED_SECRET = "practice"


def fed(kind: str, pbx: PbxHands, *, agents: tuple[str, ...] = (), secret: str = FEED_SECRET, port: int = 0) -> Aim:
    user = "visavis@" if kind == "ami" else ""
    return Aim(
        target=read_target(kind, f"{kind}://{user}127.0.0.1:{port or pbx.feed_port}"),
        call=read_target("sip", f"sip:7000@127.0.0.1:{pbx.sip_port}"),
        queue=QUEUE if kind == "ami" else THEIR_QUEUE,
        agents=agents,
        environ={SECRET: secret},
    )


@pytest.mark.parametrize("kind", ["ami", "esl"])
async def test_a_switch_with_a_feed_conforms_with_a_hand_at_its_phones(kind: str) -> None:
    async with switch(SWITCHES[kind](SystemClock())) as pbx:
        only = ("served", "waits-for-an-agent", "agent-hangs-up", "rejected-at-the-acd", "leaves-while-it-rings")
        report, ended = await tried(fed(kind, pbx, agents=THEIR_AGENTS[kind]), *only, "full", hands=pbx)
    assert report.exit_code == 0, failures(report)
    assert ended == dict.fromkeys(only, Outcome.PASSED) | {"full": Outcome.NOT_RUN}
    assert not [text for text in pbx.asked if text.startswith("Make")], "agents whose names are known are made ready"
    assert f"Answer the call at the phone of the first agent ({THEIR_AGENTS[kind][0]}) now" in pbx.asked


async def test_agents_whose_names_nobody_gave_are_made_ready_by_hand() -> None:
    async with switch(AsteriskSwitch(SystemClock())) as pbx:
        report, _ = await tried(fed("ami", pbx), "served", hands=pbx)
    assert report.exit_code == 0, failures(report)
    assert pbx.asked[0] == "Make the first agent ready at the ACD"


async def test_without_a_hand_only_what_needs_none_is_run_at_a_switch() -> None:
    async with switch(AsteriskSwitch(SystemClock())) as pbx:
        report, ended = await tried(fed("ami", pbx), "served", "leaves-twice", "waits-for-an-agent")
    assert report.exit_code == 0, failures(report)
    assert ended["served"] is Outcome.NOT_RUN
    assert ended["leaves-twice"] is ended["waits-for-an-agent"] is Outcome.PASSED
    assert report.scenarios[0].why == "needs a hand: answer, ready"


@pytest.mark.parametrize("kind", ["ami", "esl"])
async def test_a_refused_login_is_told_at_once(kind: str) -> None:
    async with switch(SWITCHES[kind](SystemClock())) as pbx:
        with pytest.raises(SetupError) as refused:
            await tried(fed(kind, pbx, secret="a guess"))
    assert refused.value.code == "kit_login"
    assert "a guess" not in refused.value.detail


@pytest.mark.parametrize("kind", ["ami", "esl"])
async def test_a_feed_where_nobody_listens_is_told_at_once(kind: str) -> None:
    async with switch(SWITCHES[kind](SystemClock())) as pbx:
        with pytest.raises(SetupError) as refused:
            await tried(fed(kind, pbx, port=free_port()))
    assert refused.value.code == "kit_unreachable"


@pytest.mark.parametrize(
    ("without", "code"), [("call", "kit_target_call"), ("queue", "kit_target_queue"), ("environ", "kit_secret")]
)
async def test_what_a_feed_needs_besides_is_asked_for(without: str, code: str) -> None:
    async with switch(AsteriskSwitch(SystemClock())) as pbx:
        empty: dict[str, object] = {"call": None, "queue": "", "environ": {}}
        with pytest.raises(SetupError) as refused:
            await tried(replace(fed("ami", pbx), **{without: empty[without]}))  # type: ignore[arg-type]
    assert refused.value.code == code


# ---------------------------------------------------------------- tasks

TASK_SECRETS = {SECRET: CENTER_SECRET, INCOMING_SECRET: CENTER_SECRET}


async def test_a_center_with_an_api_conforms_without_a_hand() -> None:
    """Agents answer in our panel: the kit is their hand."""
    center, port = CenterServer(), free_port()
    center.events_url = f"http://127.0.0.1:{port}/anywhere"
    async with served(center) as at:
        aim = Aim(
            target=read_target("tasks", f"http://127.0.0.1:{at}/api"),
            queue="kit",
            listen=f"127.0.0.1:{port}",
            environ=TASK_SECRETS,
        )
        only = ("served", "leaves-in-line", "declined-in-the-panel", "accepted-but-no-pictures", "places-in-line")
        report, ended = await tried(aim, *only, "agent-hangs-up", "slow")
    assert report.exit_code == 0, failures(report)
    assert ended == dict.fromkeys(only, Outcome.PASSED) | dict.fromkeys(("agent-hangs-up", "slow"), Outcome.NOT_RUN)
    assert center.refused == 0


@pytest.mark.parametrize(
    ("status", "code"), [(401, "kit_login"), (403, "kit_login"), (422, "kit_refused"), (200, "kit_silent")]
)
async def test_an_api_that_takes_no_task_or_tells_nothing_is_told_before_anything_is_tried(
    status: int, code: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        target = read_target("tasks", f"http://127.0.0.1:{runner.addresses[0][1]}")
        with pytest.raises(SetupError) as refused:
            await tried(Aim(target=target, queue="kit", environ=TASK_SECRETS), wait_s=1.0)
    finally:
        await runner.cleanup()
    assert refused.value.code == code


async def test_an_api_where_nobody_listens_is_told_at_once() -> None:
    target = read_target("tasks", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SetupError) as refused:
        await tried(Aim(target=target, queue="kit", environ=TASK_SECRETS))
    assert refused.value.code == "kit_unreachable"


async def test_a_listening_address_that_is_taken_is_told() -> None:
    async with served(CenterServer()) as at:
        target = read_target("tasks", f"http://127.0.0.1:{at}")
        with pytest.raises(SetupError) as refused:
            await tried(Aim(target=target, queue="kit", listen=f"127.0.0.1:{at}", environ=TASK_SECRETS))
    assert refused.value.code == "kit_listen"


# ---------------------------------------------------------------- from the settings


async def test_an_entry_of_the_settings_gives_secrets_and_headers_and_the_command_line_the_address() -> None:
    entry = SipAcdSettings.model_validate(
        {
            "name": "pbx",
            "trunks": [{"name": "a", "domain": "elsewhere.example", "user": "video", "password": "hush"}],
            "numbers": {"support": "600"},
            "headers": {"X-Test-Line": "{{ correlation }}"},
        }
    )
    steps = [
        *refuse(407, ("Proxy-Authenticate", 'Digest realm="kit", nonce="4f2c1a", algorithm=MD5')),
        *(hear("INVITE", match=[("X-Test-Line", "[0-9A-Z]+")], digest=("video", "hush")), say(404), hear("ACK")),
    ]
    async with sipp(steps) as peer:
        target = read_target("sip", f"sip:7000@127.0.0.1:{peer.port}")
        with pytest.raises(SetupError) as refused:
            await tried(Aim(target=target, entry=entry))
        await peer.done()
    assert refused.value.code == "kit_no_queue"  # it got so far: header and password were right


async def test_an_entry_of_another_kind_is_refused() -> None:
    entry = TaskAcdSettings.model_validate({"name": "pbx", "kind": "tasks", "url": "http://acd.example"})
    with pytest.raises(SetupError) as refused:
        await tried(Aim(target=read_target("sip", "sip:7000@127.0.0.1:5060"), entry=entry))
    assert refused.value.code == "kit_acd_kind"


async def test_what_does_not_fit_is_told_without_the_secret() -> None:
    target = read_target("tasks", "http://127.0.0.1:1/a b")
    with pytest.raises(SetupError) as refused:
        await tried(Aim(target=target, queue="kit", environ=TASK_SECRETS))
    assert refused.value.code == "kit_settings"
    assert CENTER_SECRET not in refused.value.detail
