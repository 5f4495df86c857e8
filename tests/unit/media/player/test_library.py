from pathlib import Path

import pytest

from media.player.clip import Clip, ClipPacket, ClipTrack
from media.player.clipfile import ClipDamaged, encode_clip
from media.player.library import ClipLibrary


def test_a_clip_falls_back_to_english_and_an_unknown_name_is_none() -> None:
    english, french = Clip("hold", "en", 20, ()), Clip("hold", "fr", 20, ())
    library = ClipLibrary([english, french])
    assert library.find("hold", "fr") is french
    assert library.find("hold", "es") is english
    assert library.find("welcome", "en") is None
    assert library.names == ("hold",)


def test_a_later_clip_replaces_an_earlier_one() -> None:
    ours, theirs = Clip("hold", "en", 20, ()), Clip("hold", "en", 40, ())
    assert ClipLibrary([ours, theirs]).find("hold", "en") is theirs


def test_an_operators_folder_goes_over_the_products_clips(tmp_path: Path) -> None:
    own = Clip("hold", "en", 20, (ClipTrack("OPUS", 48000, (ClipPacket(0, 0, True, b"own"),)),))
    (tmp_path / "anything.clip").write_bytes(encode_clip(own))
    library = ClipLibrary.load(tmp_path)
    assert library.find("hold", "en") == own
    assert {"hold", "welcome"} < set(library.names)


def test_a_damaged_clip_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.clip").write_bytes(b"nonsense")
    with pytest.raises(ClipDamaged, match=r"mine\.clip"):
        ClipLibrary.load(tmp_path)


def test_the_products_hold_clip_fits_every_browser() -> None:
    hold = ClipLibrary.load().find("hold", "en")
    assert hold is not None
    assert {track.codec_name for track in hold.tracks} == {"OPUS", "VP8", "H264"}
