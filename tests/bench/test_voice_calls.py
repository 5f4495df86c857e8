"""Telephone calls: what the bridge adds to the way from mouth to ear, and what fifty of them cost of one core.

The engine is a media process of its own, on one core, with precedence; the switch and the browsers are this process.
Delay: a burst of tone begins at a known place of a packet that one side sends; it is looked for in the packets that
the other side receives. Counted is the time from packet to packet, and where in the packets it lies, so that what the
bridge adds remains: its buffers, the codecs and their look-ahead (that of the browser's encoder, 6.5 ms, included), no
network, and not the buffers of telephone and browser.
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from media.port import FromLeg, Kind, SetSource
from media.voice.opus import Decoder, Encoder, Samples
from media.workers.pool import WorkerPool
from tests.bench.machine import cores, cpu_by_thread_s, cpu_s, preferred
from tests.bench.settings import QUIET_LOAD
from tests.bench.table import TABLE, Row
from tests.integration.media.engine_rig import Robot
from tests.integration.media.transport_rig import until
from tests.integration.media.voice_rig import LOCAL, Desk, Voice, desk
from tests.support.sip_peer import PCMA, PeerCall, from_alaw, tone

CALLS = int(os.environ.get("BENCH_VOICE_CALLS", "50"))
WINDOW_S = float(os.environ.get("BENCH_VOICE_WINDOW_S", "10"))
BURSTS = 20
EVERY = 25
"""Packets from burst to burst: half a second."""


@asynccontextmanager
async def bench() -> AsyncIterator[tuple[Desk, int]]:
    """A desk and the pid of its engine."""
    with preferred():
        context = desk(workers=1, voice=replace(LOCAL, max_calls=CALLS + 1), max_legs=2 * CALLS + 4)
        here = await context.__aenter__()
    try:
        pool = here.engine
        assert isinstance(pool, WorkerPool)
        process = pool._slots[0].process
        assert process is not None
        for thread in os.listdir(f"/proc/{process.pid}/task"):
            os.sched_setaffinity(int(thread), {cores()[0]})
        yield here, process.pid
    finally:
        await context.__aexit__(None, None, None)


async def joined(here: Desk, number: int) -> tuple[Voice, PeerCall]:
    call_id = f"ct_{number}"
    robot = Robot(f"lg_c{number}")
    await robot.join(here.engine, call_id=call_id)
    here.stage.robots.append(robot)
    await here.dial(f"lg_p{number}", call_id=call_id)
    call = await here.peer.call(number + 1)
    await until(lambda: here.stage.count("VoiceAnswered", f"lg_p{number}") == 1, "it is answered")
    for listener, source in ((f"lg_c{number}", f"lg_p{number}"), (f"lg_p{number}", f"lg_c{number}")):
        await here.engine.execute(SetSource(leg_id=listener, source=FromLeg(leg_id=source)))
    return Voice(robot), call


def bursts(rate_hz: int, sent_s: list[float]) -> Iterator[Samples]:
    """Silence, and in each `EVERY`th packet a burst from its middle on; `sent_s` gets when that packet is made."""
    step = rate_hz // 50
    at = np.arange(step // 2)
    burst = np.concatenate((np.zeros(step - len(at)), 12_000 * np.sin(2 * np.pi * 1000 * at / rate_hz))).astype(
        np.int16
    )
    for number in itertools.count():
        if number % EVERY == EVERY - 1:
            sent_s.append(time.monotonic())
            yield burst
        else:
            yield np.zeros(step, np.int16)


def onsets(pieces: list[tuple[float, Samples]], rate_hz: int) -> list[float]:
    """When the sound of each burst began, as if every packet were played as it comes."""
    found: list[float] = []
    for at_s, piece in pieces:
        loud = np.flatnonzero(np.abs(piece) > 3000)
        if len(loud) and (not found or at_s - found[-1] > 0.2):
            found.append(at_s + float(loud[0]) / rate_hz)
    return found


def delays_ms(sent_s: list[float], heard_s: list[float]) -> list[float]:
    """From each burst to the first that was heard after it. A burst lies 10 ms into its packet."""
    starts = [at_s + 0.01 for at_s in sent_s]
    pairs = [(start, next((at_s for at_s in heard_s if at_s > start), None)) for start in starts]
    return [(heard - start) * 1000 for start, heard in pairs if heard is not None and heard - start < 0.4]


class Stamped(list[tuple[int, int, bytes]]):
    """What came, and when."""

    def __init__(self) -> None:
        self.at_s: list[float] = []

    def append(self, each: tuple[int, int, bytes]) -> None:
        super().append(each)
        self.at_s.append(time.monotonic())


async def measured_delays(here: Desk, voice: Voice, call: PeerCall) -> tuple[list[float], list[float]]:
    """(customer to telephone, telephone to customer), in ms."""
    stamped = Stamped()
    voice.robot.received[Kind.AUDIO] = stamped
    said_s: list[float] = []
    spoken_s: list[float] = []
    call.rtp.heard.clear()
    voice.speak(bursts(48_000, said_s))
    call.rtp.speak(bursts(8000, spoken_s))
    await until(lambda: len(said_s) > BURSTS and len(spoken_s) > BURSTS, "enough was said", 60)
    voice.hush()
    call.rtp.hush()
    decoder = Decoder()
    at_phone = [(each.at_s, from_alaw(each.payload)) for each in call.rtp.heard if each.payload_type == PCMA]
    at_browser = [(at_s, decoder.decode(each[2])) for at_s, each in zip(stamped.at_s, stamped, strict=True)]
    return delays_ms(said_s[2:], onsets(at_phone, 8000)), delays_ms(spoken_s[2:], onsets(at_browser, 48_000))


@pytest.mark.timeout(600)
async def test_the_bridge_adds_little_to_the_way_from_mouth_to_ear() -> None:
    async with bench() as (here, _):
        voice, call = await joined(here, 0)
        up, down = await measured_delays(here, voice, call)
        assert len(up) > BURSTS // 2
        assert len(down) > BURSTS // 2
        TABLE.measured("voice_delay_ms", up=[round(each) for each in up], down=[round(each) for each in down])
        for name, values in (("customer to telephone", up), ("telephone to customer", down)):
            TABLE.add(
                Row(
                    f"voice, added delay, {name}: median / worst",
                    ((60.0, 80.0), (50.0, 60.0)),
                    (median(values), max(values)),
                    " ms",
                )
            )
        assert median(up) < 120
        assert median(down) < 120


def spoken_packets() -> list[bytes]:
    encoder = Encoder(48_000)
    return [encoder.encode(piece.tobytes()) for piece in itertools.islice(speech(48_000), 50)]


def speech(rate_hz: int) -> Iterator[Samples]:
    """Something with the spectrum of a voice, so that codecs work as they do."""
    random = np.random.default_rng(3)
    for pieces in zip(tone(180, rate_hz, 4000), tone(620, rate_hz, 2000), tone(1900, rate_hz, 900), strict=True):
        noise = random.normal(0, 250, len(pieces[0]))
        yield (sum(pieces) + noise).astype(np.int16)


class Loop:
    """Says the same second again and again on many legs, without encoding it each time."""

    def __init__(self, packets: list[bytes]) -> None:
        self._packets = packets
        self.pcm = list(itertools.islice(speech(8000), 50))

    def encode(self, pcm: bytes) -> bytes:
        return self._packets[int.from_bytes(pcm[:2], "little") % len(self._packets)]

    def numbers(self) -> Iterator[Samples]:
        for number in itertools.count():
            yield np.array([number % len(self._packets)], np.int16)


@pytest.mark.timeout(600)
async def test_fifty_calls_on_one_core() -> None:
    loop = Loop(spoken_packets())
    async with bench() as (here, pid):
        sides: list[tuple[Voice, PeerCall]] = []
        for number in range(CALLS):
            voice, call = await joined(here, number)
            voice._encoder = loop  # type: ignore[assignment]
            sides.append((voice, call))
            voice.speak(loop.numbers())
            call.rtp.speak(itertools.cycle(loop.pcm))
        await asyncio.sleep(3)
        before = [(len(voice.packets), len(call.rtp.heard)) for voice, call in sides]
        begun_s, used_s, threads_s = time.monotonic(), cpu_s(pid), cpu_by_thread_s(pid)
        await asyncio.sleep(WINDOW_S)
        took_s, used_s, threads_s = time.monotonic() - begun_s, cpu_s(pid) - used_s, cpu_by_thread_s(pid) - threads_s
        after = [(len(voice.packets), len(call.rtp.heard)) for voice, call in sides]
        at_browser = [(b - a) / took_s / 50 for (a, _), (b, _) in zip(before, after, strict=True)]
        at_phone = [(b - a) / took_s / 50 for (_, a), (_, b) in zip(before, after, strict=True)]
        pool = here.engine
        assert isinstance(pool, WorkerPool)
        TABLE.measured(
            "voice_fifty_calls",
            calls=CALLS,
            core=used_s / took_s,
            ms_per_call_s={name: round(each * 1000 / took_s / CALLS, 2) for name, each in threads_s.most_common()},
            browser_packets=(min(at_browser), max(at_browser)),
            phone_packets=(min(at_phone), max(at_phone)),
            lag_ms=pool.lag_s * 1000,
            resident_mb=pool.figures()[0].vitals.resident_bytes / 1e6,
        )
        TABLE.add(Row(f"voice, {CALLS} calls, share of a core", ((1.0,), (0.8,)), (used_s / took_s,)))
        for voice, call in sides:
            voice.hush()
            call.rtp.hush()
        assert min(at_phone) > 0
        if os.getloadavg()[0] < QUIET_LOAD:  # on a busy machine this process is what speaks too slowly
            assert min(at_browser) > 0.9
            assert min(at_phone) > 0.9
