"""PCM and Opus, both ways: what is said arrives as what it was, at the line's rate, in bounds."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.voice import libopus, opus
from media.voice.downlink import MAX_CREDIT_S, Downlink
from media.voice.opus import ENCODER_RATES, FRAME_TICKS, Decoder, Encoder, Samples, duration_s
from media.voice.resample import Downsampler, Stretch, fade_in
from media.voice.uplink import NOISE_RMS, Uplink
from tests.support.sip_peer import loudest_hz, tone

FRAME_S = 0.02


def sound(frequency_hz: float, rate_hz: int, seconds: float) -> Samples:
    return np.concatenate(list(itertools.islice(tone(frequency_hz, rate_hz), round(seconds / FRAME_S))))


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def fitted(samples: Samples, frequency_hz: float, rate_hz: int) -> tuple[float, float]:
    """(RMS of the tone in it, dB that the tone is above everything else)."""
    at = 2 * np.pi * frequency_hz * np.arange(len(samples)) / rate_hz
    waves = np.column_stack((np.sin(at), np.cos(at)))
    tone_in_it = waves @ np.linalg.lstsq(waves, samples.astype(float), rcond=None)[0]
    rest = samples - tone_in_it
    return float(np.sqrt(np.mean(tone_in_it**2))), float(10 * np.log10(np.sum(tone_in_it**2) / np.sum(rest**2)))


@pytest.fixture(params=[True, False], ids=["libopus called", "PyAV alone"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "AVAILABLE", request.param)


def test_the_library_that_pyav_brings_is_found() -> None:
    """Without it everything works, at twice the price: a new PyAV that hides it should be noticed."""
    assert libopus.AVAILABLE


def test_where_there_is_no_such_library_that_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "7f00-7f01 r-xp 0 0:0 1 /usr/lib/libopusfile.so.0\n")
    assert libopus._loaded() is None
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "7f00-7f01 r-xp 0 0:0 1 /nowhere/libopus.so.0\n")
    assert libopus._loaded() is None


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5))
def test_whatever_a_browser_sends_is_some_sound_within_bounds(packets: list[bytes]) -> None:
    decoder = Decoder(8000)
    for packet in packets:
        assert 0 < len(decoder.decode(packet)) <= 0.12 * 8000
        assert 0 < len(decoder.conceal()) <= 0.06 * 8000


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
@pytest.mark.usefixtures("either_way")
def test_a_line_hears_the_browser_at_its_own_rate_as_loud_and_as_pure(rate_hz: int) -> None:
    for frequency_hz in (300, 1000, 2000, 3000):
        encoder, decoder = Encoder(48_000), Decoder(rate_hz)
        packets = [encoder.encode(piece.tobytes()) for piece in itertools.islice(tone(frequency_hz, 48_000), 60)]
        heard = np.concatenate([decoder.decode(packet) for packet in packets])
        assert abs(len(heard) - 60 * FRAME_S * rate_hz) < rate_hz / 100
        loudness, purity_db = fitted(heard[rate_hz // 5 :], frequency_hz, rate_hz)
        assert abs(20 * np.log10(loudness / (8000 / np.sqrt(2)))) < 1.0
        assert purity_db > 25


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.usefixtures("either_way")
def test_what_a_line_cant_carry_does_not_fold_into_what_it_can(rate_hz: int) -> None:
    encoder, decoder = Encoder(48_000), Decoder(rate_hz)
    above = [encoder.encode(piece.tobytes()) for piece in itertools.islice(tone(rate_hz * 0.7, 48_000), 60)]
    heard = np.concatenate([decoder.decode(packet) for packet in above])
    assert rms(heard[rate_hz // 5 :]) < 8000 / np.sqrt(2) / 100, "40 dB down"


@pytest.mark.parametrize("rate_hz", ENCODER_RATES)
@pytest.mark.usefixtures("either_way")
def test_a_tone_goes_through_opus_at_each_rate(rate_hz: int) -> None:
    encoder, decoder = Encoder(rate_hz), Decoder()
    packets = [encoder.encode(piece.tobytes()) for piece in itertools.islice(tone(440, rate_hz), 50)]
    assert {duration_s(packet) for packet in packets} == {FRAME_S}
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    assert len(heard) == 50 * FRAME_TICKS
    assert abs(loudest_hz(heard[9600:], 48_000) - 440) < 10


@pytest.mark.parametrize(
    ("packet", "seconds"),
    [
        (b"", 0.0),
        (b"\x08", 0.02),  # SILK, 20 ms, one frame
        (b"\x09", 0.04),
        (b"\xe0", 0.0025),  # CELT, 2.5 ms
        (b"\x18", 0.06),
        (b"\x1b\x03", 0.0),  # three of 60 ms: more than a packet may be
        (b"\x0b", 0.0),  # says how many, but doesn't
        (b"\x0b\x02", 0.04),
        (b"\x0b\x00", 0.0),
        (b"\x08" * 8000, 0.0),
    ],
)
def test_how_long_a_packet_is(packet: bytes, seconds: float) -> None:
    assert duration_s(packet) == pytest.approx(seconds)


@pytest.mark.usefixtures("either_way")
def test_what_is_made_up_goes_on_and_grows_softer() -> None:
    encoder, decoder = Encoder(48_000), Decoder()
    assert not decoder.conceal().any(), "nothing was heard yet"
    for piece in itertools.islice(tone(440, 48_000), 20):
        last = decoder.decode(encoder.encode(piece.tobytes()))
    made_up = [decoder.conceal() for _ in range(6)]
    assert rms(made_up[0]) > rms(last) / 4
    assert rms(made_up[5]) < rms(last) / 4
    assert len(decoder.conceal(short=True)) == FRAME_TICKS // 2


@pytest.mark.parametrize("junk", [b"\xff", b"\x00" * 5, bytes(range(256)) * 4, b"\x0b\x02\xff"])
@pytest.mark.usefixtures("either_way")
def test_a_damaged_packet_is_made_up_for(junk: bytes) -> None:
    assert len(Decoder().decode(junk)) > 0
    assert len(Decoder(8000).decode(junk)) > 0


@pytest.mark.parametrize("made", [Decoder, Encoder])
def test_opus_has_not_every_rate(made: type[Decoder | Encoder]) -> None:
    with pytest.raises(ValueError, match="no Opus at 11025 Hz"):
        made(11_025)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
def test_a_line_gets_the_tone_at_its_rate_and_nothing_that_folds(rate_hz: int) -> None:
    down = Downsampler(rate_hz)
    kept = np.concatenate([down.take(piece) for piece in np.array_split(sound(1000, 48_000, 1), 37)])
    assert abs(len(kept) - rate_hz) < rate_hz / 50
    assert abs(loudest_hz(kept, rate_hz) - 1000) < 5
    if rate_hz < 48_000:
        above = Downsampler(rate_hz).take(sound(rate_hz * 0.75, 48_000, 1))
        assert rms(above[1000:]) < rms(kept[1000:]) / 100, "40 dB down"


def test_blocks_follow_one_another_without_a_seam() -> None:
    whole = Downsampler(8000).take(sound(700, 48_000, 1))
    down = Downsampler(8000)
    parts = np.concatenate([down.take(piece) for piece in np.array_split(sound(700, 48_000, 1), 61)])
    assert np.array_equal(whole[: len(parts)], parts[: len(whole)])


@pytest.mark.parametrize("share", [-0.04, -0.01, 0.0002, 0.01])
@pytest.mark.parametrize("rate_hz", [8000, 48_000])
def test_a_stretched_stream_is_as_much_longer_as_was_asked(share: float, rate_hz: int) -> None:
    stretch = Stretch()
    pieces = list(itertools.islice(tone(500, rate_hz), 200))
    out = np.concatenate([stretch.take(piece, share) for piece in pieces])
    assert len(out) == pytest.approx(200 * FRAME_S * rate_hz * (1 + share), abs=2)
    assert abs(loudest_hz(out, rate_hz) - 500 / (1 + share)) < 2


@pytest.mark.parametrize("samples", [-6, -1, 1, 6])
@pytest.mark.parametrize("frequency_hz", [400, 1500, 3000])
def test_a_stretched_block_is_the_same_tone_a_little_higher_or_lower(samples: int, frequency_hz: int) -> None:
    block = next(tone(frequency_hz))
    out = Stretch().take(block, (samples + np.sign(samples) / 100) / len(block))
    assert len(out) == len(block) + samples
    loudness, purity_db = fitted(out, frequency_hz * len(block) / len(out), 8000)
    assert loudness == pytest.approx(8000 / np.sqrt(2), rel=0.03)
    assert purity_db > 30


def test_a_beginning_rises_from_nothing() -> None:
    block = fade_in(np.full(960, 1000, np.int16), 120)
    assert block[0] == 0
    assert block[-1] == 1000
    assert np.all(np.diff(block) >= 0)


def test_the_uplink_gives_what_is_pulled_also_when_nothing_came() -> None:
    uplink = Uplink(8000, 2, np.random.default_rng(1))
    for samples in (80, 1, 160, 7):
        assert len(uplink.pull(samples, 0.0)) == samples * 4
    hush = np.frombuffer(uplink.pull(8000, 1.0), np.int16)
    assert NOISE_RMS / 4 < rms(hush) < NOISE_RMS * 2, "a soft noise, not nothing"


def test_the_uplink_says_what_the_browser_said() -> None:
    uplink, encoder = Uplink(8000, 1, np.random.default_rng(1)), Encoder(48_000)
    line = b""
    for number, piece in enumerate(itertools.islice(tone(800, 48_000), 100)):
        uplink.put(number, encoder.encode(piece.tobytes()), number * FRAME_S)
        uplink.put(number, b"", number * FRAME_S)
        uplink.put(number, b"\xff" * 9000, number * FRAME_S)
        for half in (0, 0.01):
            line += uplink.pull(80, number * FRAME_S + half + 0.001)
    heard = np.frombuffer(line, np.int16)
    assert abs(loudest_hz(heard[4000:], 8000) - 800) < 10
    assert uplink.heard == 100


def test_the_downlink_makes_a_packet_of_each_20_ms_and_a_pause_moves_the_time() -> None:
    downlink = Downlink(8000, 1)
    packets = []
    for number, piece in enumerate(itertools.islice(tone(600), 10)):
        packets += downlink.feed(piece.tobytes(), number * FRAME_S)
    assert [packet.ticks for packet in packets] == [number * FRAME_TICKS for number in range(10)]
    assert [packet.marker for packet in packets] == [True] + [False] * 9
    (after,) = downlink.feed(next(tone(600)).tobytes(), 0.18 + 1.0)
    assert after.marker
    assert after.ticks == 9 * FRAME_TICKS + 50 * FRAME_TICKS


def test_a_thread_that_was_held_up_makes_no_pause_of_sound_that_came() -> None:
    """0.3 s in each second: the sound of it waits at the line."""
    downlink = Downlink(8000, 1)
    made = []
    for number in range(15, 500):
        if number % 50 >= 15:
            made += downlink.feed(bytes(320 * (16 if number % 50 == 15 else 1)), number * FRAME_S)
    assert [packet.ticks for packet in made] == [number * FRAME_TICKS for number in range(len(made))]
    assert [packet.marker for packet in made] == [True] + [False] * (len(made) - 1)


def test_sound_faster_than_time_is_thrown_away() -> None:
    downlink = Downlink(8000, 1)
    packets = 0
    for number in range(1000):
        packets += len(downlink.feed(bytes(320 * 10), number * FRAME_S))
        for part in range(1, 5):
            packets += len(downlink.feed(b"", number * FRAME_S + part * 0.004))
    assert packets <= (1000 * FRAME_S * 1.05 + MAX_CREDIT_S) / FRAME_S + 1
    assert downlink.thrown_away_s > 150


def test_two_channels_become_one() -> None:
    downlink, decoder = Downlink(48_000, 2), Decoder()
    heard = []
    for number, piece in enumerate(itertools.islice(tone(500, 48_000), 30)):
        both = np.repeat(piece, 2).tobytes()
        heard += [decoder.decode(packet.payload) for packet in downlink.feed(both, number * FRAME_S)]
    assert abs(loudest_hz(np.concatenate(heard)[9600:], 48_000) - 500) < 10


def test_another_rate_in_mid_call_goes_on_with_the_same_time() -> None:
    downlink = Downlink(8000, 1)
    first = downlink.feed(next(tone(600)).tobytes(), 0.0)
    downlink.use(16_000, 1)
    second = downlink.feed(next(tone(600, 16_000)).tobytes(), FRAME_S)
    assert [packet.ticks for packet in first + second] == [0, FRAME_TICKS]
    with pytest.raises(ValueError, match="no Opus"):
        downlink.use(11_025, 1)
    assert downlink.rate_hz == 16_000
