"""A sender, the gateway's real legs and a listener behind a narrow way, in virtual time.

`Narrow` carries packets through a `Lane` (delay, rate with a queue, loss); the listener there counts arrivals and tells
of them as a browser does, every 50 ms. The sender makes fifteen pictures a second of what it was last told by REMB, and
fifty sounds.
"""

import random
import struct

from media.forward import rtcp, twcc
from media.forward.arrivals import Arrivals
from media.forward.delivery import Delivery
from media.forward.leg import ForwardLeg
from media.port import Kind, LegVideoPaused, LegVideoResumed
from media.sdp.description import EXT_MID, EXT_TRANSPORT_NUMBER, Section
from tests.support.impairment import Impairment, Lane
from tests.unit.media.forward.rig import VP8_DELTA, VP8_KEY, FakeLink, FakeLoop, Rig, negotiated, parsed, section

EXTENSIONS = {EXT_TRANSPORT_NUMBER: 3, EXT_MID: 4}
MOST_BPS = 2_500_000
FRAMES_PER_S = 15
SOUND_BYTES = 80
REACTION_S = 0.1


def numbered(kind: Kind, ssrc: int) -> Section:
    return section(kind, ssrc=ssrc, extensions=dict(EXTENSIONS), local_rtx_ssrc=0xB0000000 + ssrc)


class Narrow(FakeLink):
    """The way to the listener, and the listener."""

    def __init__(self, loop: FakeLoop, how: Impairment) -> None:
        super().__init__()
        self.lane = Lane(how, random.Random(5))
        self.came: list[tuple[float, bytes]] = []
        self.longest_s = 0.0
        """Of the delays since it was last set to 0."""
        self.leg: ForwardLeg
        self._loop = loop
        self._arrivals = Arrivals(3, self._tell)
        self._poll()

    def send_rtp(self, buffer: bytearray, length: int) -> int:
        self._carry(bytes(buffer[:length]))
        return length

    def send_protected(self, ciphertext: bytes) -> None:
        self.protected.append(ciphertext)
        self._carry(ciphertext)

    def _carry(self, packet: bytes) -> None:
        sent_s = self._loop.wall()
        for out_s in self.lane.admit(len(packet) + 10, sent_s):
            self._loop.call_later(out_s - sent_s, self._arrive, packet, sent_s)

    def _arrive(self, packet: bytes, sent_s: float) -> None:
        self.longest_s = max(self.longest_s, self._loop.wall() - sent_s)
        self.came.append((self._loop.wall(), packet))
        self._arrivals.note(bytearray(packet) + bytes(30), len(packet), self._loop.wall() + 4321.0)

    def _poll(self) -> None:
        self._arrivals.flush(self._loop.wall() + 4321.0)
        self._loop.call_later(0.05, self._poll)

    def _tell(self, base: int, arrivals_s: list[float | None], count: int) -> int:
        packet, told = twcc.write(7, 8, base, arrivals_s, count)
        self._loop.call_later(0.02, self._hand_back, packet)
        return told

    def _hand_back(self, packet: bytes) -> None:
        buffer = bytearray(packet)
        self.leg.on_rtcp(buffer, len(packet), self._loop.wall())

    def rate_bps(self, since_s: float) -> float:
        """Of what came since then, pictures and sound."""
        elapsed_s = self._loop.wall() - since_s
        return sum(len(packet) for at_s, packet in self.came if at_s >= since_s) * 8 / elapsed_s


class World:
    """A bridge from a sender that follows what it is told to a listener behind a narrow way."""

    def __init__(self, how: Impairment | None = None, *, wants_bps: int = 1_500_000) -> None:
        self.rig = Rig(max_bitrate_bps=MOST_BPS)
        self.loop = self.rig.loop
        self.wants_bps = wants_bps
        self.cap_bps = MOST_BPS
        self.key_frames = 0
        sections = (numbered(Kind.AUDIO, 1), numbered(Kind.VIDEO, 2))
        self.sender, self.sender_link = self.rig.leg("lg_sender", *sections)
        self.way = Narrow(self.loop, how or Impairment(delay_ms=20))
        self.listener = self.way.leg = ForwardLeg(
            "lg_listener",
            emit=self.rig.events.append,
            timers=self.rig.timers,
            drops=self.rig.drops,
            limits=self.rig.limits,
            random=self.rig.random,
            scratch=self.rig.scratch,
        )
        self.listener.open(self.way, negotiated(numbered(Kind.AUDIO, 11), numbered(Kind.VIDEO, 12)))
        self.listener.on_connected(self.loop.wall())
        self.listener.take_from(self.sender, self.loop.wall())
        self._sequence = {1: 0, 2: 0}
        self._wants_key_frame = True
        self._read = 0
        self._hear()
        self._picture()
        self._sound()

    @property
    def delivery(self) -> Delivery:
        delivery = self.listener.control.delivery
        if delivery is None:
            raise AssertionError("transport-wide feedback was agreed on")
        return delivery

    @property
    def told_bps(self) -> int:
        return self.delivery.told_bps

    def run(self, seconds: float) -> None:
        self.loop.advance(seconds)

    def sequences(self, ssrc: int) -> list[int]:
        return [parsed(packet)[2] for _, packet in self.way.came if parsed(packet)[4] == ssrc]

    def pauses(self) -> list[type]:
        """Pauses of the picture and their ends, as told to the house."""
        return [type(event) for event in self.rig.events if isinstance(event, LegVideoPaused | LegVideoResumed)]

    def _hear(self) -> None:
        """What the sender is told takes effect a moment later."""
        while self._read < len(self.sender_link.rtcp):
            packet = self.sender_link.rtcp[self._read]
            self._read += 1
            for item in rtcp.parse(packet, len(packet)):
                if isinstance(item, rtcp.Remb):
                    self.loop.call_later(REACTION_S, self._cap, item.bitrate_bps)
                elif isinstance(item, rtcp.KeyFrameRequest):
                    self.key_frames += 1
                    self._wants_key_frame = True
        self.loop.call_later(0.02, self._hear)

    def _cap(self, bitrate_bps: int) -> None:
        self.cap_bps = bitrate_bps

    def _picture(self) -> None:
        rate_bps = max(30_000, min(self.wants_bps, self.cap_bps - 50_000))
        size = rate_bps // 8 // FRAMES_PER_S
        payload = VP8_DELTA
        if self._wants_key_frame:
            size, payload, self._wants_key_frame = 3 * size, VP8_KEY, False
        for at in range(0, max(1, size), 1100):
            part = min(1100, max(50, size - at))
            self._send(2, 96, payload + bytes(max(0, part - len(payload))))
            payload = b"\x00\x55"
        self.loop.call_later(1 / FRAMES_PER_S, self._picture)

    def _sound(self) -> None:
        self._send(1, 111, bytes(SOUND_BYTES))
        self.loop.call_later(0.02, self._sound)

    def _send(self, ssrc: int, payload_type: int, payload: bytes) -> None:
        self._sequence[ssrc] = sequence = self._sequence[ssrc] + 1 & 0xFFFF
        stamp = int(self.loop.now_s * 48000) & 0xFFFFFFFF
        head = struct.pack("!BBHIIHH", 0x90, payload_type, sequence, stamp, ssrc, 0xBEDE, 1)
        self.rig.receive(self.sender, head + b"\x31\x00\x00\x00" + payload)
