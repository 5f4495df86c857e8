from media.player.clip import Clip
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
