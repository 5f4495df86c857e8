"""The transport against a real browser: Chromium's offer is answered, ICE and DTLS connect, media flows both ways."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from media.port import Kind
from media.sdp.description import Negotiated
from media.transport.link import Link
from media.transport.server import TransportServer
from tests.integration.media.transport_rig import RecordingSink, until

PAGE = """<!doctype html><link rel="icon" href="data:,"><script type="module">
window.call = async () => {
  const pc = window.pc = new RTCPeerConnection();
  window.arrived = [];
  pc.ontrack = (e) => window.arrived.push([e.transceiver.mid, e.track.kind, e.streams[0]?.id]);
  const [audio, video] = ["audio", "video", "video"].map((kind) => pc.addTransceiver(kind));
  await pc.setLocalDescription();
  const answer = await fetch("/offer", {method: "POST", body: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  await audio.sender.replaceTrack(stream.getAudioTracks()[0]);
  await video.sender.replaceTrack(stream.getVideoTracks()[0]);
  return window.arrived;
};
window.stats = async () => {
  const found = {};
  for (const report of (await pc.getStats()).values())
    if (report.type === "transport") Object.assign(found, {dtls: report.dtlsCipher, srtp: report.srtpCipher});
    else if (report.type === "inbound-rtp") found[report.mid] = report.packetsReceived;
  return found;
};
</script>"""

CHROMIUM = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


class Site:
    """A page, and an answer to its offer."""

    def __init__(self, server: TransportServer) -> None:
        self.server = server
        self.sink = RecordingSink()
        self.link: Link | None = None
        self.agreed: Negotiated | None = None

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def offer(self, request: web.Request) -> web.Response:
        self.link, self.agreed, answer = self.server.answer(await request.text(), self.sink, "lg_1")
        return web.Response(text=answer)


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str]]:
    server = await TransportServer.open()
    site = Site(server)
    app = web.Application()
    app.add_routes([web.get("/", site.page), web.post("/offer", site.offer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield site, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()
    await server.aclose()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=CHROMIUM)
        context = await browser.new_context(permissions=["camera", "microphone"])
        yield await context.new_page()
        await browser.close()


async def test_chromium_calls_and_media_flows_both_ways(site: tuple[Site, str], page: Page) -> None:
    here, url = site
    await page.goto(url)
    arrived = await page.evaluate("call()")
    assert arrived == [["0", "audio", "main"], ["1", "video", "main"], ["2", "video", "screen"]]
    link, agreed, sink = here.link, here.agreed, here.sink
    assert link is not None
    assert agreed is not None

    sections = {section.kind: section for section in agreed.sections}
    wanted = {kind: sections[kind].codecs[0].payload_type for kind in (Kind.AUDIO, Kind.VIDEO)}

    def received() -> Counter[int]:
        return Counter(packet[1] & 0x7F for packet in sink.rtp)

    await until(lambda: min(received()[pt] for pt in wanted.values()) >= 50, "50 packets of sound and of picture", 20)
    assert {kind: sections[kind].peer_ssrcs[0] for kind in wanted} == {
        kind: next(int.from_bytes(p[8:12], "big") for p in sink.rtp if p[1] & 0x7F == pt) for kind, pt in wanted.items()
    }
    assert sink.rtcp, "sender reports came"

    sound = [p for p in sink.rtp if p[1] & 0x7F == wanted[Kind.AUDIO]][:50]
    for packet in sound:  # its own voice back, under the SSRC the answer announced
        echo = bytearray(packet) + bytes(64)
        echo[8:12] = sections[Kind.AUDIO].local_ssrc.to_bytes(4, "big")
        assert link.send_rtp(echo, len(packet))
    stats = await page.evaluate("stats()")
    async with asyncio.timeout(30):
        while stats["0"] < len(sound):
            stats = await page.evaluate("stats()")
    assert stats["srtp"] == "SRTP_AEAD_AES_128_GCM"
    assert stats["dtls"].endswith("GCM_SHA256")
    assert not here.server.counters

    await page.evaluate("pc.close()")
    await until(lambda: sink.events == ["connected", "closed:bye"], "the browser's close_notify")
