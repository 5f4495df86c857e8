"""Recognises in a real browser which camera and which microphone arrive in a media element."""

import asyncio

from playwright.async_api import Error, Locator

from tests.support.fake_devices import FakeDevices

COLOUR_TOLERANCE = 40  # of 255 a channel: what two lossy encodings of a flat colour may cost
_TONE_TOLERANCE_HZ = 25

SEES = """async (video, [red, green, blue, tolerance]) => {
  const rest = () => new Promise((done) => setTimeout(() => done(false), 100));
  if (!video.isConnected || video.readyState < 2 || !video.videoWidth) return rest();
  const canvas = document.createElement('canvas');
  canvas.width = 16; canvas.height = 12;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const look = () => { context.drawImage(video, 0, 0, 16, 12); return context.getImageData(0, 0, 16, 12).data; };
  const at = (data, x, y) => Array.from(data.slice((y * 16 + x) * 4, (y * 16 + x) * 4 + 3));
  const first = look();
  const near = at(first, 4, 2).every((value, i) => Math.abs(value - [red, green, blue][i]) <= tolerance);
  if (!near) return rest();
  return new Promise((done) => {
    const limit = setTimeout(() => done(false), 1500);
    video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() => { clearTimeout(limit); done(true); }));
  });
}"""

_HEARS = """async (media, [toneHz, toleranceHz]) => {
  const stream = media.srcObject;
  if (!(stream instanceof MediaStream) || stream.getAudioTracks().length === 0) {
    return new Promise((done) => setTimeout(() => done(false), 100));
  }
  const context = window.__ear ??= new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192; analyser.smoothingTimeConstant = 0;
  const source = context.createMediaStreamSource(new MediaStream(stream.getAudioTracks()));
  source.connect(analyser);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  let peak = 0;
  const until = performance.now() + 1000;
  while (performance.now() < until) {
    await new Promise((done) => requestAnimationFrame(done));
    analyser.getFloatFrequencyData(spectrum);
    peak = 0;
    for (let i = 1; i < spectrum.length; i++) if (spectrum[i] > spectrum[peak]) peak = i;
    const hz = peak * context.sampleRate / analyser.fftSize;
    if (spectrum[peak] > -70 && Math.abs(hz - toneHz) <= toleranceHz) { source.disconnect(); return true; }
  }
  source.disconnect();
  return false;
}"""


_FLAT = """async (video, [tolerance]) => {
  const rest = () => new Promise((done) => setTimeout(() => done(false), 100));
  if (!video.isConnected || video.readyState < 2 || !video.videoWidth) return rest();
  const canvas = document.createElement('canvas');
  canvas.width = 16; canvas.height = 12;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(video, 0, 0, 16, 12);
  const data = context.getImageData(0, 4, 16, 8).data;
  for (let i = 4; i < data.length; i += 4) {
    for (const channel of [0, 1, 2]) if (Math.abs(data[i + channel] - data[channel]) > tolerance) return rest();
  }
  if (Math.max(data[0], data[1], data[2]) < 40) return rest();
  return new Promise((done) => {
    const limit = setTimeout(() => done(false), 4000);
    video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() => { clearTimeout(limit); done(true); }));
  });
}"""
"""One colour all over, not black, and new pictures: Firefox's own fake camera, and nothing else that is shown here."""


async def wait_until_flat(video: Locator, *, timeout_s: float = 30) -> None:
    """Return when `video` shows the fake camera of a Firefox; AssertionError when it does not in time."""
    await _until(video, _FLAT, [12], timeout_s, "the one colour of a Firefox was not seen")


async def wait_until_seen(video: Locator, devices: FakeDevices, *, timeout_s: float = 30) -> None:
    """Return when `video` shows live pictures of that camera; AssertionError when it does not in time."""
    colour = devices.colour
    wanted = [colour.red, colour.green, colour.blue, COLOUR_TOLERANCE]
    await _until(video, SEES, wanted, timeout_s, f"the picture of {devices.camera_file.stem} was not seen")


async def wait_until_heard(media: Locator, devices: FakeDevices, *, timeout_s: float = 30) -> None:
    """Return when the tone of that microphone is the loudest in `media`; AssertionError when it is not in time."""
    wanted = [devices.tone_hz, _TONE_TOLERANCE_HZ]
    await _until(media, _HEARS, wanted, timeout_s, f"the tone of {devices.microphone_file.stem} was not heard")


async def _until(element: Locator, question: str, wanted: list[float], timeout_s: float, failure: str) -> None:
    """Ask until the answer is true. The question itself waits in the browser before it says no, so nothing spins.

    Not `wait_for_function`: it takes the promise of an asynchronous question for a yes.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    if await element.evaluate(question, wanted, timeout=timeout_s * 1000):
                        return
                except Error as error:
                    # A reload takes the element away in the middle of the question; the next one is asked again.
                    if "context was destroyed" not in str(error) and "detached" not in str(error):
                        raise
    except TimeoutError:
        raise AssertionError(f"{failure} in {timeout_s} s") from None
