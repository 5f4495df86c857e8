"""What Asterisk and FreeSWITCH say in the course of a call, played from transcripts, becomes these events."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.accounts.model import Account
from gateway.acd.events import AcdAgentState
from gateway.base.clock import SystemClock
from gateway.base.ids import AccountId, AgentId
from gateway.config.cti import AmiSettings, EslSettings, Feed
from gateway.wiring.feeds import feed_for
from tests.support.cti_rig import Recorder, until
from tests.support.recorded_server import RecordedServer

ID = "7K3QXM2P"

STORIES = {
    "ami/ordinary.txt": "Queued(2) Queued(1) Reserved(anna) Connected(anna) Held Resumed Ended(agent)",
    "ami/no-answer-then-busy.txt": "Queued(1) Reserved(anna) NoAnswer Reserved(bert) Rejected(busy) Abandoned(37)",
    "ami/no-agents.txt": "QueueExit(empty)",
    "ami/timeout-then-next-queue.txt": "Queued(1) QueueExit(timeout) Queued(3) QueueExit(empty)",
    "ami/blind-transfer-to-colleague.txt": (
        "Queued(1) Reserved(anna) Connected(anna) Transferring(1002) Transferred(bert) Ended(customer)"
    ),
    "ami/attended-transfer.txt": (
        "Queued(1) Reserved(anna) Connected(anna) Transferring Transferred(bert) Ended(customer)"
    ),
    "ami/wrap-up-by-pause.txt": ("Queued(1) Reserved(anna) Connected(anna) Ended(customer) WrapUpStarted WrapUpDone"),
    "ami/wrap-up-by-clock.txt": ("Queued(1) Reserved(anna) Connected(anna) Ended(customer) WrapUpStarted WrapUpDone"),
    "ami/words-of-tomorrow.txt": "Queued(1) Unrecognised(QueueCallerSentiment) Reserved(anna) Abandoned*",
    "ami/asterisk-11.txt": "Queued(1) Reserved(SIP/1001)* Connected(SIP/1001) Ended(agent)",
    "esl/ordinary.txt": "Queued Reserved(anna) Connected(anna) Held Resumed Ended(customer)",
    "esl/rejected-then-no-answer.txt": (
        "Queued Reserved(anna) Rejected(declined) Reserved(anna) NoAnswer Abandoned(37)"
    ),
    "esl/no-agent.txt": "Queued QueueExit(empty)",
    "esl/transfer-to-colleague.txt": (
        "Queued Reserved(anna) Connected(anna) Transferring Transferred(1002) Ended(customer)"
    ),
    "esl/wrap-up-by-clock.txt": "Queued Reserved(anna) Connected(anna) Ended(customer) WrapUpStarted WrapUpDone",
}


def word(body: Any) -> str:
    """An event as the stories write it: its name, and what matters most of it."""
    agent = getattr(body, "agent", None)
    said = (
        (agent.agent_id or agent.ref).removeprefix("ag_").removesuffix("0000")
        if agent is not None
        else getattr(body, "place", None)
        or getattr(body, "reason", None)
        or getattr(body, "name", None)
        or getattr(getattr(body, "target", None), "value", None)
        or getattr(body, "waited_s", None)
    )
    if type(body).__name__ == "Ended":
        said = body.by
    shown = f"{said:g}" if isinstance(said, float) else said
    return type(body).__name__ + (f"({shown})" if shown else "")


async def accounts() -> list[Account]:
    return [
        Account(
            account_id=AccountId(f"ac_{name}0000"),
            name=name,
            display_name=name,
            roles=frozenset({"agent"}),
            agent_id=AgentId(f"ag_{name}0000"),
        )
        for name in ("anna", "bert")
    ]


def settings_for(kind: str, port: int) -> AmiSettings | EslSettings:
    names = ("PJSIP/1001", "PJSIP/1002") if kind == "ami" else ("1001@default", "1002@default")
    values: dict[str, Any] = {
        "kind": kind,
        "port": port,
        "ping_interval": 0.05,
        "agents": dict(zip(("anna", "bert"), names, strict=True)),
    }
    values |= {"user": "visavis", "secret": "s"} if kind == "ami" else {"password": "practice"}
    feed: TypeAdapter[AmiSettings | EslSettings] = TypeAdapter(Feed)
    return feed.validate_python(values)


@pytest.mark.parametrize("name", STORIES)
async def test_a_transcript_tells_this_story(name: str) -> None:
    kind = name.partition("/")[0]
    told = Recorder()
    async with RecordedServer(name) as server:
        feed = feed_for(
            "pbx",
            settings_for(kind, server.port),
            queues=() if kind == "esl" else ("support", "overflow"),
            accounts=accounts,
            clock=SystemClock(),
            on_alarm=lambda *_: None,
        )
        feed.listen(told)
        await feed.start()
        try:
            count = len(STORIES[name].split())
            await told.until(lambda: len(told.calls) >= count)
            await until(lambda: feed.figures().events > 0)
        finally:
            await feed.aclose()
    assert server.failed is None
    assert " ".join(word(event.body) + "*" * event.synthesized for event in told.calls) == STORIES[name]
    assert {event.correlation for event in told.calls} == {ID}
    assert all(event.raw for event in told.calls if event.body.__class__.__name__ != "WrapUpDone")
    assert feed.figures().failed == 0
    years = {event.occurred_at.year for event in told.calls if event.raw.get("Timestamp") or kind == "esl"}
    assert years <= {2024} or "clock" in name


async def test_an_old_asterisk_tells_of_its_agents_too() -> None:
    told = Recorder()
    async with RecordedServer("ami/asterisk-11.txt") as server:
        feed = feed_for(
            "pbx",
            settings_for("ami", server.port),
            queues=("support",),
            accounts=accounts,
            clock=SystemClock(),
            on_alarm=lambda *_: None,
        )
        feed.listen(told)
        await feed.start()
        try:
            await told.until(lambda: len(told.agents) >= 3)
        finally:
            await feed.aclose()
    assert [(event.agent.ref, event.state, event.reason) for event in told.agents] == [
        ("SIP/1001", AcdAgentState.READY, None),
        ("SIP/1001", AcdAgentState.NOT_READY, "lunch"),
        ("SIP/1001", AcdAgentState.READY, None),
    ]
