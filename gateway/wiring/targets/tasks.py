"""A target in task mode: it is told of tasks over HTTP, and its events come to a small server that waits for them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from gateway.acd.kit.stands.real import ANNA, BEN, Adapter, Bench
from gateway.acd.kit.target import INCOMING_SECRET, SECRET
from gateway.acd.port import AcdPort
from gateway.acd.tasks.adapter import TaskAcd
from gateway.acd.tasks.ports import Answer, Call, Caller, CallFailed
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, SetupError
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.wiring.targets.aim import Aim, checked, entry_of, given_in, reach
from gateway.wiring.tasks import open_task_acd

GIVE_UP: Final = timedelta(seconds=20)
"""A task that could not be told for so long is not told any more: a run has an end."""

WRONG_LOGIN: Final = (401, 403, 407)
EVENT_LIMIT_BYTES: Final = 262_144


@asynccontextmanager
async def task_bench(aim: Aim, clock: Clock, tell: Callable[[str], None]) -> AsyncIterator[Bench]:
    """The bench of an aim in task mode. SetupError as `open_bench`."""
    entry = entry_of(aim, TaskAcdSettings)
    if not aim.queue:
        raise SetupError("kit_target_queue", "The adapter tasks needs the queue's name there: --queue NAME.")
    settings = _task_settings(aim, entry)
    await reach(aim.target)
    living: list[TaskAcd] = []
    overheard: list[_Overhearing] = []
    async with _webhooks(aim, living) as url:
        tell(f"Events are taken at {url}: let the ACD send them there.")

        async def open_(meet: Callable[[AcdPort], None]) -> Adapter:
            overheard.clear()

            def overhear(caller: Caller) -> Caller:
                overheard.append(_Overhearing(caller))
                return overheard[0]

            acd = open_task_acd(
                settings,
                store=None,
                clock=clock,
                node="kit",
                public_url=url,
                on_alarm=lambda _code, _detail: None,
                through=overhear,
            )
            meet(acd)
            living[:] = [acd]
            await acd.start()
            return acd

        yield Bench(
            adapter="tasks",
            queue=aim.queue,
            agents=aim.agents,
            open_=open_,
            may_restart=False,
            why_silent=lambda: _why_silent(overheard[0] if overheard else None, url),
        )


def _task_settings(aim: Aim, entry: TaskAcdSettings | None) -> TaskAcdSettings:
    given: dict[str, Any] = given_in(entry) if entry is not None else {}
    for name, variable in (("secret", SECRET), ("incoming_secret", INCOMING_SECRET)):
        if aim.environ.get(variable):
            given |= {name: aim.environ[variable], f"{name}_file": None}
        elif entry is None:
            raise SetupError("kit_secret", f"A secret is missing: set {variable}, or name an --acd.")
    given |= {"name": "kit", "kind": "tasks", "url": aim.target.text, "give_up": GIVE_UP}
    if aim.agents:
        given["agents"] = dict(zip(aim.agents, (ANNA, BEN), strict=False))
    return checked(TaskAcdSettings, given)


@asynccontextmanager
async def _webhooks(aim: Aim, living: Sequence[TaskAcd]) -> AsyncIterator[str]:
    """A server for the ACD's events; whatever path they come to, they are the living adapter's."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not living:
            raise web.HTTPServiceUnavailable
        try:
            living[0].receive(public + request.raw_path, request.headers, body)
        except GatewayError as error:
            return web.json_response({"code": error.code}, status=error.http_status)
        return web.Response(status=204)

    application = web.Application(client_max_size=EVENT_LIMIT_BYTES)
    application.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = aim.listen.rpartition(":")
    try:
        site = web.TCPSite(runner, host.strip("[]") or None, int(port))
        await site.start()
    except (OSError, ValueError, OverflowError) as error:
        await runner.cleanup()
        raise SetupError("kit_listen", f"Can't listen on {aim.listen}: give --listen HOST:PORT.") from error
    public = aim.public_url.rstrip("/") or f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield public
    finally:
        await runner.cleanup()


class _Overhearing:
    """A `Caller` that remembers how its last call ended."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.status = 0
        self.failure = ""

    async def call(self, call: Call) -> Answer:
        try:
            answer = await self._caller.call(call)
        except CallFailed as error:
            self.failure = error.reason
            raise
        self.status, self.failure = answer.status, ""
        return answer

    async def aclose(self) -> None:
        await self._caller.aclose()


def _why_silent(heard: _Overhearing | None, url: str) -> SetupError:
    if heard is not None and (heard.status in WRONG_LOGIN or heard.failure == "token_refused"):
        return SetupError("kit_login", f"The target refused our login: {heard.failure or heard.status}. See {SECRET}.")
    if heard is not None and heard.failure:
        return SetupError("kit_unreachable", f"The target does not answer: {heard.failure}.")
    if heard is not None and heard.status >= 400:
        return SetupError("kit_refused", f"The target took no contact: {heard.status}.")
    return SetupError("kit_silent", f"The target took a contact and sent no event of it to {url}.")
