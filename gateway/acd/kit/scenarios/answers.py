"""What comes of an offer: accepted, declined, not answered, accepted and then no pictures."""

from gateway.acd.events import Accepted, Connected, NoAnswer, Rejected, Reserved
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Room
from gateway.acd.kit.scenario import acd_gives_up, rings, scenario, we_answer, we_give_up
from gateway.acd.kit.stand import Act
from gateway.acd.port import AcdMode, DeclineReason
from gateway.base.ids import OfferId


@scenario(when=(we_answer,))
async def declined_in_the_panel(room: Room) -> None:
    """The agent declines: the contact is in line again and rings at another agent, as another offer."""
    call = await room.enter()
    await room.ready(room.anna)
    first = await call.rings()
    await call.decline(first, DeclineReason.DECLINED)
    await room.ready(room.ben)
    second = await call.rings()
    if second.offer_id == first.offer_id:
        raise Missed("the second offer has the id of the first")
    await call.accept(second)
    await call.media(True)


@scenario(Act.REJECT, when=(rings,))
async def rejected_at_the_acd(room: Room) -> None:
    """The agent declines at the ACD's desktop or phone: told with the offer it is of, then the next one rings."""
    call = await room.enter()
    await room.ready(room.anna)
    first = await call.rings()
    await room.do(Act.REJECT, call, first.agent_id)
    told = await call.says(Rejected)
    if told.offer_id != first.offer_id:
        raise Missed("the rejection names another offer")
    await room.ready(room.ben)
    await call.connect()


@scenario(Act.RING_OUT, when=(rings, acd_gives_up))
async def nobody_answers(room: Room) -> None:
    """RONA by the ACD: told with the offer it is of, then the next one rings."""
    call = await room.enter()
    await room.ready(room.anna)
    first = await call.rings()
    await room.do(Act.RING_OUT, call, first.agent_id)
    told = await call.says(NoAnswer)
    if told.offer_id != first.offer_id:
        raise Missed("the end of ringing names another offer")
    await room.ready(room.ben)
    await call.connect()


@scenario(when=(we_answer, we_give_up))
async def we_stop_the_ringing(room: Room) -> None:
    """RONA by the gateway: the contact is the next one's, not the same agent's again."""
    call = await room.enter()
    await room.ready(room.anna)
    first = await call.rings()
    await call.decline(first, DeclineReason.NO_ANSWER)
    await room.quiet()
    if call.rung() is not None:
        raise Missed("it rang again though nobody was ready")
    await room.ready(room.ben)
    second = await call.rings()
    if second.agent_id != room.ben:
        raise Missed("it rang at the agent who had not answered")


@scenario(when=(we_answer,))
async def answer_to_another_offer(room: Room) -> None:
    """Accepting or declining an offer that is not this one changes nothing."""
    call = await room.enter()
    await room.ready(room.anna)
    reserved = await call.rings()
    stale = OfferId("of_stale0000")
    await room.ask("accept", call.contact_id, lambda: room.port.accept(call.ref, stale), offer_id=stale)
    declined = DeclineReason.DECLINED
    await room.ask("decline", call.contact_id, lambda: room.port.decline(call.ref, stale, declined), offer_id=stale)
    await room.quiet()
    if call.rung() != reserved:
        raise Missed("the offer that rings was changed by the answer to another one")
    await call.accept(reserved)
    await call.media(True)


@scenario(Act.ANSWER, when=(rings,))
async def accepted_at_the_acd(room: Room) -> None:
    """The agent takes it at the ACD's desktop or phone."""
    call = await room.enter()
    await room.ready(room.anna)
    reserved = await call.rings()
    await room.do(Act.ANSWER, call, reserved.agent_id)
    if room.can.mode is AcdMode.CALL:
        await call.says(Connected)
        await call.claim(reserved.agent_id or room.anna)
        return
    taken = await call.says(Accepted)
    if taken.offer_id != reserved.offer_id:
        raise Missed("the acceptance names another offer")
    await call.media(True)


@scenario(when=(we_answer,))
async def accepted_but_no_pictures(room: Room) -> None:
    """The media does not come up: the contact is in line again and is offered anew."""
    call = await room.enter()
    await room.ready(room.anna)
    first = await call.rings()
    await call.accept(first)
    await call.media(False)
    await room.not_ready(room.anna)
    await room.ready(room.ben)
    second = await call.rings()
    if second.offer_id == first.offer_id:
        raise Missed("the second offer has the id of the first")


@scenario(when=(we_answer,))
async def accepted_twice(room: Room) -> None:
    """A repeated acceptance and a repeated confirmation are no error and change nothing."""
    call = await room.enter()
    await room.ready(room.anna, room.ben)
    reserved = await call.rings()
    await call.accept(reserved)
    await call.accept(reserved)
    await call.media(True)
    await call.media(True)
    await room.quiet()
    if len(call.bodies(Reserved)) != 1:
        raise Missed("it was offered again though it was accepted")
