"""Call mode (SPLIT): the ACD carries the voice, a panel claims the video, and losing it costs the video only."""

from collections.abc import AsyncIterator

import pytest

from gateway.acd import events as acd
from gateway.acd.events import AgentName, ExitReason, Party
from gateway.base.errors import StateConflict
from gateway.base.ids import LegId
from gateway.contacts.fold import segments
from gateway.contacts.ports import RecordingOrder
from gateway.parties import (
    ClaimContact,
    ContactAssigned,
    ContactChanged,
    HangUp,
    HoldContact,
    PressKeys,
    SetNotReady,
    TransferContact,
)
from media.port import DialVoice, FromLeg, FromLegs, MediaRefused, SendDtmf, Silence, VoiceTrunk
from tests.support.desk_rig import Agent, Customer, DeskRig
from tests.support.foreign_acd import CALL, ForeignAcd

VOICE = LegId("lg_voice0001")
TRUNK = VoiceTrunk(name="pbx", from_uri="sip:us@example.net")


@pytest.fixture
async def split() -> AsyncIterator["Split"]:
    rig = Split()
    await rig.rig.start()
    yield rig
    await rig.rig.stop()


class Split:
    """The desk at an ACD that carries the voice."""

    def __init__(self) -> None:
        self.acd = ForeignAcd(CALL)
        self.rig = DeskRig(foreign=self.acd)

    async def say(self, customer: Customer, *bodies: acd.AcdEventBody) -> None:
        for body in bodies:
            self.acd.say(customer.contact_id, body)
            await self.rig.rest()

    async def call(self, *, answered: bool = True) -> Customer:
        """A customer whose phone call at the ACD is up."""
        customer = await self.rig.customer()
        dial = DialVoice(leg_id=VOICE, call_id=customer.contact_id, to_uri="sip:100@example.net", trunk=TRUNK)
        await self.rig.media.execute(dial)
        await self.say(customer, acd.VoiceUp(leg_id=VOICE, answered=False))
        if answered:
            await self.say(customer, acd.VoiceUp(leg_id=VOICE, answered=True))
        return customer

    def id_of(self, customer: Customer) -> str:
        return self.acd.offers[customer.contact_id].correlation

    async def claim(self, agent: Agent, customer: Customer) -> str | None:
        agent.generation = 0
        return await agent.try_to(ClaimContact(correlation=self.id_of(customer)))

    async def in_call(self) -> tuple[Customer, Agent]:
        customer, anna = await self.call(), await self.rig.agent()
        assert await self.claim(anna, customer) is None
        await anna.connect()
        assert customer.state == "active"
        return customer, anna

    @property
    def voice_hears(self) -> object:
        return self.rig.media.legs[VOICE].source


def names(customer: Customer) -> list[str]:
    return [event.name for event in customer.events]


# ---------------------------------------------------------------- sound


async def test_the_customer_hears_the_acd_from_its_first_sound_and_is_heard_there(split: Split) -> None:
    customer = await split.call(answered=False)
    assert customer.leg.source == FromLegs(audio_leg_id=VOICE, video_leg_id="")
    assert split.voice_hears == FromLeg(leg_id=customer.leg.leg_id)
    assert customer.state == "queued", "an answer of the queue is no agent"


async def test_pictures_go_beside_the_voice_and_the_agent_is_not_heard_twice(split: Split) -> None:
    customer, anna = await split.in_call()
    assert customer.leg.source == FromLegs(audio_leg_id=VOICE, video_leg_id=anna.leg.leg_id)
    assert anna.leg.source == FromLegs(audio_leg_id="", video_leg_id=customer.leg.leg_id)
    await anna.ask(HoldContact())
    assert customer.leg.source == FromLegs(audio_leg_id=VOICE, video_leg_id="")
    assert anna.leg.source == Silence()
    assert split.acd.words()[-1] == "hold"


# ---------------------------------------------------------------- keys


def pressed(split: Split) -> list[tuple[str, str]]:
    return [(each.leg_id, each.digits) for each in split.rig.media.commands if isinstance(each, SendDtmf)]


async def test_keys_of_the_customer_go_into_the_telephone_call_before_and_after_its_answer(split: Split) -> None:
    customer = await split.call(answered=False)
    await customer.ask(PressKeys(keys="1"))
    await split.say(customer, acd.VoiceUp(leg_id=VOICE, answered=True))
    await customer.ask(PressKeys(keys="42#"))
    assert pressed(split) == [(VOICE, "1"), (VOICE, "42#")]
    assert not [name for name in names(customer) if "key" in name], "what was keyed in is nobody's to read"


async def test_keys_without_a_telephone_call_are_refused(split: Split) -> None:
    customer = await split.rig.customer()
    assert await customer.try_to(PressKeys(keys="1")) == "keys_not_now"
    assert pressed(split) == []


async def test_keys_that_the_call_does_not_take_leave_it_as_it_is(split: Split) -> None:
    customer, _ = await split.in_call()
    split.rig.media.fail_next = MediaRefused("voice_state", "64 wait")
    await customer.ask(PressKeys(keys="1"))
    assert customer.state == "active"


async def test_a_reload_of_the_customer_is_heard_again(split: Split) -> None:
    customer, _ = await split.in_call()
    first = customer.leg.leg_id
    await customer.connect()
    assert customer.leg.leg_id != first
    assert split.voice_hears == FromLeg(leg_id=customer.leg.leg_id)


async def test_another_call_leg_takes_the_place_of_the_first(split: Split) -> None:
    customer = await split.call()
    second = LegId("lg_voice0002")
    dial = DialVoice(leg_id=second, call_id=customer.contact_id, to_uri="sip:100@example.net", trunk=TRUNK)
    await split.rig.media.execute(dial)
    await split.say(customer, acd.VoiceUp(leg_id=second, answered=True))
    assert customer.leg.source == FromLegs(audio_leg_id=second, video_leg_id="")
    assert split.rig.media.legs[second].source == FromLeg(leg_id=customer.leg.leg_id)


# ---------------------------------------------------------------- claims


async def test_an_agent_who_shows_the_id_has_the_video(split: Split) -> None:
    customer, anna = await split.in_call()
    assert anna.last(ContactAssigned).voice_apart is True
    assert anna.last(ContactAssigned).transfers == ("queue", "number"), "whose telephone is whose only the ACD knows"
    assert customer.last(ContactChanged).voice_apart is True
    assert ("claimed", anna.agent_id) in split.acd.asked
    assert customer.row.agent_id == anna.agent_id


async def test_an_id_may_be_typed_as_people_type(split: Split) -> None:
    customer, anna = await split.call(), await split.rig.agent()
    typed = f" {split.id_of(customer)[:4].lower()}-{split.id_of(customer)[4:].lower()} "
    assert await anna.try_to(ClaimContact(correlation=typed)) is None
    assert customer.state == "bridging"


async def test_a_claim_shown_again_by_the_same_agent_changes_nothing(split: Split) -> None:
    customer, anna = await split.in_call()
    assert await anna.try_to(ClaimContact(correlation=split.id_of(customer))) is None
    assert customer.state == "active"


async def test_of_two_agents_at_once_exactly_one_has_it(split: Split) -> None:
    customer, anna, ben = await split.call(), await split.rig.agent(), await split.rig.agent("ben")
    assert [await split.claim(anna, customer), await split.claim(ben, customer)] == [None, "claim_taken"]
    assert ben.now.state == "ready"


async def test_an_agent_to_whom_the_acd_moved_the_call_takes_the_video_from_the_first(split: Split) -> None:
    customer, anna = await split.in_call()
    ben = await split.rig.agent("ben")
    assert await split.claim(ben, customer) is None
    assert anna.now.state == "ready"
    assert anna.last(ContactChanged).state == "voice"
    await ben.connect()
    assert customer.leg.source == FromLegs(audio_leg_id=VOICE, video_leg_id=ben.leg.leg_id)
    assert [part.agent_id for part in segments(customer.events)] == [anna.agent_id, ben.agent_id]


async def test_an_agent_on_another_call_can_claim_nothing(split: Split) -> None:
    _, anna = await split.in_call()
    other = await split.rig.customer()
    assert await split.claim(anna, other) == "agent_busy"
    assert other.state == "queued"


async def test_an_id_of_a_call_that_is_over_leads_nowhere(split: Split) -> None:
    customer, anna = await split.call(), await split.rig.agent()
    await customer.ask(HangUp())
    assert await split.claim(anna, customer) == "claim_over"


async def test_guesses_are_answered_by_waiting_and_told_to_the_supervisors(split: Split) -> None:
    customer, anna, ben = await split.call(), await split.rig.agent(), await split.rig.agent("ben")
    guesses = [await anna.try_to(ClaimContact(correlation=f"0000000{n}")) for n in range(6)]
    assert guesses == ["claim_unknown"] * 5 + ["claim_limited"]
    assert [alarm.code for alarm in split.rig.desk.board().alarms] == ["claims_guessed"]
    assert await split.claim(anna, customer) == "claim_limited", "also a right one waits"
    assert await split.claim(ben, customer) is None, "another agent does not"
    await split.rig.run(61)
    assert await anna.try_to(ClaimContact(correlation="00000009")) == "claim_unknown"


async def test_an_agent_who_was_not_ready_is_so_again_after_the_call(split: Split) -> None:
    customer, anna = await split.call(), await split.rig.agent()
    await anna.ask(SetNotReady(reason="training"))
    assert await split.claim(anna, customer) is None
    await anna.connect()
    await split.say(customer, acd.Ended(by=Party.AGENT))
    await anna.wrap_up()
    assert (anna.now.state, anna.now.reason) == ("not_ready", "training")


async def test_an_agent_the_acd_names_gets_the_video_without_an_id(split: Split) -> None:
    customer, anna = await split.call(), await split.rig.agent()
    await split.say(customer, acd.Connected(agent=AgentName(ref="PJSIP/1", agent_id=anna.agent_id)))
    assert customer.state == "bridging"
    assert anna.last(ContactAssigned).contact_id == customer.contact_id
    assert ("claimed", anna.agent_id) in split.acd.asked


async def test_a_call_the_acd_gave_to_another_agent_takes_its_video_along(split: Split) -> None:
    customer, anna = await split.in_call()
    ben = await split.rig.agent("ben")
    await split.say(customer, acd.Connected(agent=AgentName(ref="PJSIP/1", agent_id=anna.agent_id)))
    assert customer.state == "active"
    await split.say(customer, acd.Connected(agent=AgentName(ref="PJSIP/2", agent_id=ben.agent_id)))
    assert ben.last(ContactAssigned).contact_id == customer.contact_id
    assert anna.now.state == "ready"
    await ben.go()
    cleo = await split.rig.agent("cleo")
    await cleo.go()
    await split.say(customer, acd.Connected(agent=AgentName(ref="PJSIP/3", agent_id=cleo.agent_id)))
    assert customer.state == "voice", "who talks now has no panel"


async def test_one_word_of_the_acd_may_mean_two_of_ours(split: Split) -> None:
    customer = await split.rig.customer()
    split.acd.say(customer.contact_id, acd.Queued(place=None), event_id="e1")
    split.acd.say(customer.contact_id, acd.Connected(), event_id="e1")
    await split.rig.rest()
    assert customer.state == "voice"


# ---------------------------------------------------------------- voice only


async def test_a_video_nobody_claims_is_told_and_may_be_claimed_later(split: Split) -> None:
    customer = await split.call()
    await split.rig.run(split.rig.settings.claim_timeout.total_seconds())
    assert customer.state == "voice"
    assert customer.leg.source == FromLegs(audio_leg_id=VOICE, video_leg_id="")
    anna = await split.rig.agent()
    assert await split.claim(anna, customer) is None
    await anna.connect()
    assert customer.state == "active"


async def test_an_agent_without_a_panel_is_a_call_by_voice(split: Split) -> None:
    customer = await split.call()
    await split.say(customer, acd.Connected(agent=AgentName(ref="PJSIP/9")))
    assert customer.state == "voice"
    assert customer.row.answered_at is not None


async def test_the_wait_before_an_answer_is_the_acds(split: Split) -> None:
    customer = await split.call(answered=False)
    await split.rig.run(split.rig.settings.max_wait.total_seconds() + 60)
    assert customer.state == "queued"


@pytest.mark.parametrize("how", ["closes it", "is lost", "does not connect"])
async def test_an_agent_who_loses_the_panel_leaves_the_customer_on_the_phone(split: Split, how: str) -> None:
    if how == "does not connect":
        customer, anna = await split.call(), await split.rig.agent()
        assert await split.claim(anna, customer) is None
        await split.rig.run(split.rig.settings.bridge_timeout.total_seconds())
    else:
        customer, anna = await split.in_call()
        if how == "closes it":
            await anna.ask(HangUp())
        else:
            await anna.go()
            await split.rig.run(split.rig.settings.agent_grace.total_seconds() + 1)
    assert customer.state == "voice"
    assert customer.leg.source == FromLegs(audio_leg_id=VOICE, video_leg_id="")
    assert split.voice_hears == FromLeg(leg_id=customer.leg.leg_id)
    assert not {"end", "cancel", "requeue"} & set(split.acd.words())
    assert anna.now.state in ("ready", "not_ready")


# ---------------------------------------------------------------- ends


async def test_a_call_that_ends_at_the_acd_with_the_video_claimed_has_after_call_work(split: Split) -> None:
    customer, anna = await split.in_call()
    await split.say(customer, acd.Ended(by=Party.AGENT), acd.Ended(by=Party.AGENT))
    assert customer.state == "wrap_up"
    await anna.wrap_up()
    assert customer.row.end_reason == "completed"
    assert names(customer).count("closed") == 1
    assert "end" not in split.acd.words()


@pytest.mark.parametrize(
    ("voice", "by", "reason"),
    [(True, Party.AGENT, "completed"), (False, Party.ACD, "withdrawn"), (False, Party.CUSTOMER, "left_queue")],
)
async def test_a_call_that_ends_at_the_acd_without_video_is_closed(
    split: Split, voice: bool, by: Party, reason: str
) -> None:
    customer = await split.call()
    if voice:
        await split.say(customer, acd.Connected())
    await split.say(customer, acd.Ended(by=by))
    assert customer.row.end_reason == reason
    assert names(customer).count("closed") == 1


@pytest.mark.parametrize("voice", [True, False])
async def test_a_customer_who_hangs_up_ends_the_phone_call_once(split: Split, voice: bool) -> None:
    customer = await split.call()
    if voice:
        await split.say(customer, acd.Connected())
    await customer.ask(HangUp())
    await split.say(customer, acd.Ended(by=Party.CUSTOMER))
    assert [word for word in split.acd.words() if word in ("end", "cancel")] == ["end" if voice else "cancel"]
    assert names(customer).count("closed") == 1


async def test_a_queue_of_the_acd_that_gives_up_closes_also_a_call_by_voice(split: Split) -> None:
    customer = await split.call()
    await split.rig.run(split.rig.settings.claim_timeout.total_seconds())
    await split.say(customer, acd.QueueExit(reason=ExitReason.TIMEOUT))
    assert customer.row.end_reason == "overflowed"


# ---------------------------------------------------------------- the recording


async def another_leg(split: Split, customer: Customer, leg_id: LegId, *, answered: bool = True) -> None:
    dial = DialVoice(leg_id=leg_id, call_id=customer.contact_id, to_uri="sip:101@example.net", trunk=TRUNK)
    await split.rig.media.execute(dial)
    await split.say(customer, acd.VoiceUp(leg_id=leg_id, answered=answered))


async def test_the_recording_is_told_of_the_call_that_carries_the_agents_voice(split: Split) -> None:
    customer = await split.call()
    assert split.rig.recording.told == [], "the ACD's music is nobody's to record"
    anna = await split.rig.agent()
    await split.claim(anna, customer)
    await anna.connect()
    ((_, order),) = split.rig.recording.told
    assert isinstance(order, RecordingOrder)
    assert (order.agent_leg, order.telephone_leg) == (anna.leg.leg_id, VOICE)


async def test_the_recording_follows_the_voice_into_another_call(split: Split) -> None:
    customer, anna = await split.in_call()
    await anna.ask(TransferContact(kind="queue", target="support"))
    await split.say(customer, acd.Transferred(queue="support"))
    second = LegId("lg_voice0002")
    await another_leg(split, customer, second, answered=False)
    await split.say(customer, acd.VoiceUp(leg_id=second, answered=True))
    told = [what for what in split.rig.recording.told if what[0] == "attach"]
    assert told == [("attach", customer.contact_id, second, "telephone")]
    assert split.rig.recording.words() == ["begin", "hold", "agent_lost", "attach"]
    ben = await split.rig.agent("ben")
    await split.claim(ben, customer)
    await ben.connect()
    order = split.rig.recording.told[-1][1]
    assert isinstance(order, RecordingOrder)
    assert (order.agent_leg, order.telephone_leg) == (ben.leg.leg_id, second)


async def test_before_an_agent_was_there_another_call_of_the_acd_is_not_the_recordings(split: Split) -> None:
    customer = await split.call(answered=False)
    await another_leg(split, customer, LegId("lg_voice0002"))
    assert split.rig.recording.told == []


# ---------------------------------------------------------------- transfers by the ACD


async def test_a_number_is_called_by_the_acd_and_the_voice_goes_there(split: Split) -> None:
    customer, anna = await split.in_call()
    await anna.ask(TransferContact(kind="number", target="100"))
    assert customer.state == "transferring"
    await split.say(customer, acd.Transferred(agent=AgentName(ref="PJSIP/2")))
    assert customer.state == "voice"
    assert anna.now.state == "ready"


async def test_a_transfer_the_acd_refuses_leaves_the_call_as_it_was(split: Split) -> None:
    customer, anna = await split.in_call()
    split.acd.fail_next = StateConflict("transfer_refused", "No.")
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert customer.state == "active"
    assert [event.reason for event in customer.events if event.name == "transfer_failed"] == ["transfer_refused"]


async def test_a_transfer_the_acd_says_nothing_more_of_ends_by_itself(split: Split) -> None:
    customer, anna = await split.in_call()
    await anna.ask(TransferContact(kind="number", target="1002"))
    await split.rig.run(split.rig.settings.transfer_timeout.total_seconds())
    assert customer.state == "active"
