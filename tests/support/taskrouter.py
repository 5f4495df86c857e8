"""A small TaskRouter: tasks, reservations and workers as Twilio documents them, over real HTTP.

Task: pending → reserved → assigned → wrapping → completed, or canceled. Answers are those of the REST API (201, 400
with a code, 401, 404), events are form posts signed with X-Twilio-Signature, one after the other, each until it is
answered.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web

ACCOUNT, TOKEN, WORKSPACE, WORKFLOW = "AC1", "the auth token of the account", "WS1", "WW1"
READY = "WAready"


@dataclass
class Reservation:
    sid: str
    worker: str
    status: str = "pending"


@dataclass
class RoutedTask:
    sid: str
    attributes: str
    priority: int
    status: str = "pending"
    reason: str = ""
    reservations: list[Reservation] = field(default_factory=list)
    closes: list[str] = field(default_factory=list)  # every time it was over; more than one is a fault of ours

    @property
    def contact_id(self) -> str:
        return str(json.loads(self.attributes)["visavis_contact_id"])


class TaskRouter:
    """`lose_answers`: so many creations are carried out and never answered. `away`: every request gets a 503.
    `silent`: what happens is told to nobody, not even later.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, RoutedTask] = {}
        self.workers: list[str] = []
        self.lose_answers = 0
        self.away = False
        self.silent = False
        self.callback = ""
        self.answers: list[int] = []  # to events
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""
        self._numbers = itertools.count(1)
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        self = cls()
        app = web.Application()
        app.router.add_route("*", "/v1/Workspaces/{ws}/Tasks", self._tasks)
        app.router.add_route("*", "/v1/Workspaces/{ws}/Tasks/{task}", self._task)
        app.router.add_route("*", "/v1/Workspaces/{ws}/Tasks/{task}/Reservations/{reservation}", self._reservation)
        app.router.add_route("*", "/v1/Workspaces/{ws}/Workers/{worker}", self._worker)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        posting = asyncio.create_task(self._post_events())
        try:
            yield self
        finally:
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)
            await runner.cleanup()

    # ------------------------------------------------------------ the workers' hands

    def available(self, worker: str) -> None:
        """This worker may be reserved."""
        self.workers.append(worker)
        self._route()

    def standing(self, contact_id: str) -> tuple[RoutedTask, Reservation]:
        """The newest task of the contact and its reservation."""
        task = [each for each in self.tasks.values() if each.contact_id == contact_id][-1]
        return task, task.reservations[-1]

    def answer(self, contact_id: str, status: str) -> None:
        """What the worker does with the reservation at their desktop: accepted, rejected, timeout."""
        task, reservation = self.standing(contact_id)
        self._settle(task, reservation, status)

    def forget(self) -> list[RoutedTask]:
        """It restarts without what it knew, and without a word; what it had."""
        lost = list(self.tasks.values())
        self.tasks.clear()
        self.workers.clear()
        return lost

    def withdraw(self, contact_id: str) -> None:
        """Somebody at the ACD takes the task out."""
        task, reservation = self.standing(contact_id)
        self._close(task, "canceled")
        self._say("task.canceled", task, reservation)

    def of(self, contact_id: str) -> list[RoutedTask]:
        """The tasks of the contact, oldest first."""
        return [task for task in self.tasks.values() if task.contact_id == contact_id]

    def wrap_up(self, contact_id: str) -> None:
        task, reservation = self.standing(contact_id)
        task.status = reservation.status = "wrapping"
        self._say("task.wrapup", task, reservation)

    async def said(self) -> None:
        """Return when every event is answered."""
        await self._events.join()

    # ------------------------------------------------------------ REST

    async def _admit(self, request: web.Request) -> dict[str, str]:
        basic = aiohttp.encode_basic_auth(ACCOUNT, TOKEN)
        if request.headers.get("Authorization") != basic or request.match_info["ws"] != WORKSPACE:
            raise web.HTTPUnauthorized
        if self.away:
            raise web.HTTPServiceUnavailable
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append((request.method, request.path, form))
        return form

    async def _tasks(self, request: web.Request) -> web.StreamResponse:
        form = await self._admit(request)
        if request.method == "GET":
            wanted = dict(re.findall(r"(\w+) == \"?([^\" ]+)\"?", request.query["EvaluateTaskAttributes"]))
            found = [
                _shown(task)
                for task in self.tasks.values()
                if all(str(json.loads(task.attributes)[name]) == value for name, value in wanted.items())
            ]
            return web.json_response({"tasks": found})
        if form.get("WorkflowSid") != WORKFLOW:
            return _refused(20001, "WorkflowSid")
        task = RoutedTask(f"WT{next(self._numbers)}", form["Attributes"], int(form.get("Priority", "0")))
        json.loads(task.attributes)
        self.tasks[task.sid] = task
        for event in ("task.created", "workflow.entered", "task-queue.entered"):
            self._say(event, task)
        self._route()
        if self.lose_answers:
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.close()
            await asyncio.sleep(0)
        return web.json_response(_shown(task), status=201)

    async def _task(self, request: web.Request) -> web.StreamResponse:
        form = await self._admit(request)
        task = self.tasks.get(request.match_info["task"])
        if task is None:
            return _refused(20404, "not found", 404)
        if request.method == "GET":
            return web.json_response(_shown(task))
        if "Attributes" in form:
            task.attributes = form["Attributes"]
            self._say("task.updated", task)
        wanted = form.get("AssignmentStatus")
        allowed = {
            "canceled": ("pending", "reserved"),
            "wrapping": ("assigned",),
            "completed": ("assigned", "wrapping"),
        }
        if wanted is not None:
            if task.status not in allowed[wanted]:
                return _refused(20001, f"Cannot {wanted} a {task.status} task")
            task.reason = form.get("Reason", "")
            if wanted == "wrapping":
                task.status = wanted
            else:
                self._close(task, wanted)
            standing = [each for each in task.reservations if each.status == "pending"]
            for reservation in standing if wanted == "canceled" else ():
                reservation.status = "canceled"
                self._say("reservation.canceled", task, reservation)
            events = {"canceled": "task.canceled", "wrapping": "task.wrapup", "completed": "task.completed"}
            self._say(events[wanted], task, task.reservations[-1] if task.reservations else None)
        return web.json_response(_shown(task))

    async def _reservation(self, request: web.Request) -> web.StreamResponse:
        form = await self._admit(request)
        task = self.tasks[request.match_info["task"]]
        reservation = next(each for each in task.reservations if each.sid == request.match_info["reservation"])
        if reservation.status != "pending":
            return _refused(20001, f"Reservation is {reservation.status}")
        self._settle(task, reservation, form["ReservationStatus"])
        return web.json_response({"sid": reservation.sid, "reservation_status": reservation.status})

    async def _worker(self, request: web.Request) -> web.StreamResponse:
        await self._admit(request)
        return web.json_response({"sid": request.match_info["worker"]})

    # ------------------------------------------------------------ routing and events

    def _route(self) -> None:
        waiting = sorted((t for t in self.tasks.values() if t.status == "pending"), key=lambda task: -task.priority)
        for task in waiting:
            if self.workers:
                reservation = Reservation(f"WR{next(self._numbers)}", self.workers.pop(0))
                task.reservations.append(reservation)
                task.status = "reserved"
                self._say("reservation.created", task, reservation)

    def _settle(self, task: RoutedTask, reservation: Reservation, status: str) -> None:
        reservation.status = status
        task.status = "assigned" if status == "accepted" else "pending"
        self._say(f"reservation.{status}", task, reservation)

    def _close(self, task: RoutedTask, status: str) -> None:
        task.status = status
        task.closes.append(status)

    def _say(self, event: str, task: RoutedTask, reservation: Reservation | None = None) -> None:
        if self.silent:
            return
        number = next(self._numbers)
        form = {
            "EventType": event,
            "AccountSid": ACCOUNT,
            "WorkspaceSid": WORKSPACE,
            "WorkspaceName": "Test",
            "EventDescription": event,
            "ResourceType": event.split(".")[0],
            "ResourceSid": reservation.sid if reservation and event.startswith("reservation") else task.sid,
            "Timestamp": str(1_700_000_000 + number),
            "Sid": f"EV{number}",
            "TaskSid": task.sid,
            "TaskAttributes": task.attributes,
            "TaskAssignmentStatus": task.status,
            "TaskCanceledReason": task.reason,
            "TaskCompletedReason": task.reason,
            "TaskQueueName": "Video",
        }
        if reservation is not None:
            form |= {"ReservationSid": reservation.sid, "WorkerSid": reservation.worker, "WorkerName": "alice"}
        self._events.put_nowait(form)

    async def _post_events(self) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                form = await self._events.get()
                signed = self.callback + "".join(name + value for name, value in sorted(form.items()))
                digest = hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()
                headers = {"X-Twilio-Signature": base64.b64encode(digest).decode()}
                try:
                    async with http.post(self.callback, data=form, headers=headers) as answer:
                        self.answers.append(answer.status)
                except aiohttp.ClientError:
                    self.answers.append(0)  # nobody is there
                self._events.task_done()


def _shown(task: RoutedTask) -> dict[str, Any]:
    return {"sid": task.sid, "assignment_status": task.status, "attributes": task.attributes, "priority": task.priority}


def _refused(code: int, message: str, status: int = 400) -> web.Response:
    return web.json_response({"code": code, "message": message, "status": status}, status=status)
