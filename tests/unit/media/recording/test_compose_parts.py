"""The parts of a composed recording that need no decoder: letters, the canvas, who is where, and the mixer."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.recording.canvas import BLACK, Box, Canvas, Scaler
from media.recording.layout import BESIDE_SCREEN, SCREEN, SIDES, Rundown
from media.recording.lettering import HEIGHT, can_write, dots, shortened
from media.recording.mixing import RATE_HZ, Mixer


def test_latin_names_with_accents_can_be_written() -> None:
    for name in ("Zoë Ångström", "José-María", "Łukasz Żółć", "Œuvre & Co.", "İnci Şen", "O'Brien (42)"):
        assert can_write(name), name
    for name in ("Юрий", "田中", "", "   ", "🙂"):
        assert not can_write(name), name


@given(text=st.text(max_size=300))
def test_any_text_gives_even_rows_of_dots(text: str) -> None:
    rows = dots(text)
    assert len(rows) == HEIGHT
    assert len({len(row) for row in rows}) == 1
    assert len(rows[0]) <= 200 * 6


def test_different_letters_look_different() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789éèêñüçÄÖ.,:-'()/&+!?"
    assert len({tuple(dots(letter)) for letter in alphabet}) == len(alphabet)


def test_a_long_name_is_shortened() -> None:
    assert shortened("  Ada   Lovelace ", 40) == "Ada Lovelace"
    assert shortened("x" * 60, 40) == "x" * 38 + ".."


def solid(width: int, height: int, left: int, right: int) -> av.VideoFrame:
    grey = np.full((height, width), left, np.uint8)
    grey[:, width // 2 :] = right
    picture = av.VideoFrame.from_ndarray(np.stack([grey] * 3, axis=2), format="rgb24").reformat(format="yuv420p")
    picture.pts, picture.time_base = 0, Fraction(1, 15)
    return picture


def luma(canvas: Canvas) -> np.ndarray:
    return canvas.frame().to_ndarray(format="gray")


@pytest.mark.parametrize(("rotation_deg", "size"), [(0, (640, 480)), (90, (540, 720)), (180, (640, 480))])
def test_a_picture_fits_into_its_box_upright(rotation_deg: int, size: tuple[int, int]) -> None:
    box = Box(640, 0, 640, 720)
    fitted = Scaler().fit(solid(320, 240, 16, 235), rotation_deg, box)
    assert (fitted.width, fitted.height) == size
    canvas = Canvas()
    canvas.draw(fitted, box)
    seen = luma(canvas).astype(int)
    assert seen[:, :640].max() < 30
    x, y = 640 + (640 - size[0]) // 2, (720 - size[1]) // 2
    inside = seen[y + 10 : y + size[1] - 10, x + 10 : x + size[0] - 10]
    bright = {
        0: inside[:, -100:],
        90: inside[-100:, :],
        180: inside[:, :100],
    }[rotation_deg]
    assert bright.mean() > 200
    assert inside.mean() == pytest.approx(126, abs=25)


def test_a_picture_that_changes_its_size_still_fits() -> None:
    scaler, box = Scaler(), Box(0, 0, 640, 720)
    sizes = [
        (picture.width, picture.height)
        for picture in (scaler.fit(solid(*size, 50, 90), 0, box) for size in ((160, 120), (1280, 720), (2, 2)))
    ]
    assert sizes == [(640, 480), (640, 360), (640, 640)]


@given(x=st.integers(0, 1279), y=st.integers(0, 719), text=st.text(max_size=60), size=st.integers(1, 6))
def test_letters_never_leave_the_canvas(x: int, y: int, text: str, size: int) -> None:
    canvas = Canvas()
    canvas.write(text, x, y, size=size)
    assert len(luma(canvas).tobytes()) == 1280 * 720


def manifest(*chapters: tuple[float, float, str]) -> dict[str, object]:
    return {
        "chapters": [{"from_s": start, "to_s": end, "kind": kind, "title": kind} for start, end, kind in chapters],
        "tracks": [
            {"role": "customer", "kind": "video", "rotation_deg": 90, "rotations": [[0.0, 5.0, 90], [5.0, 9.0, 180]]}
        ],
    }


def test_a_screen_is_large_while_it_is_shared_and_nothing_is_shown_in_a_pause() -> None:
    rundown = Rundown(manifest((0, 10, "conversation"), (10, 20, "hold"), (20, 30, "pause"), (30, 90, "conversation")))
    cameras = {("customer", "video"): 1.0}
    assert rundown.scene(2.0, cameras).boxes == {(role, "video"): box for role, box in SIDES.items()}
    screen = cameras | {("agent", "screen"): 1.5}
    boxes = rundown.scene(2.0, screen).boxes
    assert boxes[("agent", "screen")] == SCREEN
    assert boxes[("customer", "video")] == BESIDE_SCREEN["customer"]
    assert ("agent", "screen") in rundown.scene(12.0, screen).boxes  # a still screen sends hardly anything
    assert ("agent", "screen") not in rundown.scene(18.0, screen).boxes
    assert rundown.scene(12.0, cameras).banner == "hold"
    paused = rundown.scene(25.0, screen)
    assert (paused.boxes, paused.slate) == ({}, "pause")
    assert [rundown.rotation_deg(("customer", "video"), at_s) for at_s in (1, 6, 20)] == [90, 180, 90]
    assert rundown.fresh(("customer", "video"), 3.0, cameras)
    assert not rundown.fresh(("customer", "video"), 4.0, cameras)


def tone(samples: int, hz: float, level: float) -> av.AudioFrame:
    times = np.arange(samples) / RATE_HZ
    wave = (level * 32767 * np.sin(2 * np.pi * hz * times)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
    frame.sample_rate = RATE_HZ
    return frame


def mixed(mixer: Mixer, end_s: float, *before: av.AudioFrame) -> np.ndarray:
    return np.concatenate([frame.to_ndarray()[0] for frame in (*before, *mixer.finish(end_s))]).astype(float) / 32768


def test_two_who_shout_at_once_do_not_clip() -> None:
    mixer = Mixer(2)
    for step in range(50):
        for voice, hz in enumerate((440.0, 523.0)):
            mixer.add(voice, tone(960, hz, 0.95), step * 0.02)
    sound = mixed(mixer, 1.0)
    assert 0.5 < np.abs(sound[4800:]).max() <= 0.9
    spectrum = np.abs(np.fft.rfft(sound[9600:43200]))
    hertz = np.fft.rfftfreq(33600, 1 / RATE_HZ)
    wanted = (np.abs(hertz - 440) < 60) | (np.abs(hertz - 523) < 60)
    assert (spectrum[~wanted & (hertz > 700)] ** 2).sum() < 0.02 * (spectrum[wanted] ** 2).sum()


def test_each_voice_is_where_it_belongs_in_time() -> None:
    mixer = Mixer(2)
    mixer.add(0, tone(960, 1000, 0.5), 0.5)
    before = list(mixer.ready(0.7))
    assert [frame.pts for frame in before] == list(range(0, round(0.7 * RATE_HZ), 960))
    mixer.add(1, tone(960, 1000, 0.5), 1.2)
    mixer.add(0, tone(960, 1000, 0.5), 0.1)  # far too late: it is left out
    sound = mixed(mixer, 2.0, *before)
    assert len(sound) == pytest.approx(2 * RATE_HZ, abs=2000)
    loud = np.flatnonzero(np.abs(sound) > 0.1) / RATE_HZ
    assert loud.min() == pytest.approx(0.5, abs=0.01)
    assert loud.max() == pytest.approx(1.22, abs=0.01)
    assert not ((loud > 0.53) & (loud < 1.19)).any()


def test_a_canvas_begins_dark() -> None:
    assert luma(Canvas()).max() <= BLACK[0] + 1
