"""How fast a real browser's picture follows a limit that comes and goes: on its way up, or on its listener's way down.

    .venv/bin/python tests/bench/bandwidth.py --side downlink --rate 300000 [--queue 1000] [--patient]

Two Chromium pages talk through the engine, each behind a relay (`tests/support/impairment.py`). After some free seconds
one direction is cut to `--rate`, then freed. Prints one line a half second and the figures: seconds until the bitrate
fits, until the queue is short again, and until the picture is back at 80 % of what it was.
"""

import argparse
import asyncio
import dataclasses
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Page, async_playwright

from media.engine import EngineSettings, InProcessEngine
from media.port import FromLeg, OpenLeg, SetSource
from tests.support.impairment import Impairment, ImpairmentRelay
from tests.support.impairment import Path as Way

PAGE = """<!doctype html><link rel="icon" href="data:,"><video autoplay playsinline muted></video><script type="module">
import { ceilingOf, setCeiling, UplinkSearch } from "/uplink.js";
window.call = async (leg, sends) => {
  const pc = window.pc = new RTCPeerConnection();
  const heard = new MediaStream();
  document.querySelector("video").srcObject = heard;
  pc.ontrack = (e) => heard.addTrack(e.track);
  const [audio, video] = ["audio", "video"].map((kind) => pc.addTransceiver(kind));
  await pc.setLocalDescription();
  const answer = await fetch(`/offer/${leg}`, {method: "POST", body: pc.localDescription.sdp});
  window.answer = await answer.text();
  await pc.setRemoteDescription({type: "answer", sdp: window.answer});
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: sends && {width: 480, height: 360}});
  await audio.sender.replaceTrack(stream.getAudioTracks()[0]);
  if (sends) await video.sender.replaceTrack(stream.getVideoTracks()[0]);
  if (sends && !location.search.includes("patient")) search(new UplinkSearch(ceilingOf(window.answer)));
};
async function search(uplink) {  // as lib/peer.js does
  for (;;) {
    await new Promise((done) => setTimeout(done, 1000));
    const reports = [...(await pc.getStats()).values()];
    const pair = reports.find((r) => r.type === "candidate-pair" && r.nominated);
    const held = reports.some((r) => r.type === "outbound-rtp" && r.qualityLimitationReason === "bandwidth");
    const ceiling = uplink.step(pair?.availableOutgoingBitrate, held);
    if (ceiling !== null) { window.searches = (window.searches ?? 0) + 1; await setCeiling(pc, answer, ceiling); }
  }
}
window.stats = async () => {
  const found = {};
  for (const report of (await pc.getStats()).values())
    if (["inbound-rtp", "outbound-rtp", "remote-inbound-rtp"].includes(report.type))
      found[`${report.type} ${report.kind}`] = {...report, searches: window.searches};
    else if (report.type === "candidate-pair" && report.nominated) found.pair = {...report};
  return found;
};
</script>"""

SEARCH = Path(__file__).parents[2] / "web/static/lib/uplink.js"
FREE = Impairment(delay_ms=20)

Row = tuple[float, float, float, float]
"""Seconds, bit/s sent, seconds of queue, bit/s that the browser's encoder is to make."""


def camera(path: Path, frames: int = 30) -> None:
    """A grainy picture: its encoder takes all the bitrate it is given."""
    chance = random.Random(5)
    table = bytes(96 + (value & 0x3F) for value in range(256))
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W480 H360 F15:1 Ip A1:1 C420jpeg\n")
        still = chance.randbytes(480 * 270).translate(table)
        for _ in range(frames):
            file.write(b"FRAME\n" + still + chance.randbytes(480 * 90).translate(table) + b"\x80" * (480 * 180))


async def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--side", choices=("downlink", "uplink"), default="downlink")
    options.add_argument("--rate", type=int, default=300_000)
    options.add_argument("--queue", type=float, default=1000)
    options.add_argument("--loss", type=float, default=0, help="share lost, in place of a rate")
    options.add_argument("--free", type=float, default=12)
    options.add_argument("--limited", type=float, default=15)
    options.add_argument("--after", type=float, default=20)
    options.add_argument("--patient", action="store_true", help="without the pages' search for a wider way up")
    chosen = options.parse_args()
    engine = await InProcessEngine.start(EngineSettings(host="127.0.0.1"))
    relay = ImpairmentRelay(("127.0.0.1", engine.port))
    ways: dict[str, Way] = {name: relay.open_path(name, up=FREE) for name in ("customer", "agent")}

    async def page_text(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        leg = request.match_info["leg"]
        answer = await engine.execute(OpenLeg(leg_id=leg, sdp_offer=await request.text()))
        if os.environ.get("SDP"):
            print(await request.text(), answer.sdp_answer)
        return web.Response(text=ways[leg].steer(answer.sdp_answer))

    app = web.Application()

    async def search_text(_: web.Request) -> web.Response:
        return web.Response(text=SEARCH.read_text(), content_type="text/javascript")

    app.add_routes([web.get("/uplink.js", search_text), web.get("/", page_text), web.post("/offer/{leg}", offer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/" + ("?patient" if chosen.patient else "")
    with tempfile.TemporaryDirectory() as folder:
        camera(Path(folder) / "noise.y4m")
        async with async_playwright() as playwright:
            pages: dict[str, Page] = {}
            browsers = []
            for name in ways:
                browser = await playwright.chromium.launch(
                    executable_path="/usr/bin/chromium",
                    args=[
                        "--no-sandbox",
                        "--use-fake-ui-for-media-stream",
                        "--use-fake-device-for-media-stream",
                        "--autoplay-policy=no-user-gesture-required",
                        f"--use-file-for-fake-video-capture={folder}/noise.y4m",
                        *os.environ.get("CHROMIUM_ARGS", "").split(),
                    ],
                )
                browsers.append(browser)
                page = await (await browser.new_context(permissions=["camera", "microphone"])).new_page()
                await page.goto(url)
                pages[name] = page
            await asyncio.gather(*(pages[n].evaluate(f"call('{n}', {str(n == 'customer').lower()})") for n in ways))
            for one, other in (("customer", "agent"), ("agent", "customer")):
                await engine.execute(SetSource(leg_id=one, source=FromLeg(leg_id=other)))
            await measure(chosen, engine, ways, pages)
            for browser in browsers:
                await browser.close()
    await runner.cleanup()
    relay.close()
    await engine.aclose()


async def measure(
    chosen: argparse.Namespace, engine: InProcessEngine, ways: dict[str, Way], pages: dict[str, Page]
) -> None:
    way, direction = (ways["agent"], "down") if chosen.side == "downlink" else (ways["customer"], "up")
    narrow = dataclasses.replace(FREE, rate_bps=chosen.rate, queue_ms=chosen.queue)
    if chosen.loss:
        narrow = Impairment(delay_ms=80, jitter_ms=30, loss=chosen.loss, reorder=0.02)
    start = time.monotonic()
    end_free, end_limited = chosen.free, chosen.free + chosen.limited
    rows: list[Row] = []
    before: dict[str, Any] = {}
    phase = "free"
    last = start
    while (now := time.monotonic() - start) < end_limited + chosen.after:
        wanted = "free" if now < end_free else "limited" if now < end_limited else "freed"
        if wanted != phase:
            phase = wanted
            setattr(way, direction, narrow if phase == "limited" else FREE)
        await asyncio.sleep(0.5)
        stats, far = await asyncio.gather(pages["customer"].evaluate("stats()"), pages["agent"].evaluate("stats()"))
        elapsed, last = time.monotonic() - last, time.monotonic()
        out, pair, seen = stats.get("outbound-rtp video", {}), stats.get("pair", {}), far.get("inbound-rtp video", {})
        heard = far.get("inbound-rtp audio", {})
        sent = (out.get("bytesSent", 0) - before.get("sent", 0)) * 8 / elapsed
        came = (seen.get("bytesReceived", 0) - before.get("came", 0)) * 8 / elapsed
        frames = (seen.get("framesDecoded", 0) - before.get("frames", 0)) / elapsed
        leg = engine._legs["agent"].forward.control
        queue = max(0.0, (way.up_lane if direction == "up" else way.down_lane)._link_free_s - time.monotonic())
        line = (
            f"{last - start:5.1f} {phase:7} sent {sent / 1000:6.0f} came {came / 1000:6.0f} fps {frames:4.1f} "
            f"target {out.get('targetBitrate', 0) / 1000:6.0f} "
            f"avail {pair.get('availableOutgoingBitrate', 0) / 1000:6.0f} "
            f"link queue {queue * 1000:5.0f} ms freezes {seen.get('freezeCount', 0)} "
            f"{seen.get('totalFreezesDuration', 0):.1f}s pli {seen.get('pliCount')} nack {seen.get('nackCount')} "
            f"{out.get('qualityLimitationReason')} {out.get('searches')} "
            f"hid {heard.get('concealedSamples', 0) / max(1, heard.get('totalSamplesReceived', 1)):.3f} "
        )
        line += (
            f"silent {heard.get('silentConcealedSamples', 0) / max(1, heard.get('totalSamplesReceived', 1)):.3f} "
            f"fec {heard.get('fecPacketsReceived')} lost {heard.get('packetsLost')} of {heard.get('packetsReceived')} "
            f"told {stats.get('remote-inbound-rtp audio', {}).get('fractionLost')} "
        )
        if leg.delivery is not None:
            d = leg.delivery.downlink
            line += (
                f"| limit {d.limit_bps} rate {d.rate_bps / 1000:.0f} queue {d.queue_s * 1000:.0f} loss {d.loss:.2f} "
                f"probes {leg.delivery._prober.sent} paused {leg.delivery.floor.paused}"
            )
        print(line, flush=True)
        before = {
            "sent": out.get("bytesSent", 0),
            "came": seen.get("bytesReceived", 0),
            "frames": seen.get("framesDecoded", 0),
        }
        rows.append((last - start, sent, queue, out.get("targetBitrate", 0)))
    summarise(chosen, rows, end_free, end_limited)


def summarise(chosen: argparse.Namespace, rows: list[Row], cut: float, freed: float) -> None:
    """The three figures. Back is the encoder's target: what a picture needs of it depends on the picture."""
    usual = sorted(row[3] for row in rows if cut - 4 < row[0] <= cut)
    usual_bps = usual[len(usual) // 2]
    fits = next((at - cut for at, sent, _, _ in rows if at > cut + 0.3 and sent <= 1.05 * chosen.rate), None)
    long = [at for at, _, queue, _ in rows if cut < at < freed and queue > 0.5]
    back = next((at - freed for at, _, _, target in rows if at > freed and target >= 0.8 * usual_bps), None)
    print(
        {
            "side": chosen.side,
            "bps_before": round(usual_bps),
            "fits_after_s": fits and round(fits, 1),
            "queue_over_500ms_until_s": round(max(long) - cut, 1) if long else 0,
            "back_after_s": back and round(back, 1),
            "load": os.getloadavg()[0],
        }
    )


asyncio.run(main())
