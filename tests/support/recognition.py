"""Recognises in a real browser which camera and which microphone arrive in a media element."""

from playwright.async_api import Locator, Page

from tests.support.fake_devices import FakeDevices

_COLOUR_TOLERANCE = 40  # of 255 a channel: what two lossy encodings of a flat colour may cost
_TONE_TOLERANCE_HZ = 25

_SEES = """async ([video, red, green, blue, tolerance]) => {
  if (!video.isConnected || video.readyState < 2 || !video.videoWidth) return false;
  const canvas = document.createElement('canvas');
  canvas.width = 16; canvas.height = 12;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const look = () => { context.drawImage(video, 0, 0, 16, 12); return context.getImageData(0, 0, 16, 12).data; };
  const at = (data, x, y) => Array.from(data.slice((y * 16 + x) * 4, (y * 16 + x) * 4 + 3));
  const first = look();
  const near = at(first, 4, 2).every((value, i) => Math.abs(value - [red, green, blue][i]) <= tolerance);
  if (!near) return false;
  const before = video.getVideoPlaybackQuality().totalVideoFrames;
  await new Promise((done) => {
    const limit = setTimeout(done, 1500);
    video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() => { clearTimeout(limit); done(); }));
  });
  return video.getVideoPlaybackQuality().totalVideoFrames > before;
}"""

_HEARS = """async ([media, toneHz, toleranceHz]) => {
  const stream = media.srcObject;
  if (!(stream instanceof MediaStream) || stream.getAudioTracks().length === 0) return false;
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


async def wait_until_seen(page: Page, video: Locator, devices: FakeDevices, *, timeout_s: float = 20) -> None:
    """Return when `video` shows live pictures of that camera; TimeoutError of playwright otherwise."""
    colour = devices.colour
    element = await video.element_handle(timeout=timeout_s * 1000)
    frame = await element.owner_frame() if element else None
    await (frame or page.main_frame).wait_for_function(
        _SEES,
        arg=[element, colour.red, colour.green, colour.blue, _COLOUR_TOLERANCE],
        timeout=timeout_s * 1000,
        polling=200,
    )


async def wait_until_heard(page: Page, media: Locator, devices: FakeDevices, *, timeout_s: float = 20) -> None:
    """Return when the tone of that microphone is the loudest in `media`; TimeoutError of playwright otherwise."""
    element = await media.element_handle(timeout=timeout_s * 1000)
    frame = await element.owner_frame() if element else None
    await (frame or page.main_frame).wait_for_function(
        _HEARS, arg=[element, devices.tone_hz, _TONE_TOLERANCE_HZ], timeout=timeout_s * 1000, polling=200
    )
