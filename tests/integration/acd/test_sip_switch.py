"""Call mode against sipp: what a switch may do with a call, and what becomes of the contact."""

import pytest

from gateway.acd.events import (
    AcdRef,
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Held,
    Offered,
    Party,
    Queued,
    QueueExit,
    Resumed,
    TargetKind,
    TransferMode,
    Transferred,
    TransferTarget,
    VoiceUp,
)
from gateway.base.ids import AgentId
from media.port import VoiceProgress
from tests.integration.acd.sip_rig import Center, center, lossy
from tests.integration.media.transport_rig import until
from tests.support.sip_peer import SipPeer, sip_peer
from tests.support.sipp import (
    answer,
    ask,
    hang_up,
    hear,
    hear_answer,
    hung_up,
    pause,
    refuse,
    say,
    say_to_invite,
    say_within,
    sdp,
    sipp,
)

AGENT = AgentId("ag_00000001")


async def test_a_queue_that_plays_an_announcement_answers_and_hangs_up() -> None:
    steps = [
        hear(
            "INVITE",
            match=[("User-to-User", "^ *374b335130303031;encoding=hex *$"), ("X-Video-Menu", "Facturaci%C3%B3n")],
        ),
        say(100),
        say(180),
        say(183, sdp_body=sdp()),
        pause(0.2),
        say(200, sdp_body=sdp(), repeat=True),
        hear("ACK"),
        pause(1.5),  # it is claimed by then
        *hang_up(),
    ]
    async with sipp(steps) as switch, center([switch.port]) as here:
        ref = await here.offer()
        await here.tells(VoiceUp, 2)
        await here.acd.claimed(ref, AGENT)
        await here.tells(Ended)
        leg = here.told[1].leg_id  # type: ignore[union-attr]
        assert here.told == [
            Offered(),
            VoiceUp(leg_id=leg, answered=False),
            VoiceUp(leg_id=leg, answered=True),
            Queued(place=None),
            Ended(by=Party.ACD),
        ]
        await switch.done()
        await here.at_rest()


async def test_a_broken_trunk_leads_to_the_next_and_its_busy_queue_is_the_answer() -> None:
    async with sipp(refuse(503)) as first, sipp(refuse(486)) as second, center([first.port, second.port]) as here:
        await here.offer()
        assert await here.tells(QueueExit) == QueueExit(reason=ExitReason.FULL)
        await first.done()
        await second.done()
        counts = here.acd.figures().counts
        assert dict(counts.outcomes) == {("t1", 503): 1, ("t2", 486): 1}
        assert here.events[-1].raw["sip_status"] == "486"


@pytest.mark.parametrize(("status", "reason"), [(480, ExitReason.EMPTY), (603, ExitReason.REFUSED)])
async def test_the_queues_own_refusal_is_the_end(status: int, reason: ExitReason) -> None:
    async with (
        sipp(refuse(status, ("Reason", 'Q.850;cause=20;text="Subscriber absent"'))) as switch,
        center([switch.port]) as here,
    ):
        await here.offer()
        assert await here.tells(QueueExit) == QueueExit(reason=reason)
        await switch.done()
        await here.at_rest()


async def test_a_proxy_that_asks_for_a_password_is_given_the_proof() -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="pbx", nonce="a1b2c3d4", algorithm=MD5')
    steps = [
        *refuse(407, challenge),
        hear("INVITE", match=[("Proxy-Authorization", "username=.video.")], digest=("video", "secret")),
        say(200, sdp_body=sdp(), repeat=True),
        hear("ACK"),
        *hung_up(),
    ]
    async with sipp(steps) as switch, center([switch.port], trunk={"user": "video", "password": "secret"}) as here:
        ref = await here.offer()
        await here.tells(VoiceUp)
        await here.acd.end(ref, "agent_ended")
        await switch.done()
        await here.at_rest()


async def test_a_wrong_password_is_a_failure_and_not_a_loop() -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="pbx", nonce="a1b2c3d4", algorithm=MD5')
    async with (
        sipp([*refuse(407, challenge), *refuse(407, challenge)]) as switch,
        center([switch.port], trunk={"user": "video", "password": "wrong"}) as here,
    ):
        await here.offer()
        assert await here.tells(QueueExit) == QueueExit(reason=ExitReason.FAILED)
        await switch.done()


async def test_a_redirection_is_followed_once_to_a_number_of_the_list() -> None:
    async with sipp(refuse(302, ("Contact", "<sip:7077@192.0.2.9>")), calls=2) as switch, center([switch.port]) as here:
        await here.offer()
        assert await here.tells(QueueExit) == QueueExit(reason=ExitReason.REFUSED)
        await switch.done()
        assert here.acd.figures().counts.dialled["t1"] == 2
        assert "INVITE sip:7077@127.0.0.1" in switch.said()


async def test_a_redirection_to_a_number_that_costs_money_is_not_followed() -> None:
    async with (
        sipp(refuse(302, ("Contact", "<sip:0900123456@127.0.0.1>")), calls=1) as switch,
        center([switch.port]) as here,
    ):
        await here.offer()
        assert await here.tells(QueueExit) == QueueExit(reason=ExitReason.REFUSED)
        await switch.done()
        assert here.acd.figures().counts.dialled["t1"] == 1


async def test_hold_and_resume_by_the_switch_are_told() -> None:
    steps = [
        *answer(),
        pause(1.5),  # it is claimed by then
        ask("INVITE", sequence=101, body=sdp("sendonly", 2)),
        hear_answer(100, optional=True),
        hear_answer(200),
        ask("ACK", sequence=101),
        pause(0.3),
        ask("INVITE", sequence=102, body=sdp("sendrecv", 3)),
        hear_answer(100, optional=True),
        hear_answer(200),
        ask("ACK", sequence=102),
        *hung_up(),
    ]
    async with sipp(steps) as switch, center([switch.port]) as here:
        ref = await here.offer()
        await here.tells(VoiceUp)
        await here.acd.claimed(ref, AGENT)
        await here.tells(Resumed)
        assert [body for body in here.told if isinstance(body, Held | Resumed)] == [
            Held(by=Party.AGENT),
            Resumed(by=Party.AGENT),
        ]
        await here.acd.end(ref, "customer_left")
        await switch.done()


async def test_our_hold_is_a_re_invite() -> None:
    async with sip_peer() as peer, center([peer.port]) as here:
        ref = await here.offer()
        await here.tells(VoiceUp)
        call = await peer.call(1)

        def directions() -> list[str]:
            return [
                "hold" if "a=sendonly" in each.body else "talk"
                for each in call.requests[1:]
                if each.method == "INVITE" and "tag=" in each.one("To")
            ]

        await here.acd.hold(ref)
        await until(lambda: "hold" in directions(), "the switch is put on hold")
        await here.acd.resume(ref)
        await until(lambda: directions()[-1:] == ["talk"], "and taken back")
        await here.acd.end(ref, "customer_left")
        await until(lambda: call.has("BYE"), "and hung up")


async def test_an_update_names_the_agent_where_the_operator_says_so() -> None:
    steps = [
        *answer(),
        pause(0.2),
        ask("UPDATE", sequence=101, headers=[("P-Asserted-Identity", '"Ana" <sip:1001@pbx>')]),
        hear_answer(200),
        pause(0.2),
        ask("UPDATE", sequence=102, headers=[("P-Asserted-Identity", '"Luc" <sip:1002@pbx>')]),
        hear_answer(200),
        *hung_up(),
    ]
    async with sipp(steps) as switch, center([switch.port], identity_is_agent=True) as here:
        ref = await here.offer()
        assert await here.tells(Connected) == Connected(agent=AgentName(ref="1001"))
        assert await here.tells(Transferred) == Transferred(agent=AgentName(ref="1002"))
        await here.acd.end(ref, "customer_left")
        await switch.done()


def notify(sequence: int, line: str, state: str) -> list[str]:
    return [
        ask(
            "NOTIFY",
            sequence=sequence,
            body=f"SIP/2.0 {line}\n",
            kind="message/sipfrag;version=2.0",
            headers=[("Event", "refer"), ("Subscription-State", state)],
        ),
        hear_answer(200),
    ]


async def test_a_refer_that_is_carried_out_is_a_transfer() -> None:
    steps = [
        *answer(),
        hear("REFER", match=[("Refer-To", "sip:7005@127.0.0.1")]),
        say_within(202),
        *notify(101, "100 Trying", "active;expires=60"),
        *notify(102, "200 OK", "terminated;reason=noresource"),
        *hung_up(),
    ]
    async with sipp(steps) as switch, center([switch.port], transfer="refer") as here:
        ref = await here.offer()
        await here.tells(VoiceUp)
        await here.acd.claimed(ref, AGENT)
        await here.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="sales"))
        assert await here.tells(Ended) == Ended(by=Party.ACD, reason="transfer")
        assert here.told[-2] == Transferred(queue="sales")
        await switch.done()
        await here.at_rest()


# ---------------------------------------------------------------- races and bad networks


async def ringing(here: Center) -> AcdRef:
    ref = await here.offer()
    await until(lambda: any(isinstance(event, VoiceProgress) for event in here.stage.events), "it rings")
    return ref


async def test_a_customer_who_leaves_while_it_rings_is_cancelled() -> None:
    steps = [hear("INVITE"), say(180), hear("CANCEL"), say(200), say_to_invite(487), hear("ACK")]
    async with sipp(steps) as switch, center([switch.port]) as here:
        await here.acd.cancel(await ringing(here), "abandoned")
        await switch.done()
        await here.at_rest()
        assert here.told == [Offered()]


async def test_an_answer_that_crosses_our_cancel_is_taken_and_hung_up() -> None:
    """RFC 3261 §9.1: a CANCEL that comes after the final answer has no effect, so a BYE must follow."""
    steps = [
        hear("INVITE"),
        say(180),
        hear("CANCEL"),
        say(200),
        say_to_invite(200, sdp_body=sdp()),
        hear("ACK"),
        *hung_up(),
    ]
    async with sipp(steps) as switch, center([switch.port]) as here:
        await here.acd.cancel(await ringing(here), "abandoned")
        await switch.done()
        await here.at_rest()
        assert here.told == [Offered()]


async def test_two_byes_that_cross_are_one_end() -> None:
    steps = [*answer(), hear("BYE"), ask("BYE", sequence=101, repeat=False), say_within(200), pause(0.1)]
    async with sipp(steps) as switch, center([switch.port]) as here:
        ref = await here.offer()
        await here.tells(VoiceUp)
        await here.acd.end(ref, "customer_left")
        await switch.heard("BYE", 1)
        await here.at_rest()
        assert not [body for body in here.told if isinstance(body, Ended | QueueExit)]


async def test_an_answer_that_comes_again_is_acknowledged_again_and_told_once() -> None:
    """RFC 3261 §13.2.2.4: the ACK may be lost, so there is one for every 200."""
    async with sip_peer(lambda call: None) as peer, center([peer.port]) as here:
        await here.offer()
        call = await peer.call(1)
        for _ in range(3):
            call.progress(183, "Session Progress", sound=True)
        await here.tells(VoiceUp)
        call.answer()
        await here.tells(Queued)
        await until(lambda: acknowledged(peer) == 1, "the answer is acknowledged")
        call.answer()
        await until(lambda: acknowledged(peer) == 2, "and once more")
        call.bye()
        await here.tells(QueueExit)
        assert [type(body) for body in here.told] == [Offered, VoiceUp, VoiceUp, Queued, QueueExit]


def acknowledged(peer: SipPeer) -> int:
    return sum(each.method == "ACK" for each in peer.heard)


MALFORMED = (
    "SIP/2.0 200 OK",
    "SIP/2.0 999999 ?\r\nVia: x\r\nCSeq: nonsense\r\nContent-Length: 99999\r\n\r\n",
    "INVITE INVITE INVITE\r\nVia: \r\nContent-Length: -1\r\n\r\n",
    "SIP/2.0 183 \x00\x7f%s%n\r\nCSeq: 99999999999999999999 INVITE\r\n\r\n",
    "\r\n\r\n" * 50,
    "A" * 60_000,
)


async def test_what_is_no_answer_is_passed_over() -> None:
    async with sip_peer(lambda call: None) as peer, center([peer.port]) as here:
        await here.offer()
        call = await peer.call(1)
        for text in MALFORMED:
            peer.say(text, call.remote)
        call.reply(call.invite, 183, "Session Progress", body="v=0\r\nm=audio 99999999 RTP/AVP 8\r\na=\x7f%s%n\r\n")
        call.refuse(486, "Busy\tHere")
        assert await here.tells(QueueExit) == QueueExit(reason=ExitReason.FULL)
        await here.at_rest()


async def test_lost_datagrams_are_sent_again() -> None:
    """RFC 3261 §17.1.1.2: over UDP a request is repeated until something comes back; §13.3.1.4: so is the 200."""
    async with (
        sipp([*answer(), *hung_up()]) as switch,
        lossy(switch.port, lost_up=(0, 1, 3), lost_down=(0, 2)) as way,
        center([way.port]) as here,
    ):
        ref = await here.offer()
        await here.tells(VoiceUp)
        await switch.heard("ACK", 1)
        await here.acd.end(ref, "customer_left")
        await switch.done()
        assert way.lost >= 4


async def test_a_switch_that_says_nothing_is_left_for_the_next() -> None:
    async with (
        sipp([hear("INVITE"), pause(30)]) as dead,
        sipp(refuse(486)) as second,
        center([dead.port, second.port], progress_timeout=1) as here,
    ):
        await here.offer()
        assert await here.tells(QueueExit) == QueueExit(reason=ExitReason.FULL)
        await second.done()


async def test_a_switch_is_called_over_tcp() -> None:
    async with (
        sipp([*answer(), *hung_up()], transport="t1") as switch,
        center([switch.port], trunk={"transport": "tcp"}) as here,
    ):
        ref = await here.offer()
        await here.tells(VoiceUp)
        await here.acd.end(ref, "customer_left")
        await switch.done()
