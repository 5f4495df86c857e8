"""Datagrams of strangers, hostile descriptions and hostile media, thrown at the running product while others talk."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import cast

import pytest

from gateway.canary.media import RobotMedia
from gateway.canary.talk import Talk
from media.port import Kind
from signaling.messages import HangUp, LegAnswer, LegOffer, LegRefused, LegState
from tests.support.hostile import (
    Stranger,
    leg,
    listener,
    media_drops,
    media_port,
    no_contact_is_left,
    nothing_is_lost,
    offer_text,
    ring,
)
from tests.support.product import Product, contact_when, scene


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    product = await Product.start(tmp_path, settings={"VISAVIS_LIMITS__MESSAGES_PER_SECOND": "200"})
    yield product
    await product.kill()


async def test_a_thousand_junk_datagrams_during_set_up_and_a_thousand_in_the_call_lose_nothing(
    product: Product,
) -> None:
    """0 packets lost both ways, no answer to the stranger, and a complete recording of four tracks at the end."""
    with Stranger(media_port(product)) as stranger:
        async with scene(product) as one:
            set_up = asyncio.ensure_future(one.to("queue", "ringing", "call"))
            await asyncio.gather(stranger.throw(1000), set_up)
            async with nothing_is_lost(one):
                await stranger.throw(1000)
            assert await media_drops(product, "stranger_junk", "datagram_size") == stranger.thrown == 2000
            assert not stranger.was_answered()
            await one.to("wrap_up", "end")
            contact = await contact_when(product, one.contact_id, state="closed", recording="complete")
    assert contact["recording"]["completeness"] >= 0.99
    assert len(contact["recording"]["tracks"]) == 4
    assert await media_drops(product, "handler_error") == 0


def hostile_descriptions(good: str) -> dict[str, tuple[str, str]]:
    """What is sent as an offer, and the code of its refusal."""
    candidate = "a=candidate:1 1 udp 2113937151 192.0.2.7 5000 typ host\r\n"
    without = "\r\n".join(line for line in good.split("\r\n") if not line.startswith("a=fingerprint:"))
    weak = "\r\n".join(
        "a=fingerprint:sha-1 " + "AB:" * 19 + "CD" if line.startswith("a=fingerprint:") else line
        for line in good.split("\r\n")
    )
    return {
        "200 candidates": (good + candidate * 200, "sdp_too_many_candidates"),
        "400 sections": (good + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 400, "sdp_too_many_sections"),
        "a line of 5,000": (good + "a=" + "x" * 5000 + "\r\n", "sdp_line_too_long"),
        "4,000 lines": (good[:2000] + "a=\n" * 4000, "sdp_too_many_lines"),
        "a NUL": (good.replace("opus", "op\0us"), "sdp_bad_character"),
        "nonsense": ("hello", "sdp_syntax"),
        "deep fmtp": (good + "a=fmtp:" + "(" * 900 + "\r\n", "sdp_syntax"),
        "no fingerprint": (without, ""),
        "sha-1 only": (weak, ""),
    }


async def test_hostile_descriptions_are_refused_while_another_call_loses_nothing(product: Product) -> None:
    """Each gets `leg_refused` with a code within 10 s, and the same customer may still come with a good one."""
    good = await offer_text()
    async with scene(product) as one, scene(product) as hostile:
        await one.to("queue", "ringing", "call")
        await hostile.to("queue")
        await hostile.customer_media.stop()
        async with nothing_is_lost(one):
            generation = 1
            for name, (sdp, code) in hostile_descriptions(good).items():
                generation += 1
                began = time.monotonic()
                await hostile.customer.send(LegOffer(generation=generation, sdp=sdp))
                async with asyncio.timeout(30):
                    refused = await hostile.customer.wait_for(LegRefused)
                assert time.monotonic() - began < 10, name
                assert (refused.generation, refused.code.startswith("sdp_")) == (generation, True), (name, refused)
                if code:
                    assert refused.code == code, name
            random = Random(9)
            for _ in range(60):  # whatever the change, there is an answer or a refusal
                generation += 1
                at = random.randrange(len(good))
                broken = good[:at] + random.choice(("", "\0", "\r\n", "9" * 40, "é", ":")) + good[at + 3 :]
                await hostile.customer.send(LegOffer(generation=generation, sdp=broken))
                async with asyncio.timeout(30):
                    await hostile.customer.wait_for(LegAnswer | LegRefused)  # type: ignore[arg-type]
        async with leg(hostile.customer, generation + 1) as media, asyncio.timeout(30):
            await media.heard_since(media.counts())
            await hostile.customer.send(HangUp())
        await contact_when(product, hostile.contact_id, state="closed")
        await one.to("wrap_up", "end")
    await no_contact_is_left(product)


def candidates_to(port: int) -> list[str]:
    """Lines that name addresses inside the center, and one nobody can look up."""
    addresses = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "224.0.0.1", "secret.local", "fd00::1", "::1")
    return [
        f"a=candidate:{number} 1 udp {2**31 - number} {address} {port} typ host"
        for number, address in enumerate(addresses, 5)
    ]


async def test_a_forged_fingerprint_ends_its_own_leg_and_no_candidate_is_ever_sent_to(product: Product) -> None:
    """DTLS with a certificate that was not announced fails at once; the next leg connects, and from it nobody else."""
    async with scene(product) as one, scene(product) as hostile:
        await one.to("queue", "ringing", "call")
        await hostile.to("queue")
        await hostile.customer_media.stop()
        async with nothing_is_lost(one):
            forger = cast("Talk", _Forger(hostile.customer))
            with suppress(ConnectionError):  # its own end may notice before the gateway says so
                async with asyncio.timeout(8), leg(forger, 2) as media:
                    await hostile.customer.wait_for(LegState, lambda state: state.state in ("reconnecting", "failed"))
                    assert media.counts().audio_packets == media.counts().video_frames == 0
        with listener() as inside:
            candidates = candidates_to(inside.getsockname()[1])
            async with asyncio.timeout(30), leg(hostile.customer, 3, *candidates) as media:
                await media.heard_since(media.counts())
            with pytest.raises(BlockingIOError):
                inside.recv(2048)


class _Forger:
    """A talk whose offers announce the certificate of somebody else."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def __getattr__(self, name: str) -> object:
        return getattr(self._talk, name)

    async def send(self, message: LegOffer) -> None:
        lines = [
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) if line.startswith("a=fingerprint:") else line
            for line in message.sdp.split("\r\n")
        ]
        await self._talk.send(message.model_copy(update={"sdp": "\r\n".join(lines)}))


async def test_hostile_media_harms_neither_the_other_call_nor_its_own_end(product: Product) -> None:
    """Bombs, 300 streams, leaping times: the other call loses nothing; the hostile one closes at once and is sealed."""
    random = Random(4)
    async with scene(product) as one, scene(product) as hostile:
        await one.to("queue", "ringing", "call")
        await hostile.to("queue")
        await ring(hostile, 1)
        await hostile.to("call")
        media = hostile.customer_media
        async with nothing_is_lost(one):
            for number in range(400):
                for packet in _attack(media, number, random):
                    _send(media, packet)
                if number % 5 == 4:
                    await asyncio.sleep(0.005)
        began = time.monotonic()
        await hostile.customer.send(HangUp())
        await contact_when(product, hostile.contact_id, state="wrap_up")
        assert time.monotonic() - began < 15
        await hostile.to("end")
        await one.to("wrap_up", "end")
        for contact_id in (one.contact_id, hostile.contact_id):
            await contact_when(product, contact_id, state="closed", recording="complete")
    await no_contact_is_left(product)


def _attack(media: RobotMedia, number: int, random: Random) -> list[bytes]:
    video, audio = media._video, media._audio
    assert video is not None
    assert audio is not None
    picture, sound = video.section.local_ssrc, audio.section.local_ssrc
    bomb = b"\x10\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(1000)
    return [
        struct.pack("!BBHII", 0x80, _sound_type(media), 1, 1, 10_000 + number) + b"x",
        struct.pack("!BBHII", 0x80, _sound_type(media), number, 0xFFFFFFFF * (number % 2), sound) + b"x",
        struct.pack("!BBHII", 0x80, _sound_type(media), random.randrange(0x10000), number, sound) + b"x",
        struct.pack("!BBHII", 0x80, video.payload_type, random.randrange(0x10000), number, picture) + bomb,
    ]


def _sound_type(media: RobotMedia) -> int:
    return next(number for number, kind in media._kinds.items() if kind is Kind.AUDIO)


def _send(media: RobotMedia, packet: bytes) -> None:
    buffer = bytearray(2048)
    buffer[: len(packet)] = packet
    assert media.link is not None
    media.link.send_rtp(buffer, len(packet))
