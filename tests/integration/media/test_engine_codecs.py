"""Legs that do not have the same picture codecs, over real sockets: what fits is used, what doesn't is told."""

import pytest

from media.port import Kind, LegVideoUnmatched
from tests.integration.media.engine_rig import Robot, Studio, studio
from tests.integration.media.transport_rig import until

SPS = b"\x67\x42\xe0\x1f"
"""How an H.264 key frame begins: read as the start of a picture, decoded by nobody here."""


def names(robot: Robot) -> list[str]:
    return [codec.name for codec in robot.sections[Kind.VIDEO].codecs]


def show(robot: Robot, number: int) -> None:
    """One picture, in the first codec that was agreed on, as a browser does."""
    section = robot.sections[Kind.VIDEO]
    codec = section.codecs[0]
    if codec.name == "VP8":
        robot.send(Kind.VIDEO, number, key=True)
        return
    robot.sequence[Kind.VIDEO] = sequence = (robot.sequence[Kind.VIDEO] + 1) & 0xFFFF
    packet = robot.packet(codec.payload_type, sequence, number * 1800, section.local_ssrc, SPS + b"#%d" % number)
    robot.send_rtp(packet)


def told(stage: Studio) -> dict[str, tuple[str, str, bool]]:
    events = [event for event in stage.events if isinstance(event, LegVideoUnmatched)]
    assert len(events) == len({event.leg_id for event in events})
    return {event.leg_id: (event.source_leg_id, event.codec, event.in_common) for event in events}


async def talk(customer: Robot, agent: Robot) -> None:
    """Pictures and sounds both ways, until both have heard ten."""
    for number in range(10):
        for robot in (customer, agent):
            show(robot, number)
            robot.send(Kind.AUDIO, number)
    for robot in (customer, agent):
        await until(lambda robot=robot: len(robot.numbers(Kind.AUDIO)) == 10, "the sounds came")


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_customer_with_one_codec_and_an_agent_with_both_see_each_other(codec: str) -> None:
    async with studio() as stage:
        customer = await stage.robot("lg_customer", codecs=codec)
        agent = await stage.robot("lg_agent")
        assert names(customer) == names(agent) == [codec]
        await stage.bridge(customer, agent)
        await talk(customer, agent)
        for robot in (customer, agent):
            await until(lambda robot=robot: len(robot.numbers(Kind.VIDEO)) == 10, "the pictures came")
        assert told(stage) == {}


async def test_legs_of_other_calls_change_no_answer() -> None:
    async with studio() as stage:
        await stage.robot("lg_other", codecs="H264", call_id="ct_2")
        assert names(await stage.robot("lg_customer")) == ["VP8", "H264"]


@pytest.mark.parametrize("workers", [0, 1], ids=["in this process", "in one of its own"])
async def test_with_nothing_in_common_both_hear_each_other_and_it_is_told_once_each(workers: int) -> None:
    async with studio(workers) as stage:
        customer = await stage.robot("lg_customer", codecs="H264")
        agent = await stage.robot("lg_agent", codecs="VP8")
        await stage.bridge(customer, agent)
        await talk(customer, agent)
        await until(lambda: len(told(stage)) == 2, "both were told of")
        assert told(stage) == {
            "lg_agent": ("lg_customer", "H264", False),
            "lg_customer": ("lg_agent", "VP8", False),
        }
        for robot in (customer, agent):
            assert robot.numbers(Kind.VIDEO) == []


async def test_a_first_leg_that_chose_another_codec_fits_with_its_next_generation() -> None:
    async with studio() as stage:
        customer = await stage.robot("lg_customer")
        agent = await stage.robot("lg_agent", codecs="H264")
        await stage.bridge(customer, agent)
        await talk(customer, agent)
        await until(lambda: len(told(stage)) == 1, "it was told of")
        assert told(stage) == {"lg_agent": ("lg_customer", "VP8", True)}
        again = await stage.robot("lg_again")
        assert names(again) == ["H264"]
        await stage.bridge(again, agent)
        show(again, 77)
        await until(lambda: agent.numbers(Kind.VIDEO) == [77], "the picture came")
