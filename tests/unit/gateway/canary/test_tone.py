"""Whose voice it is: a tone is found where it is and nowhere else."""

import math
import random

import pytest

from gateway.canary.footage import AUDIO_CLOCK_HZ, VOICE_HZ, footage
from gateway.canary.phone import TONE_HZ
from gateway.canary.tone import decode_opus, seconds_of

RATE_HZ = 8000


def tone(hz: float, seconds: float, loudness: float = 6000, rate_hz: int = RATE_HZ) -> list[int]:
    return [round(loudness * math.sin(2 * math.pi * hz * n / rate_hz)) for n in range(round(seconds * rate_hz))]


@pytest.mark.parametrize("hz", [VOICE_HZ, TONE_HZ])
def test_a_tone_is_heard_for_as_long_as_it_sounds(hz: int) -> None:
    assert seconds_of(hz, [0] * RATE_HZ + tone(hz, 1.5) + [0] * RATE_HZ, RATE_HZ) == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize(("sounds", "sought"), [(VOICE_HZ, TONE_HZ), (TONE_HZ, VOICE_HZ)])
def test_nobody_hears_their_own_tone_as_the_other_ones(sounds: int, sought: int) -> None:
    assert seconds_of(sought, tone(sounds, 2), RATE_HZ) == 0


def test_noise_and_silence_and_a_whisper_hold_no_tone() -> None:
    draw = random.Random(7)
    noise = [draw.randint(-6000, 6000) for _ in range(2 * RATE_HZ)]
    for samples in (noise, [0] * RATE_HZ, tone(TONE_HZ, 1, loudness=50), []):
        assert seconds_of(TONE_HZ, samples, RATE_HZ) == 0


def test_a_tone_in_a_little_noise_is_still_heard() -> None:
    draw = random.Random(7)
    samples = [sample + draw.randint(-2000, 2000) for sample in tone(TONE_HZ, 2)]
    assert seconds_of(TONE_HZ, samples, RATE_HZ) == pytest.approx(2, abs=0.1)


def test_the_robots_own_voice_comes_back_out_of_its_packets_and_broken_ones_are_left_out() -> None:
    packets = footage().audio
    samples = decode_opus([b"", b"\xff\xff\xff", *packets])
    assert seconds_of(VOICE_HZ, samples, AUDIO_CLOCK_HZ) == pytest.approx(0.02 * len(packets), abs=0.2)
    assert seconds_of(TONE_HZ, samples, AUDIO_CLOCK_HZ) == 0
