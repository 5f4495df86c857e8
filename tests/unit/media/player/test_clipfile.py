"""Clips on disk: what is written is read back; anything else is refused whole."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.player.clip import Clip, ClipPacket, ClipTrack
from media.player.clipfile import ClipDamaged, decode_clip, encode_clip, load_clips


def clip(payloads: list[bytes] | None = None) -> Clip:
    payloads = payloads or [b"first", b"second"]
    packets = tuple(
        ClipPacket(due_ms=i * 20, rtp_ticks=i * 960, marker=bool(i % 2), payload=payload, key_frame=i == 0)
        for i, payload in enumerate(payloads)
    )
    return Clip("hold", "en", len(payloads) * 20, (ClipTrack("OPUS", 48000, packets), ClipTrack("VP8", 90000, packets)))


@given(payloads=st.lists(st.binary(min_size=1, max_size=1200), min_size=1, max_size=20))
def test_a_clip_is_read_back_as_it_was_written(payloads: list[bytes]) -> None:
    original = clip(payloads)
    assert decode_clip(encode_clip(original)) == original


def test_every_changed_byte_is_noticed() -> None:
    data = encode_clip(clip())
    for at in range(len(data)):
        with pytest.raises(ClipDamaged):
            decode_clip(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
    for size in range(len(data)):
        with pytest.raises(ClipDamaged):
            decode_clip(data[:size])
    with pytest.raises(ClipDamaged):
        decode_clip(data + b"x")


@given(data=st.binary(max_size=200))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ClipDamaged):
        decode_clip(b"VVCLIP\r\n" + data)


def changed(**fields: object) -> Clip:
    original = clip()
    packet = dataclasses.replace(original.tracks[0].packets[1], **fields)
    track = dataclasses.replace(original.tracks[0], packets=(original.tracks[0].packets[0], packet))
    return dataclasses.replace(original, tracks=(track,))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: changed(payload=b""),
        lambda: changed(payload=bytes(1201)),
        lambda: changed(due_ms=40),
        lambda: changed(rtp_ticks=48000),
        lambda: dataclasses.replace(clip(), duration_ms=0),
        lambda: dataclasses.replace(clip(), name=""),
        lambda: dataclasses.replace(clip(), language="ü"),
        lambda: dataclasses.replace(clip(), tracks=clip().tracks * 2),
        lambda: dataclasses.replace(clip(), tracks=(ClipTrack("VP8", 90000, ()),)),
        lambda: dataclasses.replace(clip(), tracks=(ClipTrack("VP8", 90000, clip().tracks[0].packets[1:]),)),
    ],
)
def test_a_clip_the_pacer_could_not_send_is_refused(wrong: Callable[[], Clip]) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_clip(wrong())


def test_a_folder_of_clips_is_loaded_by_name_and_language(tmp_path: Path) -> None:
    (tmp_path / "a.clip").write_bytes(encode_clip(clip()))
    (tmp_path / "notes.txt").write_text("no clip")
    assert load_clips(tmp_path) == {("hold", "en"): clip()}
    (tmp_path / "b.clip").write_bytes(b"broken")
    with pytest.raises(ClipDamaged, match=r"b\.clip"):
        load_clips(tmp_path)
