"""One timer plays clips to any number of legs, each from its beginning, without a seam."""

from collections.abc import Callable

import pytest

from media.player.clip import Clip, ClipPacket, ClipTrack
from media.player.pacer import GRID_S, Pacer
from media.sdp.description import Codec
from tests.unit.media.forward.rig import OPUS, VP8, FakeLoop, OneBuffer

CLIP = Clip(
    "hold",
    "en",
    200,
    (
        ClipTrack("OPUS", 48000, tuple(ClipPacket(at, at * 48, at == 0, b"s%d" % at) for at in range(0, 200, 20))),
        ClipTrack(
            "VP8", 90000, tuple(ClipPacket(at, at * 90, True, b"v%d" % at, at in (0, 120)) for at in range(0, 200, 40))
        ),
    ),
)


class FakeVoice:
    def __init__(self, loop: FakeLoop) -> None:
        self.loop = loop
        self.sent: list[tuple[float, bytes, int, float]] = []
        self.error: Exception | None = None

    def send_clip(
        self, scratch: bytearray, payload: bytes, codec: Codec, ticks: int, *, marker: bool, at_s: float
    ) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((self.loop.now_s, payload, ticks, at_s))


class Stage:
    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.pacer = Pacer(self.loop, self.loop.wall, OneBuffer())  # type: ignore[arg-type]
        self.ended: list[str] = []

    def play(self, key: str, *, loop: bool = True, clip: Clip = CLIP) -> tuple[FakeVoice, FakeVoice]:
        sound, picture = FakeVoice(self.loop), FakeVoice(self.loop)
        self.pacer.play(key, clip, [(sound, OPUS), (picture, VP8)], loop=loop, on_ended=self.ended.append)
        return sound, picture


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_is_due_at_once_leaves_together(stage: Stage) -> None:
    tray = stage.pacer._tray
    assert isinstance(tray, OneBuffer)
    for key in ("a", "b", "c"):
        stage.play(key)
    fired = stage.loop.fired
    stage.loop.advance(0.1)
    assert tray.flushed == stage.loop.fired - fired


def test_every_packet_is_sent_once_and_on_time(stage: Stage) -> None:
    start = stage.loop.now_s
    sound, picture = stage.play("a", loop=False)
    stage.loop.advance(1)
    assert [payload for _, payload, _, _ in sound.sent] == [b"s%d" % at for at in range(0, 200, 20)]
    assert [payload for _, payload, _, _ in picture.sent] == [b"v%d" % at for at in range(0, 200, 40)]
    for at_s, payload, _, due_wall_s in sound.sent:
        due_s = start + int(payload[1:]) / 1000
        assert due_s - 1e-9 <= at_s <= due_s + GRID_S + 1e-9
        assert due_wall_s == pytest.approx(due_s - start + stage.loop.wall() - 1, abs=1e-4)


def test_a_clip_that_does_not_loop_tells_its_end_once_when_its_time_is_over(stage: Stage) -> None:
    stage.play("a", loop=False)
    stage.loop.advance(0.195)
    assert stage.ended == []
    stage.loop.advance(0.02)
    assert stage.ended == ["a"]
    assert len(stage.pacer) == 0
    assert stage.loop.waiting == 0


def test_a_loop_has_no_seam(stage: Stage) -> None:
    sound, picture = stage.play("a")
    stage.loop.advance(1.999)
    assert [ticks for _, _, ticks, _ in sound.sent] == [960 * n for n in range(100)]
    assert [ticks for _, _, ticks, _ in picture.sent] == [3600 * n for n in range(50)]
    assert stage.ended == []


def test_a_leg_that_joins_later_begins_at_the_beginning(stage: Stage) -> None:
    stage.play("a")
    stage.loop.advance(0.09)
    sound, picture = stage.play("b")
    stage.loop.advance(0.05)
    assert sound.sent[0][1:3] == (b"s0", 0)
    assert picture.sent[0][1:3] == (b"v0", 0)


def test_two_hundred_legs_share_one_timer_and_a_bounded_number_of_wake_ups(stage: Stage) -> None:
    voices = []
    for number in range(200):
        voices.append(stage.play(f"lg_{number}"))
        stage.loop.advance(0.0013)
        assert stage.loop.waiting == 1
    fired = stage.loop.fired
    stage.loop.advance(2)
    assert stage.loop.fired - fired <= 2 / GRID_S + 1
    assert all(100 <= len(sound.sent) <= 114 for sound, _ in voices)


def test_a_held_up_loop_goes_on_later_and_sends_no_burst(stage: Stage) -> None:
    sound, _ = stage.play("a")
    stage.loop.advance(0.05)
    before = len(sound.sent)
    stage.loop.now_s += 3.0
    stage.loop.advance(0.015)
    assert len(sound.sent) - before <= 2
    stage.loop.advance(1)
    assert len(sound.sent) - before == pytest.approx(50, abs=3)


def test_stopping_or_replacing_ends_the_packets_and_tells_no_end(stage: Stage) -> None:
    sound, _ = stage.play("a", loop=False)
    stage.loop.advance(0.05)
    again, _ = stage.play("a", loop=False)
    count = len(sound.sent)
    stage.loop.advance(0.05)
    stage.pacer.stop("a")
    stage.pacer.stop("a")
    stage.loop.advance(1)
    assert len(sound.sent) == count
    assert 0 < len(again.sent) <= 3
    assert stage.ended == []
    assert stage.loop.waiting == 0


def test_a_lost_picture_begins_again_at_the_last_key_frame_and_time_goes_on(stage: Stage) -> None:
    _, picture = stage.play("a")
    stage.loop.advance(0.139)
    assert picture.sent[-1][1] == b"v120"
    stage.pacer.show_key_frame("a", picture)
    stage.loop.advance(0.25)
    assert [payload for _, payload, _, _ in picture.sent[4:7]] == [b"v120", b"v160", b"v0"]
    ticks = [ticks for _, _, ticks, _ in picture.sent]
    assert ticks == sorted(set(ticks))


def test_a_clip_without_a_fitting_track_still_ends(stage: Stage) -> None:
    stage.play("a", loop=False, clip=Clip("x", "en", 50, ()))
    stage.loop.advance(0.1)
    assert stage.ended == ["a"]


@pytest.mark.parametrize("start", [lambda stage: stage.play("a", loop=True, clip=Clip("x", "en", 1, ()))])
def test_the_shortest_loop_without_packets_is_harmless(stage: Stage, start: Callable[[Stage], object]) -> None:
    start(stage)
    stage.loop.advance(1)
    assert stage.loop.fired <= 110


def test_a_voice_that_fails_stops_its_own_leg_only(stage: Stage) -> None:
    broken, _ = stage.play("a")
    broken.error = RuntimeError("gone")
    sound, _ = stage.play("b")
    stage.loop.advance(1)
    assert len(stage.pacer) == 1
    assert len(sound.sent) == 51
