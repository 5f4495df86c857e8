"""A canary run: as many customers at once as asked, as many robot agents as that, one report."""

import asyncio
import math
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from gateway.base.errors import SetupError
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.canary.footage import footage
from gateway.canary.report import CanaryReport, print_summary
from gateway.canary.robots import SIP_SITE, Call, Stage, agent, customer
from gateway.canary.talk import CanaryFailure, request
from gateway.canary.telephony import open_telephony
from media.port import MediaRefused

_SIT_DOWN_S: Final = 60.0
_ASK_S: Final = 10.0
_CALL_S: Final = 900.0  # beside its talk, a call that waits for everything as long as it may
_log = get_logger("canary")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPlan:
    """What to do. `at_once` bounds the calls at the same time and is the number of robot agents."""

    url: str
    token: str
    calls: int
    talk_s: float
    at_once: int
    sip_listen: str = ""
    """IPv4:port where the switch of call mode answers; empty: the gateway's own ACD distributes."""


def run_canary(plan: CanaryPlan, *, json_output: bool) -> bool:
    """Make the calls, print what happens, and say whether all was well."""
    import uvloop

    stream = sys.stderr if json_output else sys.stdout

    def say(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    async def whole() -> CanaryReport:
        task = asyncio.current_task()
        if task is not None:  # what was started ends with us; Ctrl-C is uvloop's own
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await make_calls(plan, say)

    try:
        report = uvloop.run(whole())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    print_summary(report, say)
    if json_output:
        sys.stdout.write(report.model_dump_json(exclude_none=False) + "\n")
    return report.ok


async def make_calls(plan: CanaryPlan, say: Callable[[str], None]) -> CanaryReport:
    """All calls of the plan. Never raises for what the gateway does: the report says it."""
    parts = urlsplit(plan.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError("canary_url", f"{plan.url} is no address of a gateway; write http://host:port.")
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        media_host = await _address_towards(parts.hostname)
    except OSError as error:
        return CanaryReport(ok=False, calls=[], error=f"{parts.hostname} can't be reached: {error.strerror}")
    await asyncio.to_thread(footage)  # encoded before the first robot moves: it would stop them all for a moment
    stage = Stage(plan.token, plan.talk_s, media_host, say)
    if not plan.sip_listen:
        return await _all_calls(plan, origin, stage)
    await _has_call_mode(plan, origin)
    rounds = math.ceil(plan.calls / plan.at_once)
    async with open_telephony(plan.sip_listen, plan.calls, lasts_s=rounds * (plan.talk_s + _CALL_S)) as telephony:
        report = await _all_calls(plan, origin, replace(stage, telephony=telephony))
        if not report.ok:
            for line in await asyncio.to_thread(telephony.complaints):
                say(f"switch: {line}")
    return report


async def _has_call_mode(plan: CanaryPlan, origin: str) -> None:
    """Robots find a queue that the switch is called for. SetupError when the gateway has none."""
    body = {"site": SIP_SITE, "visitor_key": "canary-call-mode"}
    async with _http(origin) as http:
        try:
            async with asyncio.timeout(_ASK_S):
                here = await request(http, "POST", "/api/v1/widget/availability", body=body, token=plan.token)
        except (CanaryFailure, TimeoutError):
            return  # whatever else is wrong, the first call says it in the report
    if here.get("code") == "no_such_site":
        raise SetupError(
            "canary_no_call_mode",
            f'{origin} has no call mode for robots. Set canary.sip_acd = "{plan.sip_listen}" there and start it anew.',
        )


async def _all_calls(plan: CanaryPlan, origin: str, stage: Stage) -> CanaryReport:
    say = stage.say
    agents = Supervisor("canary-agents")
    seats = [asyncio.Event() for _ in range(min(plan.at_once, plan.calls))]
    calls = [Call(number=number + 1) for number in range(plan.calls)]
    slots = asyncio.Semaphore(plan.at_once)

    async def one(call: Call) -> None:
        async with slots, _http(origin) as http:
            try:
                await customer(stage, call, http)
                call.report.ok = True
            except CanaryFailure as error:
                call.report.error = str(error)
            except (ConnectionError, TimeoutError, OSError, MediaRefused) as error:
                call.report.error = call.agent_failure or f"{type(error).__name__}: {error}"
            except Exception as error:  # noqa: BLE001 - the top of a robot's task: one robot must not end the others
                _log.error("canary.call_failed", error_type=type(error).__name__, exc_info=error)
                call.report.error = f"the robot itself failed ({type(error).__name__}: {error})"
            if call.report.error:
                say(f"call {call.number:>3}  failed: {call.report.error}")

    try:
        problem = await _sit_down(stage, origin, agents, seats)
        if problem:
            return CanaryReport(ok=False, calls=[], error=problem)
        await asyncio.gather(*(one(call) for call in calls))
    finally:
        await agents.aclose()
    return CanaryReport(ok=all(call.report.ok for call in calls), calls=[call.report for call in calls])


async def _sit_down(stage: Stage, origin: str, agents: Supervisor, seats: list[asyncio.Event]) -> str | None:
    """Bring the robot agents to ready. Returns what went wrong, or None."""
    failure: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def serve(seat: int, on_duty: asyncio.Event) -> None:
        async with _http(origin) as http:
            try:
                await agent(stage, http, seat, on_duty)
            except (CanaryFailure, ConnectionError, TimeoutError, OSError, MediaRefused) as error:
                text = str(error) or type(error).__name__
                if not failure.done():
                    failure.set_result(f"robot agent {seat}: {text}")
                stage.say(f"agent {seat:>3} failed: {text}")

    for seat, on_duty in enumerate(seats):
        _ = agents.spawn(serve(seat, on_duty), name=f"seat-{seat}")
    everyone = agents.spawn(_all_set(seats), name="sit-down")
    await asyncio.wait([everyone, failure], timeout=_SIT_DOWN_S, return_when=asyncio.FIRST_COMPLETED)
    if failure.done():
        return str(failure.result())
    return None if everyone.done() else f"the robot agents were not ready within {_SIT_DOWN_S:.0f} s"


async def _all_set(events: list[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


async def _address_towards(host: str) -> str:
    """The address of this machine from which `host` is reached; connecting a UDP socket sends nothing."""
    loop = asyncio.get_running_loop()
    family, kind, _, _, address = (await loop.getaddrinfo(host, 9, type=socket.SOCK_DGRAM))[0]
    with socket.socket(family, kind) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])


def _http(origin: str) -> aiohttp.ClientSession:
    """A browser of its own: its own cookies, and the Origin header that a page of the gateway would send."""
    return aiohttp.ClientSession(
        base_url=origin,
        headers={"Origin": origin},
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies for an IP address
        timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_read=60),
        trust_env=False,
    )
