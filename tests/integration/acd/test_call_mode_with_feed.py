"""Call mode with a feed: the call carries the correlation id, the ACD's events come back under it, for one contact."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.acd.cti.ami.simulator import AsteriskSimulator
from gateway.acd.cti.esl.simulator import FreeswitchSimulator
from gateway.acd.events import AcdEvent, Connected, ExitReason, Party
from gateway.acd.port import AgentPosition, ContactOffer, CutCause, Phase
from gateway.acd.sip.adapter import SipAcd
from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId
from gateway.config.acd_sip import SipAcdSettings
from gateway.wiring.feeds import RunningFeed, feed_for
from media.port import DialVoice
from tests.integration.acd.test_recorded import accounts
from tests.support.cti_rig import until
from tests.support.fake_media import FakeMedia

ANNA = {"ami": "PJSIP/1001", "esl": "1001@default"}
BERT = {"ami": "PJSIP/1002", "esl": "1002@default"}
QUEUE = {"ami": "support", "esl": "support@default"}
CONTACT = ContactId("ct_00000001")


class Rig:
    """An adapter whose calls end at the simulator: it is told of them by the header they carry."""

    def __init__(self, kind: str, simulator: AsteriskSimulator | FreeswitchSimulator) -> None:
        self.kind = kind
        self.simulator: Any = simulator
        self.media = FakeMedia()
        settings = SipAcdSettings.model_validate(
            {
                "name": "pbx",
                "trunks": [{"name": "a", "domain": "a.example"}],
                "numbers": {"support": "600"},
                "feed": {
                    "kind": kind,
                    "port": simulator.port,
                    "agents": {"anna": ANNA[kind], "bert": BERT[kind]},
                    "queues": {"support": QUEUE[kind]},
                    "ping_interval": 0.2,
                    **({"user": "visavis", "secret": "practice"} if kind == "ami" else {"password": "practice"}),
                    **({"withdraw_to": "gone"} if kind == "esl" else {}),
                },
            }
        )
        assert settings.feed is not None
        self.feed: RunningFeed = feed_for(
            "pbx",
            settings.feed,
            queues=("support",),
            accounts=accounts,
            clock=SystemClock(),
            on_alarm=lambda *_: None,
        )
        self.acd = SipAcd(
            settings,
            media=self.media,
            clock=SystemClock(),
            queues=("support",),
            on_alarm=lambda *_: None,
            feed=self.feed,
        )
        self.events: list[AcdEvent] = []
        self.cuts: list[CutCause] = []
        self.acd.on_event(self.events.append)
        self.acd.on_resync(self.cuts.append)

    @property
    def names(self) -> list[str]:
        return [type(event.body).__name__ + "*" * event.synthesized for event in self.events]

    async def offered(self) -> Any:
        """The contact is offered, the call arrives at the ACD and is put into the queue. The ACD's caller."""
        offer = ContactOffer(
            contact_id=CONTACT,
            site="shop",
            queue="support",
            language="en",
            priority=0,
            queued_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            correlation="7K3QXM2P",
        )
        await self.acd.offer(offer)
        dial = await until(lambda: next((each for each in self.media.commands if isinstance(each, DialVoice)), None))
        assert dial is not None
        self.media.ring(dial.leg_id)
        self.media.answer(dial.leg_id)
        caller = self.simulator.call(dict(dial.headers)["X-Video-Contact-Id"])
        self.simulator.join(caller, QUEUE[self.kind])
        await until(lambda: "Queued" in self.names)
        return caller


@pytest.fixture(params=["ami", "esl"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    simulator: AsteriskSimulator | FreeswitchSimulator
    simulator = AsteriskSimulator() if request.param == "ami" else FreeswitchSimulator()
    await simulator.start()
    if isinstance(simulator, AsteriskSimulator):
        simulator.member(ANNA["ami"], "Anna", "support")
        simulator.member(BERT["ami"], "Bert", "support")
    else:
        simulator.agent(ANNA["esl"])
        simulator.agent(BERT["esl"])
    rig = Rig(request.param, simulator)
    await rig.acd.start()
    await until(lambda: rig.feed.connected)
    yield rig
    await rig.acd.aclose()
    await simulator.aclose()


async def test_the_agent_who_answers_at_the_acd_is_the_contacts_agent(rig: Rig) -> None:
    caller = await rig.offered()
    rig.simulator.ring(caller, ANNA[rig.kind])
    rig.simulator.answer(caller, ANNA[rig.kind])
    await until(lambda: "Connected" in rig.names)
    connected = next(event for event in rig.events if isinstance(event.body, Connected))
    assert isinstance(connected.body, Connected)
    assert connected.contact_id == CONTACT
    assert connected.body.agent is not None
    assert connected.body.agent.agent_id == "ag_anna0000"
    assert not connected.synthesized
    (known,) = await rig.acd.contacts([events.acd_ref for events in rig.events[:1]])
    assert known.phase is Phase.CONNECTED


async def test_the_reason_of_the_end_is_the_acds(rig: Rig) -> None:
    caller = await rig.offered()
    if rig.kind == "ami":
        rig.simulator.leave(caller, "LEAVEEMPTY")
    else:
        rig.simulator.leave(caller, "NO_AGENT_TIMEOUT")
    await until(lambda: "Unrecognised" in rig.names)
    rig.media.end(next(each.leg_id for each in rig.media.commands if isinstance(each, DialVoice)), "voice_ended")
    await until(lambda: "QueueExit" in rig.names)
    assert rig.events[-1].body.reason is ExitReason.EMPTY  # type: ignore[union-attr]


async def test_a_transfer_at_the_acd_brings_the_next_agent(rig: Rig) -> None:
    caller = await rig.offered()
    rig.simulator.answer(caller, ANNA[rig.kind])
    if rig.kind == "ami":
        rig.simulator.blind_transfer(caller, "601")
    else:
        rig.simulator.complete(caller, "transfer")
    rig.simulator.join(caller, QUEUE[rig.kind])
    rig.simulator.ring(caller, BERT[rig.kind])
    rig.simulator.answer(caller, BERT[rig.kind])
    await until(lambda: rig.names.count("Connected") == 2)
    told = [event.body for event in rig.events if isinstance(event.body, Connected)]
    assert [body.agent.agent_id if body.agent else None for body in told] == ["ag_anna0000", "ag_bert0000"]


async def test_after_a_cut_the_contact_is_compared_and_goes_on(rig: Rig) -> None:
    caller = await rig.offered()
    rig.simulator.cut()
    await until(lambda: not rig.feed.connected)
    rig.simulator.answer(caller, ANNA[rig.kind])
    await until(lambda: rig.cuts)
    assert "Connected*" in rig.names
    assert [event.seq for event in rig.events] == list(range(1, len(rig.events) + 1))


async def test_an_agent_who_pauses_in_our_panel_is_paused_at_the_acd(rig: Rig) -> None:
    position = AgentPosition(
        agent_id=AgentId("ag_anna0000"), queues=("support",), state="not_ready", reason="lunch", ready_since=None
    )
    await rig.acd.set_agent_state(position)
    if rig.kind == "ami":
        assert rig.simulator.members[ANNA["ami"]].queues["support"] == (True, "lunch")
    else:
        assert rig.simulator.agents[ANNA["esl"]].status == "On Break"


async def test_events_of_calls_that_nobody_here_made_move_nothing(rig: Rig) -> None:
    await rig.offered()
    before = len(rig.events)
    stranger = rig.simulator.call("00000000")
    rig.simulator.join(stranger, QUEUE[rig.kind])
    rig.simulator.answer(stranger, ANNA[rig.kind])
    impostor = rig.simulator.call("7K3QXM2P")  # the id of a contact, from somebody who guessed it
    rig.simulator.join(impostor, QUEUE[rig.kind])
    rig.simulator.answer(impostor, BERT[rig.kind])
    await until(lambda: rig.acd.figures().counts.unknown_events >= 3)
    await asyncio.wait_for(rig.feed.snapshot(["7K3QXM2P"]), 5.0)
    names = {type(event.body).__name__ for event in rig.events[before:]}
    assert names <= {"Queued"}, "the contact's own place may change, and nothing else"
    assert Party.AGENT not in [getattr(event.body, "by", None) for event in rig.events]
