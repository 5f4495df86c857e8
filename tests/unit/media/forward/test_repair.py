"""Loss on either side of the gateway is repaired between the gateway and that side, within a round trip and a step."""

import random
import struct
from collections.abc import Callable

import pytest

from media.forward import rtcp
from media.forward.feedback import REPAIR_INTERVAL_S
from media.forward.leg import ForwardLeg
from media.port import Kind
from tests.support.impairment import Impairment, Lane
from tests.unit.media.forward.rig import VP8_DELTA, VP8_KEY, Rig, negotiated, parsed, rtp, section, video
from tests.unit.media.forward.simulated import Narrow

ONE_WAY_S = 0.04
ROUND_TRIP_S = 2 * ONE_WAY_S
PACKETS = 2000
EVERY_S = 0.005


class Uplink:
    """A sender behind a lossy way who answers NACKs by RTX, and what the listener gets of it, by number."""

    def __init__(self, how: Impairment) -> None:
        self.rig = Rig()
        rtx = {0xB0000002: 2}
        sections = (section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, ssrc=2, peer_rtx_ssrcs=rtx))
        self.leg, self.link, self.listener_link = self._bridge(sections)
        self.lane = Lane(how, random.Random(3))
        self.sent_s: dict[int, float] = {}
        self.got_s: dict[int, float] = {}
        self.repetitions = 0
        self._packets: dict[int, bytes] = {}
        self._read = 0
        self._hear()

    def _bridge(self, sections):
        a, b, a_link, b_link = self.rig.bridge(*sections)
        send = b_link.send_rtp

        def take(buffer: bytearray, length: int) -> int:
            if parsed(bytes(buffer[:12]))[1] == 96:
                self.got_s.setdefault(struct.unpack_from("!I", buffer, length - 4)[0], self.rig.loop.wall())
            return send(buffer, length)

        b.outgoing[Kind.VIDEO]._send = take
        return a, a_link, b_link

    def send(self, number: int) -> None:
        payload = (VP8_KEY if number == 0 else VP8_DELTA) + struct.pack("!I", number)
        self._packets[number & 0xFFFF] = packet = video(number, number * 450, payload)
        self.sent_s[number] = self.rig.loop.wall()
        self._up(packet)

    def _up(self, packet: bytes) -> None:
        now_s = self.rig.loop.wall()
        for out_s in self.lane.admit(len(packet), now_s):
            self.rig.loop.call_later(out_s - now_s, self.rig.receive, self.leg, packet)

    def _hear(self) -> None:
        while self._read < len(self.link.rtcp):
            compound = self.link.rtcp[self._read]
            self._read += 1
            for item in rtcp.parse(compound, len(compound)):
                if isinstance(item, rtcp.Nack):
                    self.rig.loop.call_later(ONE_WAY_S, self._answer, item)
        self.rig.loop.call_later(0.001, self._hear)

    def _answer(self, nack: rtcp.Nack) -> None:
        for sequence in nack.sequences:
            self.repetitions += 1
            original = self._packets[sequence]
            head = rtp(0xB0000002, self.repetitions, 0, b"", pt=97)
            self._up(head + original[2:4] + original[12:])


class Downlink:
    """A listener behind a lossy way who asks for each gap as it shows, and again each round trip."""

    def __init__(self, how: Impairment) -> None:
        self.rig = Rig()
        self.sender, _ = self.rig.leg("lg_sender")
        self.way = Narrow(self.rig.loop, how)
        self.listener = self.way.leg = self._listener()
        self.listener.take_from(self.sender, self.rig.loop.wall())
        self.sent_s: dict[int, float] = {}
        self.got_s: dict[int, float] = {}
        self._highest = -1
        self._came = 0
        self._missing: set[int] = set()
        self._hear()

    def _listener(self) -> ForwardLeg:
        leg = ForwardLeg(
            "lg_listener",
            emit=self.rig.events.append,
            timers=self.rig.timers,
            drops=self.rig.drops,
            limits=self.rig.limits,
            random=self.rig.random,
            scratch=self.rig.scratch,
        )
        leg.open(self.way, negotiated(section(Kind.AUDIO, ssrc=11), section(Kind.VIDEO, ssrc=12)))
        leg.on_connected(self.rig.loop.wall())
        return leg

    def send(self, number: int) -> None:
        payload = (VP8_KEY if number == 0 else VP8_DELTA) + struct.pack("!I", number)
        self.sent_s[number] = self.rig.loop.wall()
        self.rig.receive(self.sender, video(number, number * 450, payload))

    def _hear(self) -> None:
        while self._came < len(self.way.came):
            at_s, packet = self.way.came[self._came]
            self._came += 1
            if parsed(packet)[4] != 0xA0000001:
                continue
            sequence = parsed(packet)[2]
            self.got_s.setdefault(struct.unpack_from("!I", packet, len(packet) - 4)[0], at_s)
            self._missing.discard(sequence)
            if sequence > self._highest:
                lost = [] if self._highest < 0 else range(self._highest + 1, sequence)
                self._highest = sequence
                for each in lost:
                    self._missing.add(each)
                    self._ask(each)
        self.rig.loop.call_later(0.001, self._hear)

    def _ask(self, sequence: int) -> None:
        if sequence in self._missing:
            self.rig.loop.call_later(
                ONE_WAY_S, self.rig.receive_rtcp, self.listener, rtcp.nack(7, 0xA0000001, [sequence])
            )
            self.rig.loop.call_later(1.3 * ROUND_TRIP_S, self._ask, sequence)


def late(world: "Uplink | Downlink") -> list[float]:
    """How long after its time each packet came that did not come by itself, in order of these times."""
    for number in range(PACKETS):
        world.send(number)
        world.rig.loop.advance(EVERY_S)
    world.rig.loop.advance(2)
    delays = sorted(world.got_s[n] - world.sent_s[n] - ONE_WAY_S for n in world.got_s if n)
    return [delay for delay in delays if delay > 0.003]


@pytest.mark.parametrize("side", [Uplink, Downlink], ids=["uplink", "downlink"])
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.15])
def test_what_is_lost_comes_within_a_round_trip_and_a_step(side: Callable[[Impairment], Uplink], loss: float) -> None:
    world = side(Impairment(delay_ms=ONE_WAY_S * 1000, loss=loss))
    repaired = late(world)
    assert len(world.got_s) >= 0.999 * PACKETS
    assert len(repaired) >= 0.7 * loss * PACKETS
    once = ROUND_TRIP_S + REPAIR_INTERVAL_S + 2 * EVERY_S
    assert repaired[int(len(repaired) * (0.95 - loss))] <= once  # the others were lost again
    assert repaired[-1] < 1.0


def test_reordering_is_repaired_by_waiting() -> None:
    world = Uplink(Impairment(delay_ms=40, reorder=0.1, reorder_ms=12))
    late(world)
    assert len(world.got_s) == PACKETS
    assert world.repetitions <= 0.01 * PACKETS
