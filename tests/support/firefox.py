"""A stock Firefox over WebDriver BiDi: JSON on a WebSocket, so no driver and no patched browser is needed.

    async with firefox(folder) as browser:
        page = await browser.open("http://…")
        await page.click("button")
        frame = await page.frame("/widget/")

It knows no page of the product. Selectors reach through open shadow roots (`host >>> inner`); steps wait for what they
need, with a limit.
"""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

FIREFOX = "/usr/bin/firefox-esr"
STEP_S = 30.0
START_S = 40.0
TONE_HZ = 660
"""What the fake microphone hums."""

_POLL_S = 0.05
_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")

PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,  # a camera that changes its colour, a microphone that hums
    "media.navigator.audio.fake_frequency": TONE_HZ,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "intl.accept_languages": "en-GB, en",
    "remote.active-protocols": 1,
}

_FIND = """(selector) => {
  const search = (root, part) => {
    const found = root.querySelector(part);
    if (found !== null) return found;
    for (const host of root.querySelectorAll('*')) {
      const inside = host.shadowRoot === null ? null : search(host.shadowRoot, part);
      if (inside !== null) return inside;
    }
    return null;
  };
  return selector.split(' >>> ').reduce((at, part) => at && search(at.shadowRoot ?? at, part), document);
}"""


_PREPARE = """() => {
  const devices = navigator.mediaDevices;
  if (devices !== undefined) {
    const ask = devices.getUserMedia.bind(devices);
    const small = { width: 320, height: 240, frameRate: 15 };
    devices.getUserMedia = (wanted) => ask(wanted.video ? { ...wanted, video: small } : wanted);
  }
  const Native = window.RTCPeerConnection;
  if (Native === undefined) return;
  window.RTCPeerConnection = class extends Native {
    constructor(...settings) { super(...settings); (window.__connections ??= []).push(this); }
  };
}"""

"""A camera as small as the other browsers' in the tests, and the connections kept for `hears`."""

_SOUND = """async () => {
  const newest = (window.__connections ?? []).at(-1);
  if (newest === undefined || newest.connectionState !== "connected") return [0, 0];
  const told = [...(await newest.getStats()).values()];
  const sound = told.find((each) => each.type === "inbound-rtp" && each.kind === "audio");
  return [sound?.totalSamplesReceived ?? 0, sound?.audioLevel ?? 0];
}"""


class FirefoxError(Exception):
    """A command was refused, or a script threw."""


class Browser:
    """One running Firefox."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read(), name="firefox:reader")

    async def _read(self) -> None:
        async for frame in self._socket:
            message = frame.json()
            answer = self._answers.pop(message.get("id"), None)
            if answer is not None and not answer.done():
                answer.set_result(message)

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its result. FirefoxError when it is refused."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        async with asyncio.timeout(START_S):
            message = await answer
        if message["type"] == "error":
            raise FirefoxError(f"{method}: {message['error']}: {message['message']}")
        result: dict[str, Any] = message["result"]
        return result

    async def open(self, url: str) -> "Page":
        """A new tab, loaded."""
        created = await self.command("browsingContext.create", type="tab")
        page = Page(self, created["context"])
        await page.go(url)
        return page

    async def aclose(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()


@dataclass
class Page:
    """One tab, or one frame in it."""

    browser: Browser
    context: str

    async def go(self, url: str) -> None:
        await self.browser.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    async def frame(self, part: str) -> "Page":
        """The frame below this one whose address has `part` in it, once it is there."""
        async with asyncio.timeout(STEP_S):
            while True:
                tree = await self.browser.command("browsingContext.getTree", root=self.context)
                for child in tree["contexts"][0]["children"] or ():
                    if part in child["url"]:
                        return Page(self.browser, child["context"])
                await asyncio.sleep(_POLL_S)

    async def evaluate(self, function: str, *arguments: Any) -> Any:
        """Call `function` (JavaScript) with plain arguments or elements; its plain result, promises waited for."""
        answer = await self.browser.command(
            "script.callFunction",
            functionDeclaration=function,
            awaitPromise=True,
            target={"context": self.context},
            arguments=[_local(each) for each in arguments],
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise FirefoxError(answer["exceptionDetails"]["text"])
        return _plain(answer["result"])

    async def element(self, selector: str, *, text: str = "") -> dict[str, Any]:
        """A reference to the element, once it is there and has `text` in it."""
        question = f"""(selector, text) => {{
          const found = ({_FIND})(selector);
          return found !== null && found.textContent.includes(text) ? found : null;
        }}"""
        try:
            async with asyncio.timeout(STEP_S):
                while True:
                    with contextlib.suppress(FirefoxError):  # the page may be on its way to another
                        found = await self.evaluate(question, selector, text)
                        if found is not None:
                            reference: dict[str, Any] = found
                            return reference
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            seen = await self.evaluate("() => document.body?.innerText.slice(0, 500)")
            raise AssertionError(f"{selector} with {text!r} did not show: {seen}") from None

    async def gone(self, selector: str) -> None:
        """Return when there is no such element any more."""
        async with asyncio.timeout(STEP_S):
            while await self.evaluate(_FIND, selector) is not None:  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(_POLL_S)

    async def click(self, selector: str, *, text: str = "") -> None:
        element = await self.element(selector, text=text)
        await self.evaluate("(element) => element.click()", element)

    async def fill(self, selector: str, text: str) -> None:
        element = await self.element(selector)
        await self.evaluate(
            "(input, text) => { input.value = text; input.dispatchEvent(new InputEvent('input', {bubbles: true})); }",
            element,
            text,
        )

    async def hears(self, *, limit_s: float = STEP_S) -> None:
        """Return when sound is decoded that is not silence. Its tone stays unknown: Web Audio waits for a device."""
        before = 0.0
        async with asyncio.timeout(limit_s):
            while True:
                samples, level = await self.evaluate(_SOUND)
                if before and samples > before and level > 0.01:
                    return
                before = samples
                await asyncio.sleep(0.3)

    async def until(self, question: str, *arguments: Any, selector: str, limit_s: float = STEP_S) -> None:
        """Ask `question(element, arguments)` until it says true, with the element looked up anew each time."""
        async with asyncio.timeout(limit_s):
            while True:
                element = await self.element(selector)
                with contextlib.suppress(FirefoxError):
                    if await self.evaluate(question, element, list(arguments)) is True:
                        return


def _local(value: Any) -> dict[str, Any]:
    """A value as BiDi wants it."""
    if isinstance(value, dict) and "sharedId" in value:
        return {"sharedId": value["sharedId"]}
    if isinstance(value, bool):
        return {"type": "boolean", "value": value}
    if isinstance(value, int | float):
        return {"type": "number", "value": value}
    if isinstance(value, list):
        return {"type": "array", "value": [_local(each) for each in value]}
    return {"type": "string", "value": value}


def _plain(result: dict[str, Any]) -> Any:
    match result["type"]:
        case "undefined" | "null":
            return None
        case "array":
            return [_plain(each) for each in result["value"]]
        case "object":
            return {key: _plain(value) for key, value in result["value"]}
        case "node":
            return {"sharedId": result["sharedId"]}
        case _:
            return result.get("value")


@asynccontextmanager
async def firefox(folder: Path, **preferences: bool | int | str) -> AsyncIterator[Browser]:
    """A Firefox of one's own with its profile in `folder`, without a window, with a fake camera and microphone."""
    profile = folder / "firefox"
    profile.mkdir(parents=True)
    lines = [f"user_pref({_js(name)}, {_js(value)});" for name, value in (PREFERENCES | preferences).items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        FIREFOX,
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port=0",
        "about:blank",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={
            "HOME": str(folder),
            "PATH": "/usr/bin:/bin",
            "MOZ_CRASHREPORTER_DISABLE": "1",
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),  # otherwise each new HOME leaves a folder in /tmp
        },
    )
    drain: asyncio.Task[bytes] | None = None
    try:
        address = await _address(process)
        drain = asyncio.create_task(_drain(process), name="firefox:stderr")
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{address}/session", max_msg_size=0) as socket,
        ):
            browser = Browser(socket)
            try:
                await browser.command("session.new", capabilities={})
                await browser.command("script.addPreloadScript", functionDeclaration=_PREPARE)
                yield browser
            finally:
                await browser.aclose()
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if drain is not None:
            await drain


async def _address(process: asyncio.subprocess.Process) -> str:
    said = []
    try:
        async with asyncio.timeout(START_S):
            while process.stderr is not None and (line := await process.stderr.readline()):
                said.append(line)
                found = _LISTENING.search(line)
                if found is not None:
                    return found[1].decode()
    except TimeoutError:
        pass
    raise AssertionError(f"Firefox did not say where it listens: {b''.join(said)[-2000:]!r}")


async def _drain(process: asyncio.subprocess.Process) -> bytes:
    """Nobody reads what it says from now on, and its pipe must not fill up."""
    return await process.stderr.read() if process.stderr is not None else b""


def _js(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{value}"'
