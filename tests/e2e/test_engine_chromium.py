"""The engine between two real browsers: hold, retrieve and another agent are one stream that never breaks."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from media.engine import EngineSettings, InProcessEngine
from media.forward.leg import ForwardLeg
from media.port import Clip, FromLeg, Kind, OpenLeg, SetSource
from media.transport.secured import SecuredLink
from tests.support.fake_devices import Colour, FakeDevices, make_devices

PAGE = """<!doctype html><link rel="icon" href="data:,"><video autoplay playsinline></video><script type="module">
window.call = async (leg) => {
  const pc = window.pc = new RTCPeerConnection();
  const heard = new MediaStream();
  document.querySelector("video").srcObject = heard;
  pc.ontrack = (e) => { if (e.transceiver.mid !== "2") heard.addTrack(e.track); };
  const [audio, video] = ["audio", "video", "video"].map((kind) => pc.addTransceiver(kind));
  await pc.setLocalDescription();
  const answer = await fetch(`/offer/${leg}`, {method: "POST", body: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  await audio.sender.replaceTrack(stream.getAudioTracks()[0]);
  await video.sender.replaceTrack(stream.getVideoTracks()[0]);
};
window.stats = async () => {
  const found = {};
  for (const report of (await pc.getStats()).values())
    if (["inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp"].includes(report.type))
      found[`${report.type} ${report.kind} ${report.mid ?? ""}`.trim()] = {...report};
    else if (report.type === "candidate-pair" && report.nominated) found.pair = {...report};
  return found;
};
window.colour = () => {  // of one spot of what is shown now
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  if (video.readyState < 2) return null;
  canvas.width = 16; canvas.height = 12;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 16, 12);
  return Array.from(context.getImageData(4, 2, 1, 1).data.slice(0, 3));
};
window.loudest = () => {  // the frequency in Hz of what is heard now, 0 for silence
  if (!window.ear) {
    const context = new AudioContext(), heard = document.querySelector("video").srcObject;
    window.ear = context.createAnalyser();
    window.ear.fftSize = 8192; window.ear.smoothingTimeConstant = 0;
    context.createMediaStreamSource(new MediaStream(heard.getAudioTracks())).connect(window.ear);
  }
  const spectrum = new Float32Array(window.ear.frequencyBinCount);
  window.ear.getFloatFrequencyData(spectrum);
  const peak = spectrum.indexOf(Math.max(...spectrum));
  return spectrum[peak] > -70 ? peak * window.ear.context.sampleRate / window.ear.fftSize : 0;
};
</script>"""

CHROMIUM = ("--no-sandbox", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required")
DEVICES = {
    "customer": (Colour(200, 40, 40), 440),
    "agent": (Colour(40, 160, 60), 660),
    "expert": (Colour(50, 70, 200), 880),
}


class Person:
    """A browser with a camera of its own colour, and its leg."""

    def __init__(self, name: str, page: Page, devices: FakeDevices, engine: InProcessEngine) -> None:
        self.leg_id = f"lg_{name}"
        self.page = page
        self.devices = devices
        self.engine = engine

    async def sees_and_hears(self, other: "Person") -> None:
        colour = other.devices.colour
        wanted = (colour.red, colour.green, colour.blue)
        await self.until("colour()", lambda got: got and max(abs(g - w) for g, w in zip(got, wanted, strict=True)) < 40)
        await self.until("loudest()", lambda got: abs(got - other.devices.tone_hz) < 25)

    async def until(self, expression: str, holds: Callable[[Any], object], within_s: float = 30) -> None:
        """Return when the page's value satisfies `holds`. (`wait_for_function` takes any promise for true.)"""
        got = None
        try:
            async with asyncio.timeout(within_s):
                while not holds(got := await self.page.evaluate(expression)):  # noqa: ASYNC110 - a browser's value
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{self.leg_id} not within {within_s} s: {expression} is {got}") from None

    async def until_stats(self, name: str, field: str, above: float) -> None:
        await self.until("stats()", lambda stats: (stats.get(name) or {}).get(field, 0) > above)

    async def is_sent(self, source: Clip | FromLeg) -> None:
        await self.engine.execute(SetSource(leg_id=self.leg_id, source=source))

    async def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate("stats()")
        return found


@pytest.fixture
async def people(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[dict[str, Person]]:
    """Each in a browser of their own, with a leg; `indirect` parameters say who."""
    async with AsyncExitStack() as stack:
        engine = await InProcessEngine.start(EngineSettings(host="127.0.0.1"))
        stack.push_async_callback(engine.aclose)

        async def page_text(_: web.Request) -> web.Response:
            return web.Response(text=PAGE, content_type="text/html")

        async def offer(request: web.Request) -> web.Response:
            command = OpenLeg(leg_id=request.match_info["leg"], sdp_offer=await request.text())
            return web.Response(text=(await engine.execute(command)).sdp_answer)

        app = web.Application()
        app.add_routes([web.get("/", page_text), web.post("/offer/{leg}", offer)])
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        playwright = await stack.enter_async_context(async_playwright())
        found: dict[str, Person] = {}
        for name in request.param:
            devices = make_devices(tmp_path, name, *DEVICES[name])
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                headless=True,
                args=[*CHROMIUM, *devices.chromium_arguments()],
            )
            stack.push_async_callback(browser.close)
            page = await (await browser.new_context(permissions=["camera", "microphone"])).new_page()
            await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
            found[name] = Person(name, page, devices, engine)
        await asyncio.gather(*(person.page.evaluate(f"call('{person.leg_id}')") for person in found.values()))
        yield found


VIDEO, AUDIO = "inbound-rtp video 1", "inbound-rtp audio 0"


@pytest.mark.parametrize("people", [("customer", "agent", "expert")], indirect=True)
async def test_hold_agent_hold_and_another_agent_are_one_stream(people: dict[str, Person]) -> None:
    customer, agent, expert = people["customer"], people["agent"], people["expert"]
    hold = Clip(name="hold", loop=True)
    for person in people.values():
        await person.is_sent(hold)
    await customer.until_stats(VIDEO, "framesDecoded", 8)
    ssrcs = set()
    for other in (agent, expert, agent):
        await customer.is_sent(FromLeg(leg_id=other.leg_id))
        await other.is_sent(FromLeg(leg_id=customer.leg_id))
        await asyncio.gather(customer.sees_and_hears(other), other.sees_and_hears(customer))
        stats = await customer.stats()
        ssrcs.add((stats[VIDEO]["ssrc"], stats[AUDIO]["ssrc"]))
        await customer.is_sent(hold)
        await other.is_sent(hold)
        await customer.until_stats(VIDEO, "framesDecoded", stats[VIDEO]["framesDecoded"] + 16)
    stats = await customer.stats()
    assert len(ssrcs) == 1
    assert stats[VIDEO]["packetsLost"] == stats[AUDIO]["packetsLost"] == 0
    assert stats[VIDEO]["framesDropped"] <= 0.3 * stats[VIDEO]["framesDecoded"]
    assert stats["outbound-rtp video 1"]["retransmittedPacketsSent"] == 0


@pytest.mark.parametrize("people", [("customer", "agent")], indirect=True)
async def test_a_quiet_picture_keeps_its_bitrate_and_sound_stays_with_it(people: dict[str, Person]) -> None:
    """A flat colour needs 6 kbit/s; the estimates that come of it must not talk its sender down to the minimum."""
    customer, agent = people["customer"], people["agent"]
    await customer.is_sent(FromLeg(leg_id=agent.leg_id))
    await agent.is_sent(FromLeg(leg_id=customer.leg_id))
    await customer.until_stats(AUDIO, "totalSamplesDuration", 12)  # estimates come about once a second
    # A machine that is held up looks congested, and a sender with nothing to send can't prove that it is over: then it
    # stays at what our floor of 100 kbit/s leaves beside the sound, 58 and more, and never sinks to Chromium's 30.
    await customer.until_stats("outbound-rtp video 1", "targetBitrate", 45_000)

    def together(stats: dict[str, Any]) -> bool:
        played = [stats[kind].get("estimatedPlayoutTimestamp") for kind in (VIDEO, AUDIO)]
        return all(played) and abs(played[0] - played[1]) < 100

    await customer.until("stats()", together)  # browsers close the distance step by step


@pytest.mark.parametrize("people", [("customer", "agent")], indirect=True)
async def test_losses_on_both_sides_are_repaired_with_a_browser(
    people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium answers our NACKs by RTX, and takes our repetitions of the same ciphertext."""
    customer, agent = people["customer"], people["agent"]
    dropped = Counter[str]()
    seen: set[tuple[str, int]] = set()
    receive, transmit = ForwardLeg.on_rtp, SecuredLink._transmit

    def lossy_receive(leg: ForwardLeg, buffer: bytearray, length: int, at_s: float) -> None:
        video = leg.incoming[Kind.VIDEO].section
        once = (leg.leg_id, buffer[2] << 8 | buffer[3])
        if buffer[1] & 0x7F == video.codecs[0].payload_type and once[1] % 7 == 3 and once not in seen:
            seen.add(once)
            dropped["in"] += 1
            return
        receive(leg, buffer, length, at_s)

    def lossy_transmit(link: SecuredLink, buffer: bytearray, size: int) -> int:
        if buffer[1] & 0x7F == 96 and (buffer[2] << 8 | buffer[3]) % 7 == 5:
            dropped["out"] += 1
            return size
        return transmit(link, buffer, size)

    for leg in customer.engine._legs.values():  # the shortcut passes by both places
        leg.forward._shortcut = None
        leg.link.shorten(leg.link.on_datagram)  # type: ignore[attr-defined]
    monkeypatch.setattr(ForwardLeg, "on_rtp", lossy_receive)
    monkeypatch.setattr(SecuredLink, "_transmit", lossy_transmit)
    await customer.is_sent(FromLeg(leg_id=agent.leg_id))
    await agent.is_sent(FromLeg(leg_id=customer.leg_id))
    await asyncio.gather(customer.sees_and_hears(agent), agent.sees_and_hears(customer))
    await customer.until_stats(VIDEO, "framesDecoded", 120)
    stats = await customer.stats()
    counters = customer.engine.counters()
    assert dropped["in"] > 10
    assert dropped["out"] > 10
    assert counters.restored_packets > 0.5 * dropped["in"]
    assert counters.resent_packets > 0.5 * dropped["out"]
    assert stats[VIDEO]["packetsLost"] <= 0.5 * dropped["out"]
