"""An adapter of task mode with everything around it in the test's hand: clock, caller, records, listeners."""

import json
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Any

from gateway.acd.events import AcdEvent, AcdRef, AgentEvent, Reserved
from gateway.acd.port import AgentPosition, ContactOffer
from gateway.acd.tasks.adapter import TaskAcd
from gateway.acd.tasks.document import load_mapping
from gateway.acd.tasks.mapping import TaskMapping
from gateway.acd.tasks.ports import Answer, Call, CallFailed, Panels
from gateway.acd.tasks.verifying import KEY_HEADER, SignatureVerifier
from gateway.base.ids import AgentId, ContactId
from gateway.base.signing import sign
from gateway.config.acd_tasks import TaskAcdSettings
from tests.support.clock import FakeClock, at_rest
from tests.support.memory_letters import MemoryLetters

SECRET = "a secret of the two sides"


@cache
def native() -> TaskMapping:
    return load_mapping("visavis", {})


class FakeCaller:
    """Answers calls from a list, then with `usual`; an exception in the list is raised."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: deque[Answer | CallFailed] = deque()
        self.usual: Answer | CallFailed = Answer(status=200, body=b"{}")
        self.closed = False

    async def call(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self.answers.popleft() if self.answers else self.usual
        if isinstance(answer, CallFailed):
            raise answer
        return answer

    async def aclose(self) -> None:
        self.closed = True

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(call.body) for call in self.calls]

    @property
    def commands(self) -> list[str]:
        return [body["command"] for body in self.bodies]


class TaskRig:
    """`tell` delivers a signed webhook as the ACD would send it."""

    def __init__(
        self,
        *,
        mapping: TaskMapping | None = None,
        store: MemoryLetters | None = None,
        clock: FakeClock | None = None,
        panels: Panels | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.caller = FakeCaller()
        self.store = store or MemoryLetters()
        self.settings = TaskAcdSettings(name="acd", kind="tasks", url="http://acd.test/hook", **settings)
        self.events: list[AcdEvent] = []
        self.agent_events: list[AgentEvent] = []
        self._numbers = 0
        self.acd = TaskAcd(
            settings=self.settings,
            mapping=mapping or native(),
            caller=self.caller,
            verifier=SignatureVerifier({"1": SECRET}, 300),
            store=self.store,
            clock=self.clock,
            node="nd_1",
            claim_url=lambda correlation: f"https://video.test/agent/claim/{correlation}",
            panels=panels,
        )
        self.acd.on_event(self.events.append)
        self.acd.on_agent_event(self.agent_events.append)

    async def __aenter__(self) -> "TaskRig":
        await self.acd.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.acd.aclose()

    async def offer(self, contact_id: str = "ct_00000001", **fields: Any) -> AcdRef:
        """Offer a contact and let the ACD answer."""
        given: dict[str, Any] = {
            "contact_id": ContactId(contact_id),
            "site": "shop",
            "queue": "sales",
            "language": "en",
            "priority": 0,
            "queued_at": self.clock.now(),
            "correlation": "7K3QXM2P",
        }
        ref = await self.acd.offer(ContactOffer(**given | fields))
        await at_rest()
        return ref

    async def tell(self, event: str, contact_id: str = "ct_00000001", **fields: Any) -> None:
        """A webhook with a fresh event id, unless one is given."""
        self._numbers += 1
        body = {"event_id": f"e{self._numbers}", "event": event, "contact_id": contact_id, **fields}
        self.receive(body)
        await at_rest()

    def receive(self, body: Any, *, secret: str = SECRET, headers: Mapping[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {KEY_HEADER: "1", **sign(secret, int(self.clock.now().timestamp()), raw)}
        self.acd.receive("http://gateway.test/hook", signed if headers is None else headers, raw)

    @property
    def told(self) -> list[str]:
        """The names of the events the contact was told, those made up with a star."""
        return [type(event.body).__name__ + ("*" if event.synthesized else "") for event in self.events]


def reserved(rig: TaskRig) -> Reserved:
    body = next(event.body for event in reversed(rig.events) if isinstance(event.body, Reserved))
    assert isinstance(body, Reserved)
    return body


def position(agent_id: str = "ag_1", ref: str = "WK1", state: str = "ready") -> AgentPosition:
    return AgentPosition(
        agent_id=AgentId(agent_id), queues=("sales",), state=state, reason=None, ready_since=None, ref=ref
    )


async def in_call(rig: TaskRig) -> AcdRef:
    """A contact that an agent took in our panel, with both sides connected."""
    await rig.acd.set_agent_state(position())
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await rig.acd.confirm_media(ref, True)
    await at_rest()
    return ref
