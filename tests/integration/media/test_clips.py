"""The clips that come with the product: they decode, they loop without a seam, and they cost little."""

from itertools import pairwise

import av
import numpy as np
import pytest

from media.codec.vp8 import picture_size
from media.player.clip import Clip, ClipTrack
from media.player.clipfile import load_clips
from media.recording.frames import opus_duration_ms
from media.recording.h264 import H264Depacketiser
from media.recording.vp8 import Vp8Depacketiser

CLIPS = load_clips()


def pictures(track: ClipTrack) -> list[tuple[float, bool, np.ndarray]]:
    """Every frame of a video track put together and decoded: (seconds, key frame, grey picture)."""
    out: list[tuple[float, bool, np.ndarray]] = []
    depacketiser = Vp8Depacketiser() if track.codec_name == "VP8" else H264Depacketiser()
    decoder = av.CodecContext.create("vp8" if track.codec_name == "VP8" else "h264", "r")
    for packet in track.packets:
        assert depacketiser.add(packet.payload)
        if not packet.marker:
            continue
        taken = depacketiser.take()
        assert taken is not None
        data, key_frame, width, height = taken
        if key_frame:
            assert (width, height) == (640, 360)
        if track.codec_name == "H264":
            data = annex_b(data)
        out += [
            (packet.rtp_ticks / 90000, key_frame, frame.to_ndarray(format="gray").astype(np.int16))
            for frame in decoder.decode(av.Packet(data))
        ]
    return out


def annex_b(data: bytes) -> bytes:
    out, at = b"", 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        out += b"\x00\x00\x00\x01" + data[at + 4 : at + 4 + length]
        at += 4 + length
    return out


def samples(track: ClipTrack) -> np.ndarray:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = 48000
    decoder.layout = "mono"
    frames = [frame for packet in track.packets for frame in decoder.decode(av.Packet(packet.payload))]
    return np.concatenate([frame.to_ndarray().reshape(-1).astype(np.float64) for frame in frames]) / 32768


def test_every_line_exists_in_every_language_and_hold_needs_none() -> None:
    lines = {(name, language) for name in ("welcome", "menu", "queue", "goodbye") for language in ("en", "fr", "es")}
    assert set(CLIPS) == lines | {("hold", "en")}


@pytest.mark.parametrize("clip", CLIPS.values(), ids=lambda clip: f"{clip.name}.{clip.language}")
def test_a_clip_fits_every_network(clip: Clip) -> None:
    assert {track.codec_name for track in clip.tracks} == {"OPUS", "VP8", "H264"}
    for track in clip.tracks:
        size = sum(len(packet.payload) for packet in track.packets)
        assert max(len(packet.payload) for packet in track.packets) <= 1100
        assert size * 8 / clip.duration_ms <= (56 if track.codec_name == "OPUS" else 110)  # kbit/s
        if track.codec_name == "OPUS":
            assert {opus_duration_ms(packet.payload) for packet in track.packets} == {20.0}
        else:
            ways_in = [packet.due_ms for packet in track.packets if packet.key_frame]
            assert ways_in == list(range(0, clip.duration_ms, 2000))


@pytest.mark.parametrize("codec_name", ["VP8", "H264"])
def test_the_hold_picture_decodes_moves_gently_and_leads_back_into_its_beginning(codec_name: str) -> None:
    track = CLIPS["hold", "en"].track(codec_name)
    assert track is not None
    shown = pictures(track)
    assert [round(time_s * 8) for time_s, _, _ in shown] == list(range(256))
    steps = [float(np.abs(b[2] - a[2]).mean()) for a, b in pairwise(shown)]
    assert max(steps) < 2.0  # no flicker, not even where a key frame comes
    assert float(np.abs(shown[128][2] - shown[0][2]).mean()) > 1.0  # it does move
    assert float(np.abs(shown[-1][2] - shown[0][2]).mean()) < 2.0


def test_the_hold_music_is_calm_and_leads_back_into_its_beginning() -> None:
    track = CLIPS["hold", "en"].track("OPUS")
    assert track is not None
    once = samples(track)
    assert len(once) == 32 * 48000
    loudness = np.array([np.sqrt((part**2).mean()) for part in np.split(once, 64)])  # half seconds
    assert loudness.min() > 0.01
    assert loudness.max() / loudness.min() < 6
    assert np.abs(once).max() < 0.5
    seam = abs(once[-1] - once[0])
    assert seam < 0.05


@pytest.mark.parametrize("clip", [clip for clip in CLIPS.values() if clip.name != "hold"], ids=lambda c: c.name)
def test_a_line_is_louder_than_the_music_under_it(clip: Clip) -> None:
    track = clip.track("OPUS")
    assert track is not None
    sound = samples(track)
    lead = np.sqrt((sound[: int(0.3 * 48000)] ** 2).mean())
    voice = np.sqrt((sound[int(0.5 * 48000) : -int(0.8 * 48000)] ** 2).mean())
    assert voice > 4 * lead
    assert 0.03 < voice < 0.25


def test_vp8_key_frames_say_their_size() -> None:
    track = CLIPS["hold", "en"].track("VP8")
    assert track is not None
    assert picture_size(track.packets[0].payload[1:] + track.packets[1].payload[1:]) == (640, 360)
