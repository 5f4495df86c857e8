"""The contact and the SIP adapter together, over one media engine without packets: a call with video beside it."""

from collections.abc import AsyncIterator

import pytest

from gateway.acd.sip.adapter import SipAcd
from gateway.config.acd_sip import SipAcdSettings
from gateway.parties import ClaimContact, HangUp, HoldContact, RetrieveContact, TransferContact
from media.port import CloseLeg, DialVoice, FromLeg, FromLegs, HoldVoice
from tests.support.clock import FakeClock
from tests.support.desk_rig import Agent, Customer, DeskRig
from tests.support.fake_media import FakeMedia

SETTINGS = SipAcdSettings.model_validate(
    {
        "name": "pbx",
        "trunks": [{"name": "a", "domain": "a.example", "caller": "gateway"}],
        "numbers": {"sales": "7001", "support": "7002"},
        "allow": "7xxx",
        "transfer": "invite",
    }
)


class OverSip:
    """The desk over a call center that is reached by SIP."""

    def __init__(self) -> None:
        media, clock = FakeMedia(), FakeClock()
        self.acd = SipAcd(
            SETTINGS, media=media, clock=clock, queues=("sales", "support"), on_alarm=lambda code, detail: None
        )
        self.rig = DeskRig(foreign=self.acd, media=media, clock=clock)

    @property
    def dials(self) -> list[DialVoice]:
        return [command for command in self.rig.media.commands if isinstance(command, DialVoice)]

    @property
    def leg(self) -> str:
        return self.dials[-1].leg_id

    def id_of_last_call(self) -> str:
        """The id as a phone system reads it from the header."""
        header = dict(self.dials[-1].headers)["User-to-User"]
        return bytes.fromhex(header.partition(";")[0]).decode()

    async def answered(self) -> Customer:
        customer = await self.rig.customer()
        self.rig.media.ring(self.leg, 183, early_media=True)
        await self.rig.rest()
        assert customer.leg.source == FromLegs(audio_leg_id=self.leg, video_leg_id="")
        self.rig.media.answer(self.leg)
        await self.rig.rest()
        return customer

    async def in_call(self) -> tuple[Customer, Agent]:
        customer, anna = await self.answered(), await self.rig.agent()
        await anna.ask(ClaimContact(correlation=self.id_of_last_call()))
        await anna.connect()
        assert customer.state == "active"
        return customer, anna


@pytest.fixture
async def sip() -> AsyncIterator[OverSip]:
    over = OverSip()
    await over.acd.start()
    await over.rig.start()
    yield over
    await over.rig.stop()
    await over.acd.aclose()
    assert over.rig.media.legs == {}


async def test_the_id_in_the_invite_opens_the_video(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    assert customer.leg.source == FromLegs(audio_leg_id=sip.leg, video_leg_id=anna.leg.leg_id)
    assert sip.rig.media.legs[sip.leg].source == FromLeg(leg_id=customer.leg.leg_id)
    assert len(sip.dials) == 1


async def test_a_call_that_ends_on_the_phone_ends_once_and_is_wrapped_up(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    sip.rig.media.refuse_call(sip.leg, 0)
    await sip.rig.rest()
    assert customer.state == "wrap_up"
    await anna.wrap_up()
    assert customer.row.end_reason == "completed"
    assert [event.name for event in customer.events].count("closed") == 1


async def test_a_customer_who_hangs_up_ends_the_phone_call(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    voice = sip.leg
    await customer.ask(HangUp())
    assert CloseLeg(leg_id=voice) in sip.rig.media.commands
    assert voice not in sip.rig.media.legs
    await anna.wrap_up()
    assert sip.rig.desk.live_contacts == 0


async def test_a_queue_that_takes_nobody_closes_the_contact_with_its_reason(sip: OverSip) -> None:
    customer = await sip.rig.customer()
    sip.rig.media.refuse_call(sip.leg, 480)
    await sip.rig.run(1)
    assert customer.state == "closed"
    assert customer.row.end_reason in ("overflowed", "refused_by_acd")


async def test_hold_is_the_phones_too(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    await anna.ask(HoldContact())
    assert HoldVoice(leg_id=sip.leg, on=True) in sip.rig.media.commands
    await anna.ask(RetrieveContact())
    assert HoldVoice(leg_id=sip.leg, on=False) in sip.rig.media.commands
    assert customer.state == "active"


async def test_an_agent_who_closes_the_video_leaves_the_phone_call_alone(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    await anna.ask(HangUp())
    assert customer.state == "voice"
    assert sip.leg in sip.rig.media.legs
    sip.rig.media.refuse_call(sip.leg, 0)
    await sip.rig.rest()
    assert customer.row.end_reason == "completed"


async def test_a_transfer_by_a_second_invite_takes_the_customers_sound_along(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    first = sip.leg
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert customer.state == "transferring"
    second = sip.leg
    assert second != first
    sip.rig.media.ring(second)
    sip.rig.media.answer(second)
    await sip.rig.rest()
    assert customer.state == "voice"
    assert anna.now.state == "ready"
    assert customer.leg.source == FromLegs(audio_leg_id=second, video_leg_id="")
    assert sip.rig.media.legs[second].source == FromLeg(leg_id=customer.leg.leg_id)
    assert first not in sip.rig.media.legs
    ben = await sip.rig.agent("ben")
    await ben.ask(ClaimContact(correlation=sip.id_of_last_call()))
    await ben.connect()
    assert customer.state == "active"


async def test_a_transfer_that_is_refused_leaves_the_call_as_it_was(sip: OverSip) -> None:
    customer, anna = await sip.in_call()
    await anna.ask(TransferContact(kind="number", target="7099"))
    sip.rig.media.refuse_call(sip.leg, 486)
    await sip.rig.rest()
    assert customer.state == "active"
    await anna.ask(TransferContact(kind="number", target="+881234567"))
    assert customer.state == "active", "not on the list"
    assert [event.name for event in customer.events].count("transfer_failed") == 2
