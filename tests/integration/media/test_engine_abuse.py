"""A peer with valid keys that means harm: its packets are lost, nobody else's, and its leg still closes at once."""

import asyncio
import os
import struct
import time
from random import Random

import pytest

from media.forward import rtcp
from media.forward.leg import ForwardLimits
from media.port import CloseLeg, GetLegStats, Kind, LegClosed
from tests.integration.media.engine_rig import Robot, Studio, paced, studio
from tests.integration.media.transport_rig import until


async def still_talks(stage: Studio, victim: Robot, other: Robot) -> None:
    """The call of two others loses nothing while `act` goes on."""
    start = len(victim.numbers(Kind.AUDIO))
    await paced(20, lambda number: other.send(Kind.AUDIO, 1000 + number))
    await until(lambda: len(victim.numbers(Kind.AUDIO)) == start + 20, "the other call lost nothing")


async def closes_at_once(stage: Studio, robot: Robot) -> None:
    started = time.monotonic()
    await stage.engine.execute(CloseLeg(leg_id=robot.leg_id))
    assert time.monotonic() - started < 10
    assert stage.count("LegClosed", robot.leg_id) == 1


async def three(stage: Studio) -> tuple[Robot, Robot, Robot]:
    """A call of two, and a third whose leg is bridged with itself."""
    customer, agent = await stage.call()
    attacker = await stage.robot("lg_attacker")
    await stage.bridge(attacker, attacker)
    return customer, agent, attacker


async def test_junk_inside_srtp_costs_its_own_packet() -> None:
    async with studio() as stage:
        customer, agent, attacker = await three(stage)
        random = Random(5)
        seeds = [
            rtcp.sender_report(rtcp.SenderReport(1, 5 << 32, 6), 1, 1),
            rtcp.receiver_report(1, [rtcp.block(rtcp.ReportBlock(1, 1, 2, 3, 4, 5, 6))] * 31),
            rtcp.bitrate_estimate(1, 10**6, [1, 2, 3]),
            rtcp.description([1], "name"),
            rtcp.nack(1, 1, [1, 40, 80]),
        ]

        def attack(number: int) -> None:
            for _ in range(8):
                data = bytearray(random.choice(seeds))
                data[random.randrange(8, len(data))] = random.randrange(256)
                data[0] = 0x80 | random.randrange(64)
                data[2:4] = random.choice((data[2:4], b"\xff\xff", b"\0\0"))
                attacker.send_rtcp(bytes(data))
                packet = bytearray(
                    Robot.packet(random.randrange(128), number, number, random.randrange(5), os.urandom(60))
                )
                packet[0] = 0x80 | random.choice((0, 0x10, 0x20, 0x0F))
                attacker.send_rtp(bytes(packet))

        await asyncio.gather(paced(100, attack), still_talks(stage, customer, agent))
        await still_talks(stage, agent, customer)
        assert stage.engine.counters().dropped["malformed_rtcp"] > 0
        assert not attacker.closed
        await closes_at_once(stage, attacker)


@pytest.mark.parametrize("pattern", ["ssrcs", "timestamps", "jumps", "bombs", "rtx"])
async def test_a_hostile_stream_stays_bounded_and_closes_at_once(pattern: str) -> None:
    async with studio() as stage:
        customer, agent, attacker = await three(stage)
        audio, video = attacker.sections[Kind.AUDIO], attacker.sections[Kind.VIDEO]
        sound, picture = audio.codecs[0].payload_type, video.codecs[0].payload_type
        rtx = video.codecs[0].rtx_payload_type or 0
        bomb = b"\x10\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(1000)
        random = Random(3)

        def attack(number: int) -> None:
            match pattern:
                case "ssrcs":
                    packets = [Robot.packet(sound, 1, 1, 10_000 + number, b"x")]
                case "timestamps":
                    packets = [Robot.packet(sound, number, 0xFFFFFFFF * (number % 2), audio.local_ssrc, b"x")]
                case "jumps":
                    packets = [Robot.packet(sound, random.randrange(0x10000), number, audio.local_ssrc, b"x")]
                case "bombs":
                    packets = [Robot.packet(picture, number, number, video.local_ssrc, bomb)]
                case _:
                    packets = [Robot.packet(rtx, number, 1, video.local_rtx_ssrc, struct.pack("!H", number) + b"x")]
            for packet in packets:
                attacker.send_rtp(packet)

        await asyncio.gather(paced(300, attack, 0.001), still_talks(stage, customer, agent))
        await still_talks(stage, agent, customer)
        if pattern == "ssrcs":
            await until(lambda: stage.count("LegClosed", "lg_attacker") == 1, "the engine ended it")
            assert [e.reason for e in stage.events if isinstance(e, LegClosed)] == ["limit_streams"]
        else:
            await stage.engine.execute(GetLegStats(leg_id="lg_attacker"))
            await closes_at_once(stage, attacker)
        await still_talks(stage, customer, agent)


async def test_replayed_and_forged_srtp_is_dropped_and_counted() -> None:
    async with studio() as stage:
        customer, agent = await stage.call()
        seen: list[bytes] = []
        transmit = customer.link._transmit  # type: ignore[attr-defined]

        def spy(buffer: bytearray, size: int) -> int:
            seen.append(bytes(buffer[:size]))
            return transmit(buffer, size)

        customer.link._transmit = spy  # type: ignore[attr-defined]
        for number in range(10):
            customer.send(Kind.AUDIO, number)
        await until(lambda: 9 in agent.numbers(Kind.AUDIO), "the sound came")
        before = len(agent.received[Kind.AUDIO])
        for packet in seen:
            customer.peer.send_raw(packet)  # replayed
            customer.peer.send_raw(packet[:2] + b"\x01\x23" + packet[4:])  # forged: a number not seen yet
        customer.send(Kind.AUDIO, 10)
        await until(lambda: 10 in agent.numbers(Kind.AUDIO), "the stream goes on")
        assert len(agent.received[Kind.AUDIO]) == before + 1
        dropped = stage.engine.counters().dropped
        assert dropped["srtp_replay"] == 10
        assert dropped["srtp_auth"] == 10


async def test_over_the_bitrate_only_the_greedy_leg_loses() -> None:
    async with studio(limits=ForwardLimits(max_bitrate_bps=1_000_000)) as stage:
        customer, agent, attacker = await three(stage)
        ssrc, payload_type = attacker.sections[Kind.VIDEO].local_ssrc, attacker.codec(Kind.VIDEO)

        def attack(number: int) -> None:
            for part in range(10):
                attacker.send_rtp(Robot.packet(payload_type, number * 10 + part, number, ssrc, b"\x10\0" + bytes(1000)))

        await asyncio.gather(paced(40, attack, 0.005), still_talks(stage, customer, agent))
        assert stage.engine.counters().dropped["over_bitrate"] > 200
        await still_talks(stage, agent, customer)
