"""The whole path: browser, media process, SIP trunk, proxy, the agent's telephone, and back."""

import pytest

from gateway.acd.events import (
    Ended,
    Offered,
    Party,
    Queued,
    QueueExit,
    TargetKind,
    TransferMode,
    Transferred,
    TransferTarget,
    VoiceUp,
)
from gateway.base.ids import AgentId
from media.port import FromLeg, SetSource
from tests.integration.acd.sip_rig import center
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import Voice
from tests.support.sip_peer import loudest_hz, tone
from tests.support.telephony import phone, proxy


def near(heard_hz: float, said_hz: float) -> bool:
    return abs(heard_hz - said_hz) < said_hz * 0.03


@pytest.mark.parametrize("workers", [1], ids=["in a media process"])
async def test_customer_and_agent_talk_through_a_proxy_and_a_transfer(workers: int) -> None:
    async with (
        phone(tone_hz=700) as agent,
        phone(tone_hz=1100) as colleague,
        proxy({"7001": agent.port, "7005": colleague.port}) as way,
        center([way.port], workers=workers) as here,
    ):
        customer = Voice(await here.stage.robot("lg_customer", call_id="ct_00000001"))
        ref = await here.offer()
        first = (await here.tells(VoiceUp)).leg_id
        await here.acd.claimed(ref, AgentId("ag_00000001"))
        await here.stage.engine.execute(SetSource(leg_id="lg_customer", source=FromLeg(leg_id=first)))
        await here.stage.engine.execute(SetSource(leg_id=first, source=FromLeg(leg_id="lg_customer")))
        customer.speak(tone(440, 48_000))
        await until(lambda: near(loudest_hz(customer.heard()[-24_000:], 48_000), 700), "the customer hears the agent")
        await until(lambda: near(loudest_hz(agent.heard()[-4000:]), 440), "the agent hears the customer")

        await here.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="sales"))
        second = (await here.tells(VoiceUp, 2)).leg_id
        await here.stage.engine.execute(SetSource(leg_id="lg_customer", source=FromLeg(leg_id=second)))
        await until(lambda: near(loudest_hz(customer.heard()[-24_000:], 48_000), 1100), "and then the colleague")
        customer.hush()
        await here.acd.claimed(ref, AgentId("ag_00000002"))
        await colleague.hang_up()
        await here.tells(Ended)
        await here.at_rest()
        assert here.told == [
            Offered(),
            VoiceUp(leg_id=first, answered=True),
            Queued(place=None),
            Transferred(queue="sales"),
            VoiceUp(leg_id=second, answered=True),
            Ended(by=Party.ACD),
        ]


async def test_a_proxy_that_finds_no_number_says_so() -> None:
    async with proxy({"7005": 9}) as way, center([way.port]) as here:
        await here.offer()
        await here.tells(QueueExit)
        assert here.events[-1].raw["sip_status"] == "404"
