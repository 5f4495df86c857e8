"""The feed of an Asterisk, over a real socket, against a Manager Interface that is led by hand."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.ami.connection import AmiConnection, AmiLogin
from gateway.acd.cti.ami.dialect import AmiDialect
from gateway.acd.cti.ami.queue_log import QueueLog
from gateway.acd.cti.ami.simulator import AsteriskSimulator, Caller
from gateway.acd.cti.ami.wire import AmiMessage
from gateway.acd.cti.connection import Address
from gateway.acd.cti.ledger import Ledger
from gateway.acd.cti.reader import CtiReader, Pace
from gateway.acd.events import AcdAgentState, Connected, Ended, NoAnswer, Party, Queued, QueueExit, Reserved
from gateway.acd.port import AgentPosition, Phase
from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, new_offer_id
from tests.support.cti_rig import Recorder, until

ANNA = "PJSIP/1001"
ID = "7K3QXM2P"
PACE = Pace(ping_s=0.2, resync_s=60.0, retry_first_s=0.01, retry_last_s=0.05, refused_s=0.1)

AmiFeed = CtiReader[AmiMessage, AmiConnection]


class Rig:
    def __init__(
        self,
        simulator: AsteriskSimulator,
        pace: Pace = PACE,
        queue_log: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.simulator = simulator
        self.tries = 0
        self.told = Recorder()
        address = Address(host="127.0.0.1", port=simulator.port, tls=tls, connect_s=2.0, answer_s=1.0)
        self.dialect = AmiDialect(
            address=address,
            login=AmiLogin(user="visavis", secret="practice"),
            ledger=Ledger("pbx", AgentNames({ANNA: AgentId("ag_anna0000")}), new_offer_id),
            clock=SystemClock(),
            variable="VIDEO_CONTACT_ID",
            wrap_up_reasons=("wrapup",),
            queue_log=queue_log,
        )
        self.alarms: list[str] = []
        self.feed: AmiFeed = CtiReader(
            "pbx",
            self.dialect,
            SystemClock(),
            pace,
            random=self._no_jitter,
            on_alarm=lambda code, _: self.alarms.append(code),
        )
        self.feed.listen(self.told)

    def _no_jitter(self) -> float:
        self.tries += 1
        return 0.0

    async def up(self) -> None:
        await self.feed.start()
        await self.told.until(lambda: self.told.resumes)

    async def caller(self) -> Caller:
        """Connected, and somebody has come into line."""
        await self.up()
        caller = self.simulator.call(ID)
        self.simulator.join(caller, "support")
        await self.told.until(lambda: self.told.names(ID))
        return caller


def self_signed(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def simulator() -> AsyncIterator[AsteriskSimulator]:
    simulator = AsteriskSimulator()
    await simulator.start()
    yield simulator
    await simulator.aclose()


@pytest.fixture
async def rig(simulator: AsteriskSimulator) -> AsyncIterator[Rig]:
    rig = Rig(simulator)
    simulator.member(ANNA, "Anna", "support")
    await rig.up()
    yield rig
    await rig.feed.aclose()


async def test_an_ordinary_call_is_told_from_the_queue_to_its_end(rig: Rig, simulator: AsteriskSimulator) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, "support")
    simulator.ring(caller, ANNA)
    simulator.answer(caller, ANNA)
    simulator.hold(caller)
    simulator.hold(caller, on=False)
    simulator.complete(caller, "agent")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])
    assert rig.told.names(ID) == ["Queued", "Reserved", "Connected", "Held", "Resumed", "Ended"]
    queued, reserved, connected, *_, ended = rig.told.bodies(ID)
    assert queued == Queued(place=1)
    assert isinstance(reserved, Reserved)
    assert reserved.agent_id == "ag_anna0000"
    assert isinstance(connected, Connected)
    assert connected.agent is not None
    assert connected.agent.ref == ANNA
    assert ended == Ended(by=Party.AGENT)


async def test_the_agents_state_follows_the_phone_and_the_pauses(rig: Rig, simulator: AsteriskSimulator) -> None:
    simulator.pause(ANNA, "lunch")
    simulator.unpause(ANNA)
    simulator.device(ANNA, 6)
    simulator.device(ANNA, 2)
    simulator.device(ANNA, 1)
    simulator.log_out(ANNA)
    await rig.told.until(lambda: [agent.state for agent in rig.told.agents[-1:]] == [AcdAgentState.LOGGED_OFF])
    assert [(event.state.value, event.reason) for event in rig.told.agents] == [
        ("ready", None),
        ("not_ready", "lunch"),
        ("ready", None),
        ("ringing", None),
        ("busy", None),
        ("ready", None),
        ("logged_off", None),
    ]
    assert {event.agent.agent_id for event in rig.told.agents} == {"ag_anna0000"}


async def test_a_cut_in_mid_call_is_mended_by_what_the_acd_shows(rig: Rig, simulator: AsteriskSimulator) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, "support")
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued"])
    simulator.cut()
    await rig.told.until(lambda: rig.told.cuts)
    simulator.ring(caller, ANNA)
    simulator.answer(caller, ANNA)
    await rig.told.until(lambda: rig.told.resumes == 2)
    simulator.complete(caller, "caller")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])
    assert rig.told.names(ID) == ["Queued", "Reserved*", "Connected*", "Ended"]


async def test_a_call_that_began_during_the_cut_is_found_by_its_variable(
    rig: Rig, simulator: AsteriskSimulator
) -> None:
    simulator.cut()
    await rig.told.until(lambda: rig.told.cuts)
    caller = simulator.call(ID)
    simulator.join(caller, "support")
    await rig.told.until(lambda: rig.told.resumes == 2)
    assert rig.told.names(ID) == ["Queued*"]
    simulator.ring(caller, ANNA)
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued*", "Reserved"])


async def test_an_asterisk_that_restarted_has_lost_its_calls(rig: Rig, simulator: AsteriskSimulator) -> None:
    talking, waiting = simulator.call(ID), simulator.call("22222222")
    for caller in (talking, waiting):
        simulator.join(caller, "support")
    simulator.answer(talking, ANNA)
    await rig.told.until(lambda: "Connected" in rig.told.names(ID))
    await simulator.restart()
    await rig.told.until(lambda: rig.told.resumes == 2)
    assert rig.told.names(ID)[-1] == "Ended*"
    assert rig.told.names("22222222")[-1] == "QueueExit*"


@pytest.fixture
async def logged(tmp_path: Path) -> AsyncIterator[Rig]:
    """A feed that reads the queue_log of its Asterisk."""
    log = tmp_path / "queue_log"
    log.write_text("1700000000|NONE|NONE|NONE|QUEUESTART|\n")
    simulator = AsteriskSimulator(queue_log=log)
    await simulator.start()
    rig = Rig(simulator, queue_log=log)
    yield rig
    await rig.feed.aclose()
    await simulator.aclose()


async def test_the_queue_log_tells_why_a_caller_left_during_the_cut(logged: Rig) -> None:
    simulator, told = logged.simulator, logged.told
    simulator.member(ANNA, "Anna", "support")
    await logged.up()
    first, second, third = (simulator.call(each) for each in (ID, "22222222", "33333333"))
    for caller in (first, second, third):
        simulator.join(caller, "support")
    await told.until(lambda: told.names("33333333"))
    pinged = simulator.count("Ping")  # from there on the file is read, not from before
    await until(lambda: simulator.count("Ping") > pinged + 1)
    simulator.cut()
    await told.until(lambda: told.cuts)
    simulator.abandon(first)
    simulator.leave(second, "TIMEOUT")
    simulator.hang_up(second)
    simulator.ring(third, ANNA)
    simulator.no_answer(third, ANNA)
    simulator.ring(third, ANNA)
    simulator.answer(third, ANNA)
    simulator.complete(third, "caller")
    await told.until(lambda: told.resumes == 2)
    assert told.names(ID) == ["Queued", "Abandoned"]
    assert isinstance(told.bodies("22222222")[-1], QueueExit)
    assert told.bodies("22222222")[-1].reason == "timeout"
    assert [name.rstrip("*") for name in told.names("33333333") if name != "Queued"] == [
        "Reserved",
        "NoAnswer",
        "Reserved",
        "Connected",
        "Ended",
    ]
    assert told.bodies("33333333")[-1] == Ended(by=Party.CUSTOMER)


async def test_what_the_queue_log_said_while_the_connection_fell_once_more_is_told_by_the_next(
    logged: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, told = logged.simulator, logged.told
    loop, fell, read = asyncio.get_running_loop(), threading.Event(), QueueLog.unread

    def unread(of: QueueLog) -> object:
        found = read(of)
        if not fell.is_set():
            loop.call_soon_threadsafe(simulator.cut)
            fell.wait(30)
        return found

    caller = await logged.caller()
    pinged = simulator.count("Ping")
    await until(lambda: simulator.count("Ping") > pinged + 1)
    monkeypatch.setattr(QueueLog, "unread", unread)
    simulator.cut()
    await told.until(lambda: told.cuts == 1)
    simulator.abandon(caller)
    await told.until(lambda: told.cuts == 2)
    fell.set()
    await told.until(lambda: told.resumes == 2)
    assert told.names(ID) == ["Queued", "Abandoned"]


async def test_what_is_logged_while_the_end_of_the_log_is_looked_for_is_not_passed_over(
    logged: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection fell meanwhile: what came until the thread had looked was taken for told."""
    simulator, told = logged.simulator, logged.told
    looking, written, end = threading.Event(), threading.Event(), QueueLog.end

    def late(of: QueueLog) -> object:
        looking.set()
        written.wait(30)
        return end(of)

    caller = await logged.caller()
    monkeypatch.setattr(QueueLog, "end", late)
    await until(looking.is_set)
    simulator.cut()
    await told.until(lambda: told.cuts == 1)
    simulator.abandon(caller)
    written.set()
    await told.until(lambda: told.resumes == 2)
    assert told.names(ID) == ["Queued", "Abandoned"]


async def test_a_refused_login_is_tried_again_after_a_long_pause(simulator: AsteriskSimulator) -> None:
    rig = Rig(simulator)
    simulator.secret = "another"
    await rig.feed.start()
    try:
        await until(lambda: rig.feed.figures().refused_logins >= 2)
        assert not rig.feed.connected
        assert not rig.told.resumes
        assert rig.alarms == ["cti_login_refused"]
        simulator.secret = "practice"
        await rig.told.until(lambda: rig.told.resumes)
    finally:
        await rig.feed.aclose()


async def test_the_secret_itself_is_never_sent_with_a_challenge(rig: Rig, simulator: AsteriskSimulator) -> None:
    said = " ".join(value for action in simulator.actions for _, value in action.fields)
    assert "practice" not in said


async def test_our_agents_state_is_told_to_the_acd_and_its_echo_to_nobody(
    rig: Rig, simulator: AsteriskSimulator
) -> None:
    before = len(rig.told.agents)
    position = AgentPosition(
        agent_id=AgentId("ag_anna0000"), queues=(), state="not_ready", reason="break", ready_since=None
    )
    await rig.feed.set_agent_state(position)
    assert simulator.members[ANNA].queues == {"support": (True, "break")}
    await rig.feed.set_agent_state(replace(position, state="ready", reason=None))
    assert simulator.members[ANNA].queues == {"support": (False, "")}
    simulator.pause(ANNA, "lunch")
    await rig.told.until(lambda: len(rig.told.agents) > before)
    assert [event.reason for event in rig.told.agents[before:]] == ["lunch"]


async def test_a_state_that_could_not_be_told_is_told_when_the_acd_is_back(
    rig: Rig, simulator: AsteriskSimulator
) -> None:
    await simulator.aclose()
    await rig.told.until(lambda: rig.told.cuts)
    position = AgentPosition(
        agent_id=AgentId("ag_anna0000"), queues=(), state="not_ready", reason="break", ready_since=None
    )
    with pytest.raises(PortFailure, match="cti_unavailable"):
        await rig.feed.set_agent_state(position)
    await simulator.restart()
    await until(lambda: simulator.members[ANNA].queues["support"] == (True, "break"))


async def test_a_withdrawn_call_leaves_the_queue(rig: Rig, simulator: AsteriskSimulator) -> None:
    simulator.join(simulator.call(ID), "support")
    await rig.told.until(lambda: rig.told.names(ID))
    await rig.feed.set_priority(ID, 5)
    await rig.feed.withdraw(ID)
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["QueueExit"])
    assert rig.told.bodies(ID)[-1].reason == "withdrawn"
    await rig.feed.withdraw(ID)
    await rig.feed.withdraw("00000000")
    priority = next(action for action in simulator.actions if action.get("Action") == "QueueChangePriorityCaller")
    assert priority.get("Priority") == "5"


async def test_an_action_without_an_answer_fails_in_time(rig: Rig, simulator: AsteriskSimulator) -> None:
    simulator.join(simulator.call(ID), "support")
    await rig.told.until(lambda: rig.told.names(ID))
    simulator.silent.add("QueueWithdrawCaller")
    with pytest.raises(PortFailure, match="no answer in time"):
        await rig.feed.withdraw(ID)
    assert rig.feed.figures().failed_commands == 1
    assert rig.feed.connected


async def test_an_acd_that_answers_no_ping_is_left_and_called_again(rig: Rig, simulator: AsteriskSimulator) -> None:
    simulator.silent.add("Ping")
    await rig.told.until(lambda: rig.told.cuts)
    simulator.silent.clear()
    await rig.told.until(lambda: rig.told.resumes == 2)


async def test_a_flood_is_dropped_and_what_it_hid_is_asked_for(simulator: AsteriskSimulator) -> None:
    rig = Rig(simulator, replace(PACE, events_per_s=2_000.0, event_burst=200.0))
    simulator.member(ANNA, "Anna", "support")
    await rig.up()
    try:
        caller = simulator.call(ID)
        simulator.send(b"Event: RTCPSent\r\nSSRC: 1\r\n\r\n" * 5_000)
        simulator.join(caller, "support")
        simulator.answer(caller, ANNA)
        await rig.told.until(lambda: rig.told.names(ID)[-1:] in (["Connected"], ["Connected*"]))
        assert rig.feed.figures().dropped > 0
        assert rig.feed.connected
    finally:
        await rig.feed.aclose()


async def test_rubbish_between_events_breaks_nothing(rig: Rig, simulator: AsteriskSimulator) -> None:
    simulator.send(b"\0\xff\xfe no colon\r\n: no key\r\n\r\n" + b"x" * 100_000 + b"\r\n\r\n")
    simulator.send(b"Event: QueueMemberStatus\r\nStatus: \xff\r\n\r\nEvent: AgentConnect\r\n\r\n")
    simulator.join(simulator.call(ID), "support")
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued"])
    assert rig.feed.figures().unreadable > 0


async def test_a_snapshot_says_what_the_acd_believes(rig: Rig, simulator: AsteriskSimulator) -> None:
    talking, waiting = simulator.call(ID), simulator.call("22222222")
    for caller in (talking, waiting):
        simulator.join(caller, "support")
    simulator.answer(talking, ANNA)
    await rig.told.until(lambda: "Connected" in rig.told.names(ID))
    phases = {each.correlation: each.phase for each in await rig.feed.snapshot([ID, "22222222", "00000000"])}
    assert phases == {ID: Phase.CONNECTED, "22222222": Phase.QUEUED, "00000000": Phase.GONE}


async def test_a_clock_that_is_wrong_by_a_year_moves_nothing_but_the_dates(simulator: AsteriskSimulator) -> None:
    early = AsteriskSimulator(time=lambda: 1_700_000_000.0 - 31_536_000)
    await early.start()
    rig = Rig(early)
    early.member(ANNA, "Anna", "support")
    try:
        await rig.up()
        caller = early.call(ID)
        early.join(caller, "support")
        early.ring(caller, ANNA)
        early.no_answer(caller, ANNA)
        early.abandon(caller)
        await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Abandoned"])
        assert rig.told.names(ID) == ["Queued", "Reserved", "NoAnswer", "Abandoned"]
        assert isinstance(rig.told.bodies(ID)[2], NoAnswer)
        assert rig.told.bodies(ID)[-1].waited_s == 42
        assert {event.occurred_at.year for event in rig.told.calls} == {2022}
    finally:
        await rig.feed.aclose()
        await early.aclose()


async def test_without_the_right_to_see_channels_no_call_is_taken_for_gone(
    rig: Rig, simulator: AsteriskSimulator
) -> None:
    simulator.refused["CoreShowChannels"] = "Permission denied"
    caller = simulator.call(ID)
    simulator.join(caller, "support")
    simulator.answer(caller, ANNA)
    await rig.told.until(lambda: "Connected" in rig.told.names(ID))
    simulator.cut()
    await rig.told.until(lambda: rig.told.resumes == 2)
    assert rig.told.names(ID)[-1] == "Connected"
    simulator.complete(caller, "caller")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])


async def test_a_state_that_the_acd_refuses_does_not_hold_up_the_feed(rig: Rig, simulator: AsteriskSimulator) -> None:
    simulator.refused["QueuePause"] = "Permission denied"
    position = AgentPosition(
        agent_id=AgentId("ag_anna0000"), queues=(), state="not_ready", reason="break", ready_since=None
    )
    with pytest.raises(PortFailure, match="acd_refused"):
        await rig.feed.set_agent_state(position)
    simulator.cut()
    await rig.told.until(lambda: rig.told.resumes == 2)
    simulator.join(simulator.call(ID), "support")
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued"])


@pytest.mark.parametrize("trusted", [True, False])
async def test_with_tls_only_a_certificate_that_is_trusted_is_talked_to(tmp_path: Path, *, trusted: bool) -> None:
    ca = self_signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ca)
    simulator = AsteriskSimulator()
    await simulator.start(tls=server)
    rig = Rig(simulator, tls=ssl.create_default_context(cafile=ca if trusted else None))
    try:
        await rig.feed.start()
        if trusted:
            await rig.told.until(lambda: rig.told.resumes)
        else:
            await until(lambda: rig.tries > 1)
            assert not rig.feed.connected
    finally:
        await rig.feed.aclose()
        await simulator.aclose()


async def test_closing_while_nobody_answers_is_quick(simulator: AsteriskSimulator) -> None:
    rig = Rig(simulator)
    simulator.silent.update(("Challenge", "Login"))
    await rig.feed.start()
    await until(lambda: simulator.actions)
    async with asyncio.timeout(30):
        await rig.feed.aclose()
        await rig.feed.aclose()
