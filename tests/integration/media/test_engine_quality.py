"""How legs do, over real sockets: loss on one side's way is told of that side and of no other."""

from media.forward import rtcp
from media.port import Kind, LegQuality
from tests.integration.media.engine_rig import Robot, Studio, paced, studio
from tests.integration.media.transport_rig import until


def told(stage: Studio, leg_id: str) -> list[LegQuality]:
    return [event for event in stage.events if isinstance(event, LegQuality) and event.leg_id == leg_id]


async def test_loss_on_the_customers_way_up_is_the_customers_uplink_and_nobodys_downlink() -> None:
    """One video packet in five is lost for good on its way from the customer; sound and the agent's way are clean."""
    async with studio() as stage:
        customer, agent = await stage.call()

        def report(robot: Robot) -> None:
            """As a browser does: what it got, and what is missing in the numbers."""
            got = [sequence for sequence, _, _ in robot.received[Kind.VIDEO]]
            lost = (got[-1] - got[0]) % 0x10000 + 1 - len(set(got))
            block = rtcp.ReportBlock(next(iter(robot.ssrcs[Kind.VIDEO])), 0, lost, got[-1], 900, 0, 0)
            robot.send_rtcp(rtcp.receiver_report(1, [rtcp.block(block)]))

        def talk(number: int) -> None:
            customer.send(Kind.VIDEO, number, lost=number % 5 == 4)
            agent.send(Kind.VIDEO, number)
            for robot in (customer, agent):
                robot.send(Kind.AUDIO, number)
            if number % 50 == 49:
                report(customer)
                report(agent)

        await paced(260, talk, 0.02)
        await until(lambda: len(told(stage, "lg_customer")) >= 2, "the customer's leg was told of")
        await until(lambda: len(told(stage, "lg_agent")) >= 2, "the agent's leg was told of")
        up, other = told(stage, "lg_customer")[-1], told(stage, "lg_agent")[-1]
        assert 0.12 < up.uplink["video"].unrepaired < 0.28
        assert up.uplink["audio"].loss == 0.0
        assert other.uplink["video"].loss == 0.0
        assert other.downlink["video"].unrepaired < 0.06
        assert other.downlink["video"].jitter_ms == 10.0
        assert up.downlink["video"].unrepaired == 0.0
