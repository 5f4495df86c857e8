"""Shipped mappings against small servers that behave as the real ones document: real HTTP, real webhooks both ways."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.acd.events import (
    AcdAgentState,
    AcdEvent,
    AcdRef,
    AgentEvent,
    Reserved,
    TargetKind,
    TransferMode,
    TransferTarget,
)
from gateway.acd.port import AgentPosition, ContactOffer, DeclineReason, Phase
from gateway.acd.tasks.adapter import TaskAcd
from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.wiring.tasks import TasksForSignaling, open_task_acd
from tests.support import genesys as g
from tests.support import taskrouter as t
from tests.support.genesys import Genesys
from tests.support.memory_letters import MemoryLetters
from tests.support.signaling_node import node
from tests.support.taskrouter import TaskRouter

CONTACT = ContactId("ct_00000001")


@dataclass
class Desk:
    """Hears what the adapter says, and waits for it."""

    acd: TaskAcd
    events: list[AcdEvent] = field(default_factory=list)
    agent_events: list[AgentEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: AcdEvent) -> None:
        self.events.append(event)
        self._news.set()

    @property
    def told(self) -> list[str]:
        """Without what moves nothing."""
        names = [type(event.body).__name__ + ("*" if event.synthesized else "") for event in self.events]
        return [name for name in names if name != "Unrecognised"]

    async def until(self, *told: str) -> None:
        async with asyncio.timeout(30):
            while self.told != list(told):
                self._news.clear()
                if self.told != list(told):
                    await self._news.wait()

    async def offer(self, **fields: Any) -> AcdRef:
        given: dict[str, Any] = {
            "contact_id": CONTACT,
            "site": "shop",
            "queue": "sales",
            "language": "fr",
            "priority": 2,
            "queued_at": SystemClock().now(),
            "correlation": "7K3QXM2P",
            "display_name": 'Zoë "Z" <b>',
            "attributes": {"order": "4711"},
        }
        return await self.acd.offer(ContactOffer(**given | fields))

    @property
    def reserved(self) -> Reserved:
        body = [event.body for event in self.events if isinstance(event.body, Reserved)][-1]
        assert isinstance(body, Reserved)
        return body


@asynccontextmanager
async def gateway(folder: Path, service: TaskRouter | Genesys, **settings: Any) -> AsyncIterator[Desk]:
    """An adapter behind the real web application, which the service calls back."""
    store = MemoryLetters()
    acd = open_task_acd(
        TaskAcdSettings.model_validate({"name": "acd", "kind": "tasks", "retry_first": 0.05, **settings}),
        store=store,
        clock=SystemClock(),
        node="nd_1",
        public_url="https://video.example",
        on_alarm=lambda code, detail: None,
    )
    desk = Desk(acd)
    acd.on_event(desk.hear)
    acd.on_agent_event(desk.agent_events.append)

    async def audit(*_: object) -> None:
        pass

    async with node(folder, task_acds=TasksForSignaling({"acd": acd}, store, audit)) as here:
        service.callback = f"{here.url}/api/v1/acds/acd/events"
        await acd.start()
        try:
            yield desk
        finally:
            await acd.aclose()


async def eventually(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not fact():  # noqa: ASYNC110 - what is waited for belongs to another server and has no event
            await asyncio.sleep(0.005)


def worker(ref: str, agent_id: str = "ag_1") -> AgentPosition:
    return AgentPosition(
        agent_id=AgentId(agent_id), queues=("sales",), state="ready", reason=None, ready_since=None, ref=ref
    )


async def in_call_with(desk: Desk, router: TaskRouter, ref: str) -> AcdRef:
    """A contact that this worker took in our panel."""
    await desk.acd.set_agent_state(worker(ref))
    contact = await desk.offer()
    router.available(ref)
    await desk.until("Offered", "Queued", "Reserved")
    await desk.acd.accept(contact, desk.reserved.offer_id)
    await desk.acd.confirm_media(contact, True)
    await eventually(lambda: list(router.booked) == [ref])
    await eventually(lambda: not desk.acd.letters.pending)
    return contact


class TestTaskRouter:
    @pytest.fixture
    async def router(self) -> AsyncIterator[TaskRouter]:
        async with TaskRouter.running() as running:
            yield running

    @pytest.fixture
    async def desk(self, router: TaskRouter, tmp_path: Path) -> AsyncIterator[Desk]:
        async with gateway(
            tmp_path,
            router,
            mapping="taskrouter",
            url=router.url,
            auth="basic",
            user=t.ACCOUNT,
            secret=t.TOKEN,
            incoming_auth="twilio",
            incoming_secret=t.TOKEN,
            variables={"workspace": t.WORKSPACE, "workflow": t.WORKFLOW},
        ) as made:
            yield made

    async def test_our_panel_accepts_and_our_media_end_the_task(self, router: TaskRouter, desk: Desk) -> None:
        await desk.acd.set_agent_state(worker("WK1"))
        ref = await desk.offer()
        await desk.until("Offered", "Queued")
        router.available("WK1")
        await desk.until("Offered", "Queued", "Reserved")
        assert desk.reserved.agent_id == AgentId("ag_1")
        await desk.acd.accept(ref, desk.reserved.offer_id)
        await desk.acd.confirm_media(ref, True)
        await eventually(lambda: router.standing(CONTACT)[0].status == "assigned")
        (seen,) = await desk.acd.contacts([ref])
        assert seen.phase is Phase.CONNECTED
        await desk.acd.end(ref, "agent_released")
        await desk.acd.complete_wrap_up(ref, "sale")
        await eventually(lambda: router.standing(CONTACT)[0].status == "completed")
        task, reservation = router.standing(CONTACT)
        assert (task.reason, reservation.status, task.priority) == ("sale", "completed", 2)
        await router.said()
        assert set(router.answers) == {204}
        assert len(router.tasks) == 1

    async def test_a_worker_accepts_at_the_desktop_and_a_refusal_brings_the_next(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        await desk.offer()
        router.available("WK1")
        await desk.until("Offered", "Queued", "Reserved")
        router.answer(CONTACT, "rejected")
        router.available("WK2")
        await desk.until("Offered", "Queued", "Reserved", "Rejected", "Reserved")
        router.answer(CONTACT, "timeout")
        router.available("WK3")
        await desk.until("Offered", "Queued", "Reserved", "Rejected", "Reserved", "NoAnswer", "Reserved")
        router.answer(CONTACT, "accepted")
        router.wrap_up(CONTACT)
        await router.said()
        assert desk.told[7:] == ["Accepted", "Ended", "WrapUpStarted"]
        assert [event.attempt for event in desk.events][-1] == 3

    async def test_a_creation_whose_answer_was_lost_makes_no_second_task(self, router: TaskRouter, desk: Desk) -> None:
        """This API has no idempotency key: the task is looked for before it is made again."""
        router.lose_answers = 1
        await desk.offer()
        await eventually(lambda: not desk.acd.letters.pending)
        assert len(router.tasks) == 1

    async def test_a_customer_who_leaves_while_a_worker_accepts_leaves_no_task_behind(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        ref = await desk.offer()
        router.available("WK1")
        await desk.until("Offered", "Queued", "Reserved")
        router.standing(CONTACT)[0].status = "assigned"
        await desk.acd.cancel(ref, "abandoned_while_alerting")
        await eventually(lambda: router.standing(CONTACT)[0].status == "completed")

    async def test_a_lost_agent_makes_a_new_task_at_the_head_and_the_old_one_is_closed(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        ref = await desk.offer()
        router.available("WK1")
        await desk.until("Offered", "Queued", "Reserved")
        await desk.acd.accept(ref, desk.reserved.offer_id)
        await desk.acd.requeue(ref, "agent_lost")
        await eventually(lambda: len(router.tasks) == 2)
        first, second = router.tasks.values()
        router.available("WK2")
        await eventually(lambda: desk.told.count("Reserved") == 2)
        await router.said()
        assert (first.status, second.priority) == ("completed", 102)
        await desk.acd.accept(ref, desk.reserved.offer_id)
        await eventually(lambda: second.status == "assigned")

    async def test_who_took_the_customer_over_is_booked_and_the_first_agent_is_free(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        ref = await in_call_with(desk, router, "WK1")
        first = router.standing(CONTACT)[0]
        await desk.acd.set_agent_state(worker("WK2", "ag_2"))
        await desk.acd.claimed(ref, AgentId("ag_2"))
        await eventually(lambda: list(router.booked) == ["WK2"])
        await eventually(lambda: not desk.acd.letters.pending)
        await router.said()
        second = router.standing(CONTACT)[0]
        assert router.booked == {"WK2": [second.sid]}
        assert (first.status, first.reason, first.closes) == ("completed", "handed_over", ["completed"])
        (seen,) = await desk.acd.contacts([ref])
        assert (seen.phase, seen.agent and seen.agent.ref) == (Phase.CONNECTED, "WK2")
        await desk.acd.end(ref, "agent_released")
        await desk.acd.complete_wrap_up(ref, "sale")
        await eventually(lambda: second.status == "completed")
        await router.said()
        assert (second.reason, second.closes, router.booked) == ("sale", ["completed"], {})
        assert desk.told == ["Offered", "Queued", "Reserved"], "the contact hears nothing of it"

    async def test_a_booking_whose_answer_was_lost_is_made_once(self, router: TaskRouter, desk: Desk) -> None:
        ref = await in_call_with(desk, router, "WK1")
        router.lose_answers = 1
        await desk.acd.claimed(ref, AgentId("WK2"))
        await eventually(lambda: list(router.booked) == ["WK2"])
        assert [task.status for task in router.tasks.values()] == ["completed", "assigned"]

    async def test_a_contact_that_ends_before_its_colleague_is_booked_leaves_no_task_behind(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        ref = await in_call_with(desk, router, "WK1")
        router.silent = True  # that it rings at the second one is never heard
        await desk.acd.claimed(ref, AgentId("WK2"))
        await desk.acd.end(ref, "agent_released")
        await desk.acd.complete_wrap_up(ref, "sale")
        await eventually(lambda: not desk.acd.letters.pending)
        assert [task.closes for task in router.tasks.values()] == [["completed"], ["canceled"]]

    async def test_a_worker_who_is_taken_from_one_to_the_next_leaves_one_task(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        ref = await in_call_with(desk, router, "WK1")
        router.away = True
        await desk.acd.claimed(ref, AgentId("WK2"))
        await desk.acd.claimed(ref, AgentId("WK3"))
        router.away = False
        await eventually(lambda: list(router.booked) == ["WK3"])
        await eventually(lambda: not desk.acd.letters.pending)
        assert sorted(task.status for task in router.tasks.values()) == ["assigned", "canceled", "completed"]

    async def test_a_worker_who_transfers_keeps_the_contact_until_the_other_has_accepted(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        ref = await in_call_with(desk, router, "WK1")
        task = router.standing(CONTACT)[0]
        await desk.acd.set_agent_state(worker("WK2", "ag_2"))
        router.transfer(CONTACT, "WK2")
        await router.said()
        (seen,) = await desk.acd.contacts([ref])
        assert (seen.phase, seen.agent and seen.agent.ref) == (Phase.CONNECTED, "WK1")
        router.answer(CONTACT, "rejected")
        await router.said()
        assert desk.told[3:] == ["Transferring", "Transferring*", "TransferFailed*", "TransferFailed"]
        router.transfer(CONTACT, "WK2")
        router.answer(CONTACT, "accepted")
        await router.said()
        assert desk.told[-3:] == ["Transferred*", "Reserved*", "Accepted"]
        assert desk.reserved.agent_id == AgentId("ag_2")
        await desk.acd.confirm_media(ref, True)
        await desk.acd.end(ref, "agent_released")
        await desk.acd.complete_wrap_up(ref, None)
        await eventually(lambda: task.closes == ["completed"])
        assert (len(router.tasks), router.booked) == (1, {})

    async def test_a_service_that_is_away_for_a_moment_gets_everything_once(
        self, router: TaskRouter, desk: Desk
    ) -> None:
        router.away = True
        await desk.offer()
        await eventually(lambda: desk.acd.letters.failed >= 2)
        router.away = False
        await desk.until("Offered", "Queued")
        assert len(router.tasks) == 1

    async def test_an_event_signed_with_another_token_is_refused(self, router: TaskRouter, desk: Desk) -> None:
        form = {"EventType": "task.canceled", "TaskSid": "WT1", "TaskAttributes": "{}"}
        async with (
            aiohttp.ClientSession() as http,
            http.post(router.callback, data=form, headers={"X-Twilio-Signature": "AAAA"}) as answer,
        ):
            assert answer.status == 401


class TestGenesys:
    @pytest.fixture
    async def cloud(self) -> AsyncIterator[Genesys]:
        async with Genesys.running() as running:
            yield running

    @pytest.fixture
    async def desk(self, cloud: Genesys, tmp_path: Path) -> AsyncIterator[Desk]:
        async with gateway(
            tmp_path,
            cloud,
            mapping="genesys",
            url=cloud.url,
            auth="oauth2",
            user=g.CLIENT,
            secret=g.SECRET,
            token_url=f"{cloud.url}/oauth/token",
            incoming_auth="header",
            incoming_secret=g.API_KEY,
            variables={"queue": g.QUEUE, "queue_service": "queue-2", "language_fr": "l-fr", "wrapup_sale": "code-1"},
        ) as made:
            yield made

    async def test_the_agent_accepts_at_the_desktop_holds_and_wraps_up(self, cloud: Genesys, desk: Desk) -> None:
        await desk.acd.set_agent_state(worker("user-1"))
        ref = await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        part = cloud.alert(conversation, "user-1")
        await desk.until("Queued", "Reserved")
        assert (desk.reserved.agent_id, desk.reserved.deadline_s) == (AgentId("ag_1"), 8.0)
        cloud.answer(conversation, part)
        await desk.until("Queued", "Reserved", "Accepted")
        await desk.acd.confirm_media(ref, True)
        cloud.change(conversation, part, held=True)
        cloud.change(conversation, part, held=True, recordingState="none")
        cloud.change(conversation, part, held=False)
        await desk.until("Queued", "Reserved", "Accepted", "Held", "Resumed")
        (seen,) = await desk.acd.contacts([ref])
        assert seen.phase is Phase.CONNECTED
        await desk.acd.end(ref, "agent_released")
        await desk.until("Queued", "Reserved", "Accepted", "Held", "Resumed", "WrapUpStarted")
        await desk.acd.complete_wrap_up(ref, "sale")
        await eventually(lambda: cloud._part(conversation, part).get("wrapup", {}).get("code") == "code-1")
        created = cloud.created[0]
        assert (created["languageId"], created["priority"]) == ("l-fr", 2)
        assert created["attributes"]["visavis_claim_url"] == "https://video.example/agent/claim/7K3QXM2P"
        await cloud.said()
        assert set(cloud.answers) == {204}
        assert cloud.tokens_given == 1

    async def test_our_panel_accepts_declines_and_holds(self, cloud: Genesys, desk: Desk) -> None:
        ref = await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        first = cloud.alert(conversation, "user-1")
        await desk.until("Queued", "Reserved")
        await desk.acd.decline(ref, desk.reserved.offer_id, DeclineReason.DECLINED)
        await eventually(lambda: cloud._part(conversation, first)["state"] == "disconnected")
        second = cloud.alert(conversation, "user-2")
        await desk.until("Queued", "Reserved", "Reserved")
        await desk.acd.accept(ref, desk.reserved.offer_id)
        await desk.acd.hold(ref)
        await eventually(lambda: cloud._part(conversation, second).get("held") is True)
        await desk.acd.resume(ref)
        await eventually(lambda: cloud._part(conversation, second).get("held") is False)

    async def test_an_agent_who_does_not_answer_is_told(self, cloud: Genesys, desk: Desk) -> None:
        await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        part = cloud.alert(conversation, "user-1")
        cloud.change(conversation, part, state="disconnected", disconnectType="timeout")
        await desk.until("Queued", "Reserved", "NoAnswer")
        cloud.routing_status("user-1", "NOT_RESPONDING")
        await eventually(lambda: len(desk.agent_events) == 1)
        assert desk.agent_events[0].state is AcdAgentState.NOT_READY
        assert desk.agent_events[0].reason == "not_responding"

    async def test_a_transfer_to_a_queue_rings_the_next_agent(self, cloud: Genesys, desk: Desk) -> None:
        ref = await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        cloud.answer(conversation, cloud.alert(conversation, "user-1"))
        await desk.until("Queued", "Reserved", "Accepted")
        await desk.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="service"))
        await eventually(lambda: "Transferred" in desk.told)
        cloud.alert(conversation, "user-2")
        await eventually(lambda: desk.told[-1:] == ["Reserved"])
        assert cloud._of(conversation, "acd")["queue"] == {"id": "queue-2"}

    async def test_who_took_the_customer_over_is_booked_and_the_first_agent_is_free(
        self, cloud: Genesys, desk: Desk
    ) -> None:
        ref = await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        cloud.alert(conversation, "user-1")
        await desk.until("Queued", "Reserved")
        await desk.acd.accept(ref, desk.reserved.offer_id)
        await desk.acd.confirm_media(ref, True)
        await desk.acd.claimed(ref, AgentId("user-2"))
        await eventually(lambda: cloud.booked == ["user-2"])
        await desk.acd.hold(ref)
        await eventually(lambda: cloud._of(conversation, "agent").get("held") is True)
        await desk.acd.end(ref, "agent_released")
        await desk.acd.complete_wrap_up(ref, "sale")
        await eventually(lambda: cloud._of(conversation, "agent").get("wrapup", {}).get("code") == "code-1")
        await cloud.said()
        assert cloud.booked == []
        assert desk.told == ["Queued", "Reserved"], "the contact hears nothing of it"

    async def test_an_agents_attended_transfer_moves_the_contact_when_the_other_is_connected(
        self, cloud: Genesys, desk: Desk
    ) -> None:
        for ref in ("user-1", "user-2"):
            await desk.acd.set_agent_state(worker(ref, f"ag_{ref}"))
        contact = await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        first = cloud.alert(conversation, "user-1")
        cloud.answer(conversation, first)
        await desk.until("Queued", "Reserved", "Accepted")
        await desk.acd.confirm_media(contact, True)
        second = cloud.transfer(conversation, first, "user-2", attended=True)
        await cloud.said()
        (seen,) = await desk.acd.contacts([contact])
        assert (seen.phase, seen.agent and seen.agent.ref) == (Phase.CONNECTED, "user-1")
        cloud.answer(conversation, second)
        await cloud.said()
        assert desk.told[3:] == ["Transferring*", "Transferred*", "Reserved*", "Accepted"]
        assert desk.reserved.agent_id == AgentId("ag_user-2")
        cloud.change(conversation, first, endAcwTime=g.NOW)  # the first one's after-call work is not this one's
        cloud.change(conversation, second, state="disconnected", disconnectType="client", endTime=g.NOW)
        await cloud.said()
        assert desk.told[7:] == ["Ended"]

    async def test_an_agents_unattended_transfer_rings_at_the_other_one(self, cloud: Genesys, desk: Desk) -> None:
        await desk.acd.set_agent_state(worker("user-2", "ag_2"))
        contact = await desk.offer()
        await desk.until("Queued")
        (conversation,) = cloud.conversations
        first = cloud.alert(conversation, "user-1")
        cloud.answer(conversation, first)
        await desk.until("Queued", "Reserved", "Accepted")
        await desk.acd.confirm_media(contact, True)
        second = cloud.transfer(conversation, first, "user-2", attended=False)
        await cloud.said()
        assert desk.told[3:] == ["Transferring*", "Transferred", "Reserved*"]
        cloud.answer(conversation, second)
        await cloud.said()
        assert desk.told[6:] == ["Accepted"]
        (seen,) = await desk.acd.contacts([contact])
        assert (seen.phase, seen.agent and seen.agent.agent_id) == (Phase.CONNECTED, AgentId("ag_2"))

    async def test_a_customer_who_leaves_disconnects_the_conversation(self, cloud: Genesys, desk: Desk) -> None:
        ref = await desk.offer()
        await desk.until("Queued")
        await desk.acd.update_attributes(ref, {"order": "4712"})
        (conversation,) = cloud.conversations
        await eventually(lambda: "4712" in cloud._of(conversation, "customer")["attributes"]["visavis_attributes"])
        await desk.acd.cancel(ref, "abandoned_in_queue")
        await eventually(lambda: all(part["state"] == "disconnected" for part in cloud.conversations[conversation]))

    async def test_a_token_that_was_taken_back_is_replaced(self, cloud: Genesys, desk: Desk) -> None:
        ref = await desk.offer()
        await desk.until("Queued")
        cloud.revoke()
        await desk.acd.cancel(ref, "abandoned_in_queue")
        await eventually(lambda: not desk.acd.letters.pending)
        assert cloud.tokens_given == 2
        assert desk.acd.letters.failed == 0
