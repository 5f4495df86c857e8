"""The claim that a desktop opens our panel with: who gets one, and when it is none."""

from collections.abc import Mapping

import pytest

from gateway.acd.events import Accepted
from gateway.acd.passes import PanelSeat
from gateway.acd.tasks.ports import Answer
from tests.support.task_rig import TaskRig


class FakePanels:
    """Claims that can be told apart by what they are for."""

    def claim(self, seat: PanelSeat, lasts_s: float) -> Mapping[str, object]:
        return {"url": f"https://video.test/#claim={seat.offer_id}", "token": seat.agent_id, "expires_s": int(lasts_s)}


async def test_who_accepts_at_the_desktop_gets_what_it_opens_our_panel_with() -> None:
    async with TaskRig(panels=FakePanels(), agents={"WK1": "ag_00000001"}) as rig:
        await rig.offer()
        await rig.tell("reserved", reservation="r1", agent="WK1")
        assert "panel" not in rig.caller.commands
        await rig.tell("accepted", reservation="r1", agent="WK1")
        sent = rig.caller.bodies[-1]
        assert (sent["command"], sent["agent"], sent["reservation"]) == ("panel", "WK1", "r1")
        offer_id = next(event.body.offer_id for event in rig.events if isinstance(event.body, Accepted))
        url = f"https://video.test/#claim={offer_id}"
        assert sent["claim"] == {"url": url, "token": "ag_00000001", "expires_s": 60}
        assert "claim=" not in str(rig.store.rows) + str(rig.store.open), "it is never in the records"


@pytest.mark.parametrize("since", [{"event": "transferred", "queue": "service"}, {"event": "ended"}])
async def test_a_claim_that_comes_too_late_to_be_sent_is_none(since: dict[str, str]) -> None:
    """The ACD was away; by then the task is in line again, or over."""
    async with TaskRig(panels=FakePanels(), agents={"WK1": "ag_00000001"}) as rig:
        await rig.offer()
        await rig.tell("reserved", reservation="r1", agent="WK1")
        rig.caller.usual = Answer(status=503, body=b"")
        await rig.tell("accepted", reservation="r1", agent="WK1")
        await rig.tell(**since)
        rig.caller.usual = Answer(status=200, body=b"{}")
        await rig.clock.run(2)
        assert [body["claim"]["url"] for body in rig.caller.bodies if body["command"] == "panel"][-1] == ""


async def test_without_a_desktop_no_claim_is_made(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", agent="WK1")
    assert "panel" not in rig.caller.commands
    assert not rig.acd.capabilities().opens_panels
