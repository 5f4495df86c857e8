from media.player.clip import Clip, ClipPacket, ClipTrack


def test_a_track_is_found_by_its_codec_name() -> None:
    opus = ClipTrack("OPUS", 48000, (ClipPacket(0, 0, True, b"\xfc"),))
    clip = Clip("hold", "en", 20, (opus,))
    assert clip.track("OPUS") is opus
    assert clip.track("VP8") is None
