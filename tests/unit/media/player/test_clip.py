import pytest

from media.player.clip import Clip, ClipPacket, ClipTrack


def test_a_track_is_found_by_its_codec_name() -> None:
    opus = ClipTrack("OPUS", 48000, (ClipPacket(0, 0, True, b"\xfc"),))
    clip = Clip("hold", "en", 20, (opus,))
    assert clip.track("OPUS") is opus
    assert clip.track("VP8") is None


@pytest.mark.parametrize(
    ("due_ms", "payload", "duration_ms"),
    [((0, 20), b"x" * 1201, 40), ((20, 0), b"x", 40), ((0, 40), b"x", 40), ((), b"", 0)],
    ids=["payload too long", "out of order", "due after the end", "no length"],
)
def test_a_clip_that_could_not_be_paced_is_refused(due_ms: tuple[int, ...], payload: bytes, duration_ms: int) -> None:
    with pytest.raises(ValueError, match=r"clip|payload|order"):
        Clip(
            "x",
            "en",
            duration_ms,
            (ClipTrack("OPUS", 48000, tuple(ClipPacket(at, 0, True, payload) for at in due_ms)),),
        )
