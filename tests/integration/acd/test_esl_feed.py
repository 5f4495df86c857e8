"""The feed of a FreeSWITCH, over a real socket, against an event socket that is led by hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.connection import Address
from gateway.acd.cti.esl.connection import EslConnection
from gateway.acd.cti.esl.dialect import EslDialect
from gateway.acd.cti.esl.simulator import FreeswitchSimulator
from gateway.acd.cti.esl.wire import Frame
from gateway.acd.cti.ledger import Ledger
from gateway.acd.cti.reader import CtiReader, Pace
from gateway.acd.events import (
    Abandoned,
    Ended,
    ExitReason,
    NoAnswer,
    Party,
    QueueExit,
    Rejected,
    RejectReason,
    Transferred,
)
from gateway.acd.port import AgentPosition, Phase
from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId, new_offer_id
from tests.support.cti_rig import Recorder, until

ANNA = "1001@default"
BERT = "1002@default"
QUEUE = "support@default"
ID = "7K3QXM2P"
PACE = Pace(ping_s=0.2, resync_s=60.0, retry_first_s=0.01, retry_last_s=0.05, refused_s=0.1)


class Rig:
    def __init__(self, simulator: FreeswitchSimulator, pace: Pace = PACE) -> None:
        self.told = Recorder()
        dialect = EslDialect(
            address=Address(host="127.0.0.1", port=simulator.port, connect_s=2.0, answer_s=1.0),
            password="practice",
            ledger=Ledger(
                "fs",
                AgentNames({ANNA: AgentId("ag_anna0000")}),
                new_offer_id,
                queues={"second@default": "second"},
            ),
            clock=SystemClock(),
            header="X-Video-Contact-Id",
            queues=(QUEUE, "second@default"),
            withdraw_to="video-withdrawn XML default",
        )
        self.feed: CtiReader[Frame, EslConnection] = CtiReader(
            "fs", dialect, SystemClock(), pace, random=lambda: 0.0, on_alarm=lambda *_: None
        )
        self.feed.listen(self.told)

    async def up(self) -> None:
        await self.feed.start()
        await self.told.until(lambda: self.told.resumes)


@pytest.fixture
async def simulator() -> AsyncIterator[FreeswitchSimulator]:
    simulator = FreeswitchSimulator()
    await simulator.start()
    yield simulator
    await simulator.aclose()


@pytest.fixture
async def rig(simulator: FreeswitchSimulator) -> AsyncIterator[Rig]:
    rig = Rig(simulator)
    simulator.agent(ANNA)
    await rig.up()
    yield rig
    await rig.feed.aclose()


async def test_an_ordinary_call_is_told_from_the_queue_to_its_end(rig: Rig, simulator: FreeswitchSimulator) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    simulator.ring(caller, ANNA)
    simulator.answer(caller, ANNA)
    simulator.hold(caller)
    simulator.hold(caller, on=False)
    simulator.complete(caller, "agent")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])
    assert rig.told.names(ID) == ["Queued", "Reserved", "Connected", "Held", "Resumed", "Ended"]
    assert rig.told.bodies(ID)[1].agent_id == "ag_anna0000"
    assert rig.told.bodies(ID)[-1] == Ended(by=Party.AGENT)


async def test_the_customer_who_hangs_up_ended_the_talk(rig: Rig, simulator: FreeswitchSimulator) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    simulator.answer(caller, ANNA)
    simulator.complete(caller, "caller")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])
    assert rig.told.bodies(ID)[-1] == Ended(by=Party.CUSTOMER)
    assert rig.told.names(ID) == ["Queued", "Reserved*", "Connected", "Ended"]


async def test_a_talk_whose_channel_goes_on_without_a_word_was_ended_by_the_agent(
    rig: Rig, simulator: FreeswitchSimulator
) -> None:
    simulator.muted.add("CHANNEL_HANGUP_COMPLETE")
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    simulator.answer(caller, ANNA)
    simulator.complete(caller, "caller")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])
    assert rig.told.bodies(ID)[-1] == Ended(by=Party.AGENT)


@pytest.mark.parametrize(
    ("cause", "body"),
    [
        ("NO_ANSWER", NoAnswer),
        ("CALL_REJECTED", RejectReason.DECLINED),
        ("USER_BUSY", RejectReason.BUSY),
        ("USER_NOT_REGISTERED", RejectReason.UNREACHABLE),
    ],
)
async def test_why_an_agent_did_not_take_it(
    rig: Rig, simulator: FreeswitchSimulator, cause: str, body: type[NoAnswer] | RejectReason
) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    simulator.ring(caller, ANNA)
    simulator.no_answer(caller, cause)
    ended = await rig.told.until(lambda: rig.told.bodies(ID)[2:])
    if isinstance(body, RejectReason):
        assert isinstance(ended[0], Rejected)
        assert ended[0].reason is body
    else:
        assert isinstance(ended[0], NoAnswer)


async def test_how_a_caller_leaves_without_an_agent(rig: Rig, simulator: FreeswitchSimulator) -> None:
    given_up, timed_out = simulator.call(ID), simulator.call("22222222")
    for caller in (given_up, timed_out):
        simulator.join(caller, QUEUE)
    simulator.abandon(given_up)
    simulator.leave(timed_out, "NO_AGENT_TIMEOUT")
    simulator.hang_up(timed_out)
    await rig.told.until(lambda: len(rig.told.names("22222222")) == 2)
    assert rig.told.bodies(ID)[-1] == Abandoned(waited_s=42)
    assert rig.told.bodies("22222222")[-1] == QueueExit(reason=ExitReason.EMPTY)


async def test_a_caller_whose_queue_end_was_lost_has_abandoned(rig: Rig, simulator: FreeswitchSimulator) -> None:
    simulator.muted.add("member-queue-end")
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    simulator.abandon(caller)
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued", "Abandoned*"])


async def test_transfers_to_a_queue_and_to_a_number(rig: Rig, simulator: FreeswitchSimulator) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    simulator.answer(caller, ANNA)
    simulator.complete(caller, "transfer")
    simulator.join(caller, "second@default")
    simulator.answer(caller, BERT)
    simulator.complete(caller, "transfer")
    simulator.bridged(caller, "1003")
    simulator.hang_up(caller, "recv_bye")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])
    assert rig.told.names(ID)[3:] == [
        *("Transferring", "Transferred", "Queued", "Reserved*", "Connected"),
        *("Transferring", "Transferred", "Ended"),
    ]
    first, second = [body for body in rig.told.bodies(ID) if isinstance(body, Transferred)]
    assert first.queue == "second"
    assert second.agent is not None
    assert second.agent.ref == "1003"


async def test_the_agents_state_follows_status_and_state(rig: Rig, simulator: FreeswitchSimulator) -> None:
    simulator.set_agent(ANNA, status="On Break")
    simulator.set_agent(ANNA, status="Available (On Demand)")
    simulator.set_agent(ANNA, state="Receiving")
    simulator.set_agent(ANNA, state="In a queue call")
    simulator.set_agent(ANNA, state="Waiting")
    simulator.set_agent(ANNA, status="Logged Out")
    await rig.told.until(lambda: [agent.state.value for agent in rig.told.agents[-1:]] == ["logged_off"])
    states = [event.state.value for event in rig.told.agents]
    assert states == ["ready", "not_ready", "ready", "ringing", "busy", "ready", "logged_off"]


async def test_after_call_work_that_the_acd_keeps_ends_by_the_clock(simulator: FreeswitchSimulator) -> None:
    rig = Rig(simulator)
    simulator.agent(ANNA, wrap_up_s=1)
    await rig.up()
    try:
        caller = simulator.call(ID)
        simulator.join(caller, QUEUE)
        simulator.ring(caller, ANNA)
        simulator.answer(caller, ANNA)
        simulator.complete(caller, "caller")
        await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["WrapUpDone"])
        assert rig.told.names(ID)[-3:] == ["Ended", "WrapUpStarted", "WrapUpDone"]
        assert [event.state.value for event in rig.told.agents][-3:] == ["busy", "wrap_up", "ready"]
    finally:
        await rig.feed.aclose()


async def test_our_agents_state_is_told_to_the_acd_and_its_echo_to_nobody(
    rig: Rig, simulator: FreeswitchSimulator
) -> None:
    before = len(rig.told.agents)
    position = AgentPosition(
        agent_id=AgentId("ag_bert0000"), queues=(), state="not_ready", reason="break", ready_since=None, ref=ANNA
    )
    await rig.feed.set_agent_state(position)
    assert simulator.agents[ANNA].status == "On Break"
    await rig.feed.set_agent_state(replace(position, state="ready", reason=None))
    assert simulator.agents[ANNA].status == "Available"
    simulator.set_agent(ANNA, status="Logged Out")
    await rig.told.until(lambda: len(rig.told.agents) > before)
    assert [event.state.value for event in rig.told.agents[before:]] == ["logged_off"]
    assert rig.told.agents[-1].agent.agent_id == "ag_bert0000"


async def test_a_cut_in_mid_call_is_mended_by_what_the_acd_shows(rig: Rig, simulator: FreeswitchSimulator) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued"])
    simulator.cut()
    await rig.told.until(lambda: rig.told.cuts)
    simulator.answer(caller, ANNA)
    newcomer = simulator.call("22222222")
    simulator.join(newcomer, QUEUE)
    await rig.told.until(lambda: rig.told.resumes == 2)
    assert rig.told.names(ID) == ["Queued", "Reserved*", "Connected*"]
    assert rig.told.names("22222222") == ["Queued*"]
    simulator.complete(caller, "caller")
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["Ended"])


async def test_a_freeswitch_that_restarted_has_lost_its_calls(rig: Rig, simulator: FreeswitchSimulator) -> None:
    talking, waiting = simulator.call(ID), simulator.call("22222222")
    for caller in (talking, waiting):
        simulator.join(caller, QUEUE)
    simulator.answer(talking, ANNA)
    await rig.told.until(lambda: "Connected" in rig.told.names(ID))
    await simulator.restart()
    await rig.told.until(lambda: rig.told.resumes == 2)
    assert rig.told.names(ID)[-1] == "Ended*"
    assert rig.told.names("22222222")[-1] == "QueueExit*"


async def test_a_withdrawn_call_leaves_the_queue_and_priority_is_never_changed(
    rig: Rig, simulator: FreeswitchSimulator
) -> None:
    simulator.join(simulator.call(ID), QUEUE)
    await rig.told.until(lambda: rig.told.names(ID))
    assert not rig.feed.abilities().prioritises
    with pytest.raises(StateConflict, match="cti_unsupported"):
        await rig.feed.set_priority(ID, 5)
    await rig.feed.withdraw(ID)
    await rig.told.until(lambda: rig.told.names(ID)[-1:] == ["QueueExit"])
    assert rig.told.bodies(ID)[-1] == QueueExit(reason=ExitReason.WITHDRAWN)


@pytest.mark.parametrize("by_address", [False, True], ids=["password", "address"])
async def test_a_refused_login_is_tried_again_after_a_long_pause(
    simulator: FreeswitchSimulator, *, by_address: bool
) -> None:
    rig = Rig(simulator)
    simulator.password, simulator.reject = ("practice" if by_address else "another"), by_address
    await rig.feed.start()
    try:
        await until(lambda: rig.feed.figures().refused_logins >= 2)
        assert not rig.feed.connected
        simulator.password, simulator.reject = "practice", False
        await rig.told.until(lambda: rig.told.resumes)
    finally:
        await rig.feed.aclose()


async def test_an_answer_that_does_not_come_ends_the_connection_and_no_later_one_is_taken_for_it(
    rig: Rig, simulator: FreeswitchSimulator
) -> None:
    simulator.join(simulator.call(ID), QUEUE)
    await rig.told.until(lambda: rig.told.names(ID))
    simulator.silent.add("uuid_transfer")
    with pytest.raises(PortFailure, match="cti_unavailable"):
        await rig.feed.withdraw(ID)
    await rig.told.until(lambda: rig.told.resumes == 2)
    phases = await rig.feed.snapshot([ID])
    assert phases[0].phase is Phase.QUEUED


async def test_rubbish_and_a_wrong_length_cost_the_connection_at_most(rig: Rig, simulator: FreeswitchSimulator) -> None:
    simulator.event("CUSTOM", subclass="callcenter::info", CC_Action="never-heard-of", CC_Member_Session_UUID="x")
    simulator.event("CUSTOM", subclass="callcenter::info")
    simulator.event("NONSENSE", Unique_ID="\0")
    simulator.join(simulator.call(ID), QUEUE)
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued"])
    assert rig.told.cuts == 0
    simulator.send(b"Content-Length: -5\n\n")
    await rig.told.until(lambda: rig.told.resumes == 2)


async def test_a_word_that_nobody_knows_is_written_down_and_moves_nothing(
    rig: Rig, simulator: FreeswitchSimulator
) -> None:
    caller = simulator.call(ID)
    simulator.join(caller, QUEUE)
    fields = {"CC_Member_Session_UUID": caller.session, "New_Field": "1"}
    simulator.event("CUSTOM", subclass="callcenter::info", CC_Action="agent-whispered", **fields)
    await rig.told.until(lambda: rig.told.names(ID) == ["Queued", "Unrecognised"])
    assert rig.told.calls[-1].raw["new-field"] == "1"
    assert rig.feed.figures().unrecognised == 1


async def test_a_flood_is_dropped_and_what_it_hid_is_asked_for(simulator: FreeswitchSimulator) -> None:
    rig = Rig(simulator, replace(PACE, events_per_s=2_000.0, event_burst=200.0))
    simulator.agent(ANNA)
    await rig.up()
    try:
        caller = simulator.call(ID)
        for _ in range(3_000):
            simulator.event("HEARTBEAT")
        simulator.join(caller, QUEUE)
        simulator.answer(caller, ANNA)
        await rig.told.until(lambda: rig.told.names(ID)[-1:] in (["Connected"], ["Connected*"]))
        assert rig.feed.figures().dropped > 0
        assert rig.feed.connected
    finally:
        await rig.feed.aclose()


async def test_closing_while_nobody_answers_is_quick(simulator: FreeswitchSimulator) -> None:
    rig = Rig(simulator)
    simulator.silent.add("auth")
    await rig.feed.start()
    await until(lambda: simulator.commands)
    async with asyncio.timeout(30):
        await rig.feed.aclose()
        await rig.feed.aclose()
