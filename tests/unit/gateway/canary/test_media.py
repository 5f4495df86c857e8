"""A robot counts what it hears as RFC 3550 counts, and paces what it says."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.canary.footage import FRAMES_PER_S, footage
from gateway.canary.media import Counts, RobotMedia
from media.forward import rtcp
from media.port import Kind
from media.sdp.description import Codec, Negotiated, Section

OPUS = Codec(name="OPUS", payload_type=111, clock_rate_hz=48000, channels=2)
VP8 = Codec(name="VP8", payload_type=96, clock_rate_hz=90000, rtx_payload_type=97)
NEGOTIATED = Negotiated(
    sections=(
        Section(kind=Kind.AUDIO, mid="0", codecs=(OPUS,), local_ssrc=1, cname="robot"),
        Section(kind=Kind.VIDEO, mid="1", codecs=(VP8,), local_ssrc=2, cname="robot"),
    ),
    local_ufrag="",
    local_password="",
    remote_ufrag="",
    remote_password="",
    remote_fingerprints=(),
    dtls_role="client",
)


class WireTap:
    """A link that keeps what was sent."""

    connected = True
    remote_address = "203.0.113.1:5000"
    round_trip_ms: float | None = None

    def __init__(self) -> None:
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self._sent = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when something was sent that makes `condition` true."""
        async with asyncio.timeout(10):
            while not condition():
                self._sent.clear()
                await self._sent.wait()

    def send_rtp(self, buffer: bytearray, length: int) -> int:
        self.rtp.append(bytes(buffer[:length]))
        self._sent.set()
        return length + 16

    def send_rtcp(self, buffer: bytearray, length: int) -> int:
        self.rtcp.append(bytes(buffer[:length]))
        self._sent.set()
        return length + 16

    def send_protected(self, ciphertext: bytes) -> None:
        raise AssertionError("robots keep no ring")

    async def close(self) -> None:
        raise AssertionError("the robot's peer closes the link")


def packet(sequence: int, *, payload_type: int = 96, marker: bool = False, ssrc: int = 9) -> bytearray:
    return bytearray(struct.pack("!BBHII", 0x80, payload_type | marker << 7, sequence, 0, ssrc) + b"x")


@pytest.fixture
async def talking() -> AsyncIterator[tuple[RobotMedia, WireTap]]:
    media, tap = RobotMedia(footage()), WireTap()
    media.start(tap, NEGOTIATED)
    yield media, tap
    await media.stop()


async def hear(media: RobotMedia, *packets: bytearray) -> Counts:
    for one in packets:
        media.on_rtp(one, len(one), 0.0)
    return media.counts()


async def test_a_picture_is_counted_at_its_marker(talking: tuple[RobotMedia, WireTap]) -> None:
    counts = await hear(talking[0], packet(1), packet(2), packet(3, marker=True), packet(4))
    assert counts.video_frames == 1


async def test_lost_packets_are_counted_over_the_wrap(talking: tuple[RobotMedia, WireTap]) -> None:
    """RFC 3550 §A.3: expected minus received, the sequence number extended."""
    counts = await hear(talking[0], packet(65534), packet(65535), packet(2))
    assert counts.lost == 2


async def test_packets_out_of_order_are_not_lost(talking: tuple[RobotMedia, WireTap]) -> None:
    counts = await hear(talking[0], packet(10), packet(12), packet(11))
    assert counts.lost == 0


async def test_retransmissions_and_short_packets_count_for_nothing(talking: tuple[RobotMedia, WireTap]) -> None:
    counts = await hear(talking[0], packet(1, payload_type=97, marker=True), bytearray(b"\x80\x60"))
    assert (counts.video_frames, counts.audio_packets, counts.lost) == (0, 0, 0)


async def test_sound_and_pictures_are_sent_at_their_pace(talking: tuple[RobotMedia, WireTap]) -> None:
    media, tap = talking
    before = media.counts()
    await tap.until(lambda: media.counts().since(before).sent_audio_packets >= 50)
    sent = media.counts().since(before)
    assert abs(sent.sent_video_frames - FRAMES_PER_S) <= 2


async def test_sender_reports_say_what_was_sent(talking: tuple[RobotMedia, WireTap]) -> None:
    _, tap = talking
    await tap.until(lambda: len(tap.rtcp) >= 2)
    reports = [item for one in tap.rtcp for item in rtcp.parse(one, len(one)) if isinstance(item, rtcp.SenderReport)]
    assert {report.ssrc for report in reports} == {1, 2}


async def test_a_key_frame_is_sent_when_asked_for(talking: tuple[RobotMedia, WireTap]) -> None:
    media, tap = talking

    def key_frames() -> int:
        return sum(1 for one in tap.rtp if one[1] & 0x7F == 96 and one[12] & 0x10 and not one[16] & 1)

    await tap.until(lambda: key_frames() >= 1)
    before = len(tap.rtp)
    request = rtcp.picture_loss(9, 2)
    media.on_rtcp(bytearray(request), len(request), 0.0)
    await tap.until(lambda: key_frames() >= 2)
    assert len(tap.rtp) - before < 40, "it must not wait for the end of the loop"


async def test_waiting_for_media_ends_when_the_path_closes(talking: tuple[RobotMedia, WireTap]) -> None:
    media, _ = talking
    media.on_closed("consent_lost", 0.0)
    with pytest.raises(ConnectionError, match="consent_lost"):
        await media.heard_since(media.counts())
