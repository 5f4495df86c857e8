"""The product as a process of its own, and a contact that can be brought to any point of its life."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from gateway.canary.media import RobotMedia
from gateway.canary.robots import SITE, open_leg
from gateway.canary.talk import CanaryFailure, Talk, first_hello, request
from signaling.messages import (
    AcceptOffer,
    AgentState,
    Assigned,
    ContactState,
    HangUp,
    MenuChoice,
    MenuNode,
    Offer,
    QueuePosition,
    SetReady,
    WrapUp,
    WrapUpStarted,
)

ROOT = Path(__file__).parents[2]
START_S = 60.0
_BAD_NEWS = re.compile(r"\b(warning|error|critical|Traceback)\b")
POLL_S = 0.05


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float = START_S) -> None:
    """Return when `condition` holds: another process has no event of ours to wait for."""
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110 - said above
            await asyncio.sleep(POLL_S)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a product that keeps everything in `folder` and listens on ports of the system's choice."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("VISAVIS_")}
    return inherited | {
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
        "VISAVIS_DATA_DIR": str(folder / "data"),
        "VISAVIS_HTTP__PORT": "0",
        "VISAVIS_MEDIA__PORT": "0",
        "VISAVIS_MEDIA__HOST": "127.0.0.1",
        "VISAVIS_MEDIA__WORKERS": "0",  # a process less to start; what is about them says so
        "VISAVIS_RECORDING__MIN_FREE_BYTES": "0",
        **settings,
    }


def run_visavis(
    *arguments: str, folder: Path, settings: Mapping[str, str] | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        env=environment(folder, **(settings or {})),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


@dataclass
class Product:
    """A running `visavis serve` (or `demo`)."""

    process: asyncio.subprocess.Process
    folder: Path
    url: str = ""
    token: str = ""

    @classmethod
    async def start(cls, folder: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Self:
        """Start and wait until it takes contacts."""
        folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - the test has nothing else to do
        with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.cli",
                *(arguments or ("serve",)),
                env=environment(folder, **(settings or {})),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        product = cls(process, folder)
        try:
            async with asyncio.timeout(START_S):
                await product._wait_until_ready()
        except BaseException:
            await product.kill()
            raise
        return product

    async def _wait_until_ready(self) -> None:
        running = self.folder / "state" / "visavis" / "running"
        while not self.url:
            if self.process.returncode is not None:
                raise AssertionError(f"visavis ended with {self.process.returncode}: {self.errors()}")
            for file in running.glob("*.json"):
                if json.loads(file.read_text(encoding="utf-8"))["pid"] == self.process.pid:
                    self.url = f"http://127.0.0.1:{file.stem}"
            await asyncio.sleep(POLL_S)
        await until(self.is_ready)
        self.token = (self.folder / "data" / "canary.token").read_text(encoding="utf-8").strip()

    async def readiness(self) -> int:
        """The status of /readyz; 0 when nobody answers."""
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/readyz") as response:
                return response.status
        except aiohttp.ClientError:
            return 0

    async def is_ready(self) -> bool:
        return await self.readiness() == 200

    async def is_draining(self) -> bool:
        return await self.readiness() == 503

    async def metric(self, name: str) -> float:
        """One figure of /metrics without labels."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as response:
            text = await response.text()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    async def of_workers(self, name: str) -> dict[str, float]:
        """One figure of each media process, by its name."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as response:
            text = await response.text()
        found = re.findall(rf'^{name}{{worker="([^"]+)"}} (\S+)$', text, re.M)
        return {worker: float(value) for worker, value in found}

    def media_pids(self) -> dict[str, int]:
        """Process id of each media process, by its name."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                parent = int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"media.workers.worker" in words and parent == self.process.pid:
                found[words[words.index(b"media.workers.worker") + 1].decode()] = int(process.name)
        return found

    async def total(self, name: str) -> float:
        """One figure of /metrics over all its labels."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as response:
            text = await response.text()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))

    def errors(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")[-4000:]

    def output(self) -> str:
        return (self.folder / "stdout").read_text(encoding="utf-8")

    async def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ended(self, limit_s: float = START_S) -> int:
        """The exit code, once it has ended by itself."""
        async with asyncio.timeout(limit_s):
            return await self.process.wait()

    async def kill(self) -> None:
        """`kill -9`, also when it has ended already."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        print("--- what was not well:", *self._complaints(), sep="\n")  # noqa: T201 - shown where a test failed

    def _complaints(self) -> list[str]:
        """The last warnings and errors of its log."""
        lines = (self.folder / "stderr").read_text(encoding="utf-8", errors="replace").splitlines()
        return [line[:400] for line in lines if _BAD_NEWS.search(line)][-40:]


@dataclass
class Scene:
    """One contact with a robot on each side, brought forward step by step over the public interfaces."""

    product: Product
    stack: AsyncExitStack
    seat: int = 0  # the agent's
    contact_id: str = ""
    http: aiohttp.ClientSession = field(init=False)
    customer: Talk = field(init=False)
    agent: Talk = field(init=False)
    customer_media: RobotMedia = field(init=False)
    agent_media: RobotMedia = field(init=False)
    offer: Offer = field(init=False)

    async def browser(self) -> aiohttp.ClientSession:
        return await self.stack.enter_async_context(
            aiohttp.ClientSession(
                self.product.url,
                headers={"Origin": self.product.url},
                cookie_jar=aiohttp.CookieJar(unsafe=True),
            )
        )

    async def to_queue(self) -> None:
        """The customer waits; nobody is ready."""
        self.http = await self.browser()
        body = {"site": SITE, "visitor_key": "scene-0123456789abcdef", "language": "en", "notice_version": "1"}
        entered = await request(self.http, "POST", "/api/v1/widget/entry", body=body, token=self.product.token)
        hello = first_hello(entered["entry_token"])
        self.customer, welcome = await Talk.open(self.http, "/ws/customer", hello, who="customer")
        self.stack.push_async_callback(self.customer.close)
        self.contact_id = welcome.contact_id or ""
        node = await self.customer.wait_for(MenuNode, lambda node: bool(node.options))
        await self.customer.send(MenuChoice(node_id=node.node_id, key=node.options[0].key))
        await self.customer.wait_for(QueuePosition)
        self.customer_media = await self.stack.enter_async_context(open_leg(self.customer, "127.0.0.1"))

    async def to_ringing(self) -> None:
        """An agent gets ready and is offered the contact."""
        browser = await self.browser()
        await request(browser, "POST", "/api/v1/canary/seat", body={"seat": self.seat}, token=self.product.token)
        self.agent, _ = await Talk.open(browser, "/ws/agent", first_hello(), who="agent")
        self.stack.push_async_callback(self.agent.close)
        await self.agent.send(SetReady())
        self.offer = await self.agent.wait_for(Offer)

    async def to_call(self) -> None:
        """Accepted: both see and hear each other."""
        await self.agent.send(AcceptOffer(offer_id=self.offer.offer_id))
        await self.agent.wait_for(Assigned)
        self.agent_media = await self.stack.enter_async_context(open_leg(self.agent, "127.0.0.1"))
        await self.customer.wait_for(ContactState, lambda state: state.state == "active")
        await self.customer_media.heard_since(self.customer_media.counts())
        await self.agent_media.heard_since(self.agent_media.counts())

    async def to_wrap_up(self) -> None:
        """The customer hangs up."""
        await self.customer.send(HangUp())
        await self.agent.wait_for(WrapUpStarted)

    async def to_end(self) -> None:
        """The agent has written what came of it."""
        await self.agent.send(WrapUp(disposition="resolved"))
        await self.agent.wait_for(AgentState, lambda state: state.state != "working_after_call")

    async def to(self, *steps: str) -> None:
        """Several steps by name, each within half a minute."""
        for step in steps:
            async with asyncio.timeout(30):
                await getattr(self, f"to_{step}")()


@asynccontextmanager
async def scene(product: Product, seat: int = 0) -> AsyncIterator[Scene]:
    """A scene on `product`; robots leave at the end, whether or not the product still lives."""
    async with AsyncExitStack() as stack:
        yield Scene(product, stack, seat)


def is_there(pid: int) -> bool:
    """Whether a process still runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> list[int]:
    """Processes that this one started and that still run."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended; its children are another's
            found += [int(pid) for pid in (task / "children").read_text().split() if is_there(int(pid))]
    return found


async def contact_of(product: Product, contact_id: str) -> dict[str, Any]:
    """The contact as the public API tells it."""
    async with aiohttp.ClientSession(product.url) as http:
        return await request(http, "GET", f"/api/v1/contacts/{contact_id}", token=product.token)


async def contact_when(product: Product, contact_id: str, limit_s: float = 30, **wanted: str) -> dict[str, Any]:
    """The contact, once its fields (`state`, or `recording` for the recording's state) are as wanted."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(limit_s):
            while True:
                try:
                    found = await contact_of(product, contact_id)
                except CanaryFailure as failure:
                    found = {"failure": str(failure)}
                shown = found | {"recording": (found.get("recording") or {}).get("state")}
                if "failure" not in found and all(shown.get(name) == value for name, value in wanted.items()):
                    return found
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"{wanted} was not reached: {found}") from None
