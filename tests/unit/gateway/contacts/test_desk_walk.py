"""A contact from the click to the end, on fakes."""

from gateway.parties import HangUp
from media.port import Clip, FromLeg, Silence
from tests.support.desk_rig import DeskRig


async def test_a_contact_walks_from_the_click_to_the_end(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer(site="shop")
    assert maria.state == "in_menu"
    assert maria.leg.source == Clip(name="welcome")
    await maria.choose("1")
    assert maria.leg.source == Clip(name="hold", loop=True)
    assert maria.state == "offered"
    await rig.run(5)
    await anna.accept()
    assert maria.state == "bridging"
    await anna.connect()
    assert maria.state == anna.state == "active"
    assert maria.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert anna.leg.source == FromLeg(leg_id=maria.leg.leg_id)
    await rig.run(60)
    await maria.ask(HangUp())
    assert anna.now.state == "working_after_call"
    assert rig.media.legs == {}
    await rig.run(20)
    await anna.wrap_up("resolved", "All well")
    assert anna.now.state == "ready"
    assert rig.desk.live_contacts == 0
    assert rig.journal.states(maria.contact_id) == [
        "initiated",
        "in_menu",
        "queued",
        "offered",
        "bridging",
        "active",
        "wrap_up",
        "closed",
    ]
    row = maria.row
    assert (row.state, row.end_reason, row.disposition, row.notes) == ("closed", "completed", "resolved", "All well")
    assert (row.wait_s, row.talk_s, row.hold_s, row.wrap_up_s) == (5.0, 60.0, 0.0, 20.0)
    assert Silence() not in anna.rig.media.gone[0].sources
