"""A small Genesys Cloud: client credentials, external conversations of the email channel, notifications.

A conversation has participants (customer, acd, agents) whose states move as documented; an attended transfer leaves it
with the agent who has it until the other one is connected, an unattended one does not. Every change is told as a
snapshot of the whole conversation, in the envelope of an event bus with a secret in a header.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from aiohttp import web

CLIENT, SECRET, API_KEY, QUEUE = "client", "the secret of the client", "a key for the event bus", "queue-1"
NOW = "2026-03-02T09:00:00.000Z"


class Genesys:
    """`revoke` makes the tokens given so far worthless."""

    def __init__(self) -> None:
        self.conversations: dict[str, list[dict[str, Any]]] = {}
        self.created: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.tokens_given = 0
        self.callback = ""
        self.answers: list[int] = []
        self.url = ""
        self._attended: dict[str, str] = {}  # participants who take it from another one
        self._numbers = itertools.count(1)
        self._notices: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        self = cls()
        app = web.Application()
        emails = "/api/v2/conversations/emails"
        app.router.add_post("/oauth/token", self._token)
        app.router.add_post(emails, self._create)
        app.router.add_get(emails + "/{id}", self._look)
        app.router.add_patch(emails + "/{id}", self._disconnect)
        app.router.add_patch(emails + "/{id}/participants/{part}", self._change)
        app.router.add_post(emails + "/{id}/participants/{part}/replace", self._replace)
        app.router.add_patch("/api/v2/conversations/{id}/participants/{part}/attributes", self._attributes)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        posting = asyncio.create_task(self._post_notices())
        try:
            yield self
        finally:
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)
            await runner.cleanup()

    # ------------------------------------------------------------ agents' hands

    def alert(self, conversation: str, user: str) -> str:
        """Route to `user`: their participant alerts. The participant's id."""
        part = self._join(conversation, "agent", state="alerting", user={"id": user}, alertingTimeoutMs=8000)
        self._tell(conversation)
        return str(part["id"])

    def change(self, conversation: str, part: str, **changes: Any) -> None:
        self._part(conversation, part).update(changes)
        self._tell(conversation)

    def answer(self, conversation: str, part: str) -> None:
        self._of(conversation, "acd")["state"] = "disconnected"
        attended = self._attended.pop(part, None)
        if attended is not None:
            self._leave(conversation, attended)
        self.change(conversation, part, state="connected", connectedTime=NOW, held=False)

    def transfer(self, conversation: str, part: str, user: str, *, attended: bool) -> str:
        """The agent of `part` gives it to another one, whose participant alerts: its id."""
        to = self._join(conversation, "agent", state="alerting", user={"id": user}, alertingTimeoutMs=8000)
        if attended:
            self._attended[str(to["id"])] = part
        else:
            self._leave(conversation, part)
        self._tell(conversation)
        return str(to["id"])

    @property
    def booked(self) -> list[str]:
        """The agents who are connected to a conversation."""
        parts = [part for parts in self.conversations.values() for part in parts]
        agents = [part for part in parts if part["purpose"] == "agent" and part["state"] == "connected"]
        return [part["user"]["id"] for part in agents]

    def routing_status(self, user: str, status: str) -> None:
        body = {"routingStatus": {"userId": user, "status": status, "startTime": NOW}}
        self._notify(f"v2.users.{user}.routingStatus", body)

    def revoke(self) -> None:
        self.tokens.clear()

    async def said(self) -> None:
        await self._notices.join()

    # ------------------------------------------------------------ REST

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        basic = aiohttp.encode_basic_auth(CLIENT, SECRET)
        if request.headers.get("Authorization") != basic or form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=400)
        token = f"token-{next(self._numbers)}"
        self.tokens.add(token)
        self.tokens_given += 1
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": 86_399})

    def _admit(self, request: web.Request) -> str:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise web.HTTPUnauthorized
        conversation = request.match_info.get("id", "")
        if conversation and conversation not in self.conversations:
            raise web.HTTPNotFound
        return conversation

    async def _create(self, request: web.Request) -> web.Response:
        self._admit(request)
        body = await request.json()
        if body["direction"] != "INBOUND" or body["queueId"] != QUEUE:
            return web.json_response({"code": "bad.request", "status": 400}, status=400)
        self.created.append(body)
        conversation = f"conversation-{next(self._numbers)}"
        self.conversations[conversation] = []
        self._join(conversation, "customer", state="connected", attributes=body["attributes"])
        self._join(conversation, "acd", state="connected", queue={"id": QUEUE})
        self._tell(conversation)
        return web.json_response({"id": conversation}, status=202)

    async def _look(self, request: web.Request) -> web.Response:
        return web.json_response(self._shown(self._admit(request)))

    async def _disconnect(self, request: web.Request) -> web.Response:
        conversation = self._admit(request)
        assert await request.json() == {"state": "disconnected"}
        for part in self.conversations[conversation]:
            if part["state"] != "disconnected":
                part |= {"state": "disconnected", "disconnectType": "peer", "endTime": NOW}
                if part["purpose"] == "agent" and "connectedTime" in part:
                    part["startAcwTime"] = NOW
        self._tell(conversation)
        return web.json_response({}, status=202)

    async def _change(self, request: web.Request) -> web.Response:
        conversation = self._admit(request)
        body = await request.json()
        part = self._part(conversation, request.match_info["part"])
        if body.get("state") == "connected":
            self.answer(conversation, part["id"])
        elif body.get("state") == "disconnected":
            self.change(conversation, part["id"], state="disconnected", disconnectType="client", endTime=NOW)
        elif "wrapup" in body:
            self.change(conversation, part["id"], wrapup=body["wrapup"], endAcwTime=NOW)
        else:
            self.change(conversation, part["id"], **body)
        return web.json_response({}, status=202)

    async def _replace(self, request: web.Request) -> web.Response:
        conversation = self._admit(request)
        part, body = request.match_info["part"], await request.json()
        if "userId" in body:
            self.transfer(conversation, part, body["userId"], attended=body.get("transferType") == "Attended")
        else:
            self._leave(conversation, part)
            self._join(conversation, "acd", state="connected", queue={"id": body["queueId"]})
            self._tell(conversation)
        return web.json_response({}, status=202)

    async def _attributes(self, request: web.Request) -> web.Response:
        conversation = self._admit(request)
        part = self._part(conversation, request.match_info["part"])
        part["attributes"] |= (await request.json())["attributes"]
        self._tell(conversation)
        return web.json_response({}, status=202)

    # ------------------------------------------------------------ conversations

    def _join(self, conversation: str, purpose: str, **fields: Any) -> dict[str, Any]:
        part = {"id": f"part-{next(self._numbers)}", "purpose": purpose, **fields}
        self.conversations[conversation].append(part)
        return part

    def _leave(self, conversation: str, part: str) -> None:
        """By a transfer; what there is to do after it is this agent's own affair."""
        left = {"state": "disconnected", "disconnectType": "transfer", "endTime": NOW, "startAcwTime": NOW}
        self._part(conversation, part).update(left)

    def _part(self, conversation: str, part: str) -> dict[str, Any]:
        return next(each for each in self.conversations[conversation] if each["id"] == part)

    def _of(self, conversation: str, purpose: str) -> dict[str, Any]:
        return [each for each in self.conversations[conversation] if each["purpose"] == purpose][-1]

    def _shown(self, conversation: str) -> dict[str, Any]:
        return json.loads(json.dumps({"id": conversation, "participants": self.conversations[conversation]}))  # type: ignore[no-any-return]

    def _tell(self, conversation: str) -> None:
        self._notify(f"v2.routing.queues.{QUEUE}.conversations.emails", self._shown(conversation))

    def _notify(self, topic: str, body: dict[str, Any]) -> None:
        detail = {"topicName": topic, "version": "2", "eventBody": body, "metadata": {}}
        self._notices.put_nowait(
            {"version": "0", "id": f"ev-{next(self._numbers)}", "detail-type": topic, "time": NOW, "detail": detail}
        )

    async def _post_notices(self) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                notice = await self._notices.get()
                async with http.post(self.callback, json=notice, headers={"X-Api-Key": API_KEY}) as answer:
                    self.answers.append(answer.status)
                self._notices.task_done()
