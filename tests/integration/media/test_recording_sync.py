"""Sound and picture of each side, and both sides, in the finished file: a flash and a beep at every second, from two
browsers with clocks of their own, over a network with delay and jitter, through SRTP, the engine, the capture and the
finaliser, decoded again.

The truth is this machine's clock at the moment a robot shows its flash. What the network's shortest way takes is part
of what is measured: a recorder can't know it, so it is kept small against the promise.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.engine import EngineSettings, InProcessEngine
from media.forward import rtcp
from media.port import Kind, OpenLeg, RecordLeg, StartRecording, StopRecording
from media.recording.finalise import finalise
from media.sdp.description import Section
from media.transport.client import ClientPeer
from media.transport.link import BUFFER_BYTES, Link
from tests.integration.media.engine_rig import Robot
from tests.support.captures import Encoded, audio, decode, video
from tests.support.impairment import Impairment, ImpairmentRelay

TALK_S = 8.0
BRIGHT, LOUD = 120.0, 0.02
FRAME_S = 1 / 15
ENCODE_S = 0.030
"""Between the moment a picture shows and its packets being sent."""


@dataclass(frozen=True)
class Person:
    """One side: how its clock runs, when its sender reports begin, and its way to us."""

    role: str
    up: Impairment
    ntp_offset_s: float
    drift: float = 0.0
    reports_after_s: float = 0.0
    starts_s: float = 0.0


class Talker:
    """A browser that shows a flash and plays a beep at every full second of its own clock."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.link: Link
        self.peer: ClientPeer
        self.sections: dict[Kind, Section] = {}
        self.late_s = 0.0
        """The most by which this machine let a packet be sent too late: what came of that is not the recording's."""
        self._sequence = dict.fromkeys(Kind, 100)
        self._buffer = bytearray(BUFFER_BYTES)

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None: ...

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None: ...

    def on_connected(self, at_s: float) -> None: ...

    def on_silent(self, at_s: float) -> None: ...

    def on_heard(self, at_s: float) -> None: ...

    def on_closed(self, reason: str, at_s: float) -> None: ...

    async def join(self, engine: InProcessEngine, relay: ImpairmentRelay) -> None:
        self.peer = await ClientPeer.open(self)
        answer = await engine.execute(OpenLeg(leg_id=f"lg_{self.person.role}", sdp_offer=self.peer.create_offer()))
        path = relay.open_path(self.person.role, up=self.person.up)
        self.link, negotiated = await self.peer.set_answer(path.steer(answer.sdp_answer))
        self.sections = {section.kind: section for section in negotiated.sections}
        await self.peer.connected(30)

    async def talk(self, start_s: float) -> None:
        """Send `TALK_S` of it; its media time 0 is at `start_s` (`time.time()`) later by its `starts_s`."""
        sound = [(frame.media_s, Kind.AUDIO, frame) for frame in audio(TALK_S)]
        picture = [(frame.media_s + ENCODE_S, Kind.VIDEO, frame) for frame in video("VP8", TALK_S)]
        next_report_s = self.person.reports_after_s
        for due_s, kind, frame in sorted(sound + picture, key=lambda item: item[0]):
            at_s = start_s + self.person.starts_s + due_s / (1 + self.person.drift)
            await asyncio.sleep(max(0.0, at_s - time.time()))
            self.late_s = max(self.late_s, time.time() - at_s)
            self._send(kind, frame)
            if due_s >= next_report_s:
                next_report_s += 0.9
                self._report(start_s)

    def _send(self, kind: Kind, frame: Encoded) -> None:
        section = self.sections[kind]
        codec = section.codecs[0]
        for index, payload in enumerate(frame.payloads):
            self._sequence[kind] += 1
            marker = 0x80 if index == len(frame.payloads) - 1 else 0
            stamp = round(frame.media_s * codec.clock_rate_hz)
            packet = Robot.packet(codec.payload_type | marker, self._sequence[kind], stamp, section.local_ssrc, payload)
            self._buffer[: len(packet)] = packet
            self.link.send_rtp(self._buffer, len(packet))

    def _report(self, start_s: float) -> None:
        """Sender reports of both, made of this browser's clock at this moment, whatever that says."""
        elapsed_s = (time.time() - start_s - self.person.starts_s) * (1 + self.person.drift)
        ntp_s = start_s + self.person.ntp_offset_s + elapsed_s
        for kind in (Kind.AUDIO, Kind.VIDEO):
            section = self.sections[kind]
            stamp = round(elapsed_s * section.codecs[0].clock_rate_hz) & 0xFFFFFFFF
            report = rtcp.SenderReport(section.local_ssrc, rtcp.ntp64(ntp_s), stamp)
            packet = rtcp.sender_report(report, 0, 0)
            self._buffer[: len(packet)] = packet
            self.link.send_rtcp(self._buffer, len(packet))


async def recorded(folder: Path, *people: Person) -> tuple[dict[str, object], float, float]:
    """The manifest of the finished call, the moment both began, and by how much the machine made them late."""
    audio(TALK_S), video("VP8", TALK_S)  # encoded once and kept: not while the clock runs
    engine = await InProcessEngine.start(EngineSettings(host="127.0.0.1"))
    relay = ImpairmentRelay(("127.0.0.1", engine.port), seed=11)
    talkers = [Talker(person) for person in people]
    try:
        for talker in talkers:
            await talker.join(engine, relay)
        await engine.execute(StartRecording(recording_id="rc_sync", folder=str(folder)))
        for person in people:
            await engine.execute(RecordLeg(recording_id="rc_sync", leg_id=f"lg_{person.role}", role=person.role))
        start_s = time.time() + 0.3
        async with asyncio.TaskGroup() as group:
            for talker in talkers:
                _ = group.create_task(talker.talk(start_s))
        await asyncio.sleep(0.3)  # the last packets are on their way
        await engine.execute(StopRecording(recording_id="rc_sync"))
    finally:
        for talker in talkers:
            await talker.peer.close()
        relay.close()
        await engine.aclose()
    return await asyncio.to_thread(finalise, folder), start_s, max(talker.late_s for talker in talkers)


PEOPLE = {
    "jitter and wrong clocks": (
        Person("customer", Impairment(delay_ms=35, jitter_ms=30), ntp_offset_s=-1_000_000.0),
        Person("agent", Impairment(delay_ms=10, jitter_ms=8), ntp_offset_s=3.2, starts_s=0.4),
    ),
    "drift and reports that come late": (
        Person("customer", Impairment(delay_ms=25, jitter_ms=20), ntp_offset_s=70.0, drift=4e-4, reports_after_s=4.0),
        Person("agent", Impairment(delay_ms=15, jitter_ms=10, loss=0.01), ntp_offset_s=0.0, starts_s=0.25),
    ),
}


@pytest.mark.parametrize("people", PEOPLE.values(), ids=PEOPLE.keys())
async def test_flashes_and_beeps_are_together_and_on_the_wall_clock(tmp_path: Path, people: tuple[Person, ...]) -> None:
    """At most 40 ms between sound and picture of a side, at most 80 ms between a side and the clock on the wall."""
    manifest, start_s, late_s = await recorded(tmp_path / "rc_sync", *people)
    tracks = {track.name: track for track in decode(tmp_path / "rc_sync" / "recording.webm")}
    zero_s = float(manifest["started_at_s"])  # type: ignore[arg-type]
    worst = {"between": 0.0, "wall": 0.0}
    for person in people:
        flashes = [zero_s + at_s for at_s in tracks[f"{person.role} video"].onsets(BRIGHT)]
        beeps = [zero_s + at_s for at_s in tracks[f"{person.role} audio"].onsets(LOUD)]
        truth = [start_s + person.starts_s + second / (1 + person.drift) for second in range(1, int(TALK_S))]
        for shown_s in truth:
            flash = min(flashes, key=lambda at_s: abs(at_s - shown_s))
            beep = min(beeps, key=lambda at_s: abs(at_s - shown_s))
            if abs(flash - shown_s) > 0.5 and person.up.loss:
                continue  # this flash was lost, and said to be
            worst["between"] = max(worst["between"], abs(flash - beep))
            worst["wall"] = max(worst["wall"], abs(flash - shown_s), abs(beep - shown_s))
        assert len(beeps) >= len(truth) - 1
    assert worst["between"] <= 0.040 + late_s, worst
    assert worst["wall"] <= 0.080 + late_s, worst
