"""A small TaskRouter: tasks, reservations and workers as Twilio documents them, over real HTTP.

Task: pending → reserved → assigned → wrapping → completed, or canceled; a task with a `RoutingTarget` is reserved for
that worker and nobody else. A worker's transfer makes a second reservation of the same task. Answers are those of the
REST API (201, 400 with a code, 401, 404), events are form posts signed with X-Twilio-Signature, one after the other,
each until it is answered.
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
    transferred_from: "Reservation | None" = None


@dataclass
class RoutedTask:
    sid: str
    attributes: str
    priority: int
    status: str = "pending"
    reason: str = ""
    target: str = ""  # the one worker it is for
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

    def transfer(self, contact_id: str, worker: str) -> None:
        """The worker who has the task gives it to another one, warm: theirs until that one has accepted."""
        task, initiating = self.standing(contact_id)
        task.status = "reserved"
        task.reservations.append(Reservation(f"WR{next(self._numbers)}", worker, transferred_from=initiating))
        self._say("task.transfer-initiated", task, initiating, transfer=worker)
        self._say("reservation.created", task, task.reservations[-1])

    @property
    def booked(self) -> dict[str, list[str]]:
        """The tasks that each worker has taken and not completed, by worker."""
        found: dict[str, list[str]] = {}
        for task in self.tasks.values():
            for reservation in task.reservations:
                if reservation.status in ("accepted", "wrapping"):
                    found.setdefault(reservation.worker, []).append(task.sid)
        return found

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
                if all(str(json.loads(task.attributes).get(name)) == value for name, value in wanted.items())
            ]
            return web.json_response({"tasks": found})
        if form.get("WorkflowSid") != WORKFLOW:
            return _refused(20001, "WorkflowSid")
        target = form.get("RoutingTarget", "")
        if target and not target.startswith(("WK", "ag_")):
            return _refused(20001, "RoutingTarget")
        task = RoutedTask(f"WT{next(self._numbers)}", form["Attributes"], int(form.get("Priority", "0")), target=target)
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
            for reservation in task.reservations:
                if reservation.status in ("accepted", "wrapping") and wanted != "canceled":
                    reservation.status = wanted
            standing = [each for each in task.reservations if each.status == "pending"]
            for reservation in standing if wanted == "canceled" else ():
                reservation.status = "canceled"
                self._say("reservation.canceled", task, reservation)
            events = {"canceled": "task.canceled", "wrapping": "task.wrapup", "completed": "task.completed"}
            self._say(events[wanted], task, task.reservations[-1] if task.reservations else None)
        return web.json_response(_shown(task))

    async def _reservation(self, request: web.Request) -> web.StreamResponse:
        form = await self._admit(request)
        task, sid = self.tasks.get(request.match_info["task"]), request.match_info["reservation"]
        reservation = next((each for each in task.reservations if each.sid == sid), None) if task is not None else None
        if task is None or reservation is None:
            return _refused(20404, "not found", 404)
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
            if task.target:  # IgnoreCapacity: whether they are available or not
                self._reserve(task, task.target)
            elif self.workers:
                self._reserve(task, self.workers.pop(0))

    def _reserve(self, task: RoutedTask, worker: str) -> None:
        task.reservations.append(Reservation(f"WR{next(self._numbers)}", worker))
        task.status = "reserved"
        self._say("reservation.created", task, task.reservations[-1])

    def _settle(self, task: RoutedTask, reservation: Reservation, status: str) -> None:
        initiating = reservation.transferred_from
        reservation.status = status
        task.status = "assigned" if status == "accepted" or initiating is not None else "pending"
        self._say(f"reservation.{status}", task, reservation)
        if initiating is not None and status == "accepted":
            self._say("task.transfer-completed", task, initiating, transfer=reservation.worker)
            initiating.status = "completed"
            self._say("reservation.completed", task, initiating)
        elif initiating is not None:
            task.reservations.remove(reservation)
            self._say("task.transfer-failed", task, initiating, transfer=reservation.worker)

    def _close(self, task: RoutedTask, status: str) -> None:
        task.status = status
        task.closes.append(status)

    def _say(self, event: str, task: RoutedTask, reservation: Reservation | None = None, *, transfer: str = "") -> None:
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
        if transfer:
            form |= {"TransferMode": "WARM", "TransferType": "WORKER", "TransferTo": transfer}
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
