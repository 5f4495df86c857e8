"""The two robots of a call: a customer who goes the whole way, and an agent who takes what rings.

Owns what each does in which order, and how long it waits. Both use public interfaces only.
"""

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from gateway.canary.footage import AUDIO_CLOCK_HZ, VOICE_HZ, footage
from gateway.canary.media import Counts, RobotMedia
from gateway.canary.phone import HEARD_RATE_HZ, TONE_HZ, Phone
from gateway.canary.report import CallReport, RecordingReport, Step, VoiceReport, flawed_recording, missing_media, side
from gateway.canary.talk import CanaryFailure, Talk, TryLater, first_hello, request
from gateway.canary.telephony import Ring, Telephony
from gateway.canary.tone import decode_opus, seconds_of
from media.transport.client import ClientPeer
from signaling.messages import (
    AcceptOffer,
    AgentState,
    Assigned,
    ClaimContact,
    Consent,
    ContactState,
    HangUp,
    LegAnswer,
    LegOffer,
    MenuChoice,
    MenuNode,
    Message,
    Offer,
    QueuePosition,
    SetReady,
    WrapUp,
    WrapUpStarted,
)

SITE: Final = "canary"
SIP_SITE: Final = "canary-sip"
HEARD_S: Final = 1.0
"""In call mode each side must have heard the other's tone for so long."""

_STEP_S: Final = 20.0
_QUEUE_S: Final = 120.0  # a robot agent may still be in the wrap-up of the call before
_SEALED_S: Final = 300.0  # finalising jobs run one after another: fifty calls that end at once wait for each other
_POLL_S: Final = 0.2
_POLL_LAST_S: Final = 2.0  # fifty robots must not be the load that they measure
_CHUNK_BYTES: Final = 1 << 16


@dataclass(slots=True)
class Call:
    """One call as both robots know it."""

    number: int
    report: CallReport = field(default_factory=CallReport)
    agent_media: RobotMedia | None = None
    agent_talks: asyncio.Event = field(default_factory=asyncio.Event)
    agent_failure: str | None = None
    phone: Phone | None = None  # the telephone that rang for it, in call mode


@dataclass(frozen=True, slots=True)
class Stage:
    """What all robots of a run share."""

    token: str
    talk_s: float
    media_host: str
    say: Callable[[str], None]
    telephony: Telephony | None = None  # the ACD and the agents' voice, in call mode
    calls: dict[str, Call] = field(default_factory=dict)  # by contact id

    @asynccontextmanager
    async def step(self, call: Call, name: str, limit_s: float = _STEP_S) -> AsyncIterator[None]:
        """Time one step; a step that takes longer than `limit_s` fails the call with its name."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(limit_s):
                yield
        except TimeoutError:
            raise CanaryFailure(call.agent_failure or f"{name} did not happen within {limit_s:.0f} s") from None
        took_ms = round((time.perf_counter() - began) * 1000)
        call.report.steps.append(Step(name=name, ms=took_ms))
        self.say(f"call {call.number:>3}  {name:<14}{took_ms:>7} ms")


def _as_it_is(answer_sdp: str) -> str:
    return answer_sdp


@asynccontextmanager
async def open_leg(
    talk: Talk, media_host: str, *, generation: int = 1, steer: Callable[[str], str] = _as_it_is
) -> AsyncIterator[RobotMedia]:
    """A connected leg that sends camera and microphone until the block ends.

    `generation` is one more than that of the leg before. `steer` may write another way to the gateway into its answer.
    """
    media = RobotMedia(footage())
    peer = await ClientPeer.open(media, host=media_host, h264=False)
    try:
        await talk.send(LegOffer(generation=generation, sdp=peer.create_offer()))
        answer = await talk.wait_for(LegAnswer, lambda answer: answer.generation == generation)
        link, negotiated = await peer.set_answer(steer(answer.sdp))
        await peer.connected(timeout_s=_STEP_S)
        media.start(link, negotiated)
        yield media
    finally:
        try:
            await media.stop()
        finally:
            await peer.close()


# ---------------------------------------------------------------- customer


async def customer(stage: Stage, call: Call, http: aiohttp.ClientSession) -> None:
    """Go the whole way and check it. Fills `call.report`; raises CanaryFailure at the first thing that is not well."""
    visitor = "canary-" + secrets.token_hex(8)
    site = SITE if stage.telephony is None else SIP_SITE
    async with stage.step(call, "availability"):
        here = await request(
            http, "POST", "/api/v1/widget/availability", body={"site": site, "visitor_key": visitor}, token=stage.token
        )
        if not here.get("offered"):
            raise CanaryFailure(f"video is not offered: {here.get('code')}")
    notice = here.get("recording") or {}
    async with stage.step(call, "entry"):
        entry = {
            "site": site,
            "visitor_key": visitor,
            "language": "en",
            "display_name": f"Robot {call.number}",
            "notice_version": notice.get("notice_version", ""),
        }
        entered = await request(http, "POST", "/api/v1/widget/entry", body=entry, token=stage.token)
    async with stage.step(call, "hello"):
        talk, welcome = await Talk.open(http, "/ws/customer", first_hello(entered["entry_token"]), who="customer")
    try:
        if welcome.contact_id is None:
            raise CanaryFailure("the welcome named no contact")
        call.report.contact_id = welcome.contact_id
        stage.calls[welcome.contact_id] = call
        if notice.get("consent") == "ask":
            await talk.send(Consent(given=True, notice_version=notice.get("notice_version", "")))
        await _menu_to_goodbye(stage, call, talk)
    finally:
        await talk.close()
    await _afterwards(stage, call, http, welcome.contact_id)


async def _menu_to_goodbye(stage: Stage, call: Call, talk: Talk) -> None:
    async with stage.step(call, "menu"):
        node = await talk.wait_for(MenuNode, lambda node: bool(node.options))
        await talk.send(MenuChoice(node_id=node.node_id, key=node.options[0].key))
    if stage.telephony is None:  # a telephone tells of no place
        async with stage.step(call, "queue"):
            await talk.wait_for(QueuePosition)
    async with AsyncExitStack() as stack:
        async with stage.step(call, "leg"):
            media = await stack.enter_async_context(open_leg(talk, stage.media_host))
        async with stage.step(call, "agent", _QUEUE_S):
            await talk.wait_for(ContactState, lambda state: state.state == "active")
        async with stage.step(call, "two_way_media"):
            await media.heard_since(media.counts())
            await call.agent_talks.wait()
        async with stage.step(call, "talk", stage.talk_s + _STEP_S):
            await _count(stage, call, media)
        async with stage.step(call, "hang_up"):
            await talk.send(HangUp())
            await talk.wait_for(ContactState, lambda state: state.state in ("wrap_up", "closed"))
    if call.phone is not None and call.report.voice is not None:
        async with stage.step(call, "telephone"):
            await _telephone_heard(call.phone, call.report.voice)


async def _telephone_heard(phone: Phone, voice: VoiceReport) -> None:
    """Return once the customer's tone is in what the telephone heard; the step around it has the deadline."""
    while True:
        samples = await asyncio.to_thread(phone.heard)
        heard_s = await asyncio.to_thread(seconds_of, VOICE_HZ, samples, HEARD_RATE_HZ)
        voice.phone_heard_s = round(heard_s, 2)
        if heard_s >= HEARD_S:
            return
        await asyncio.sleep(_POLL_S)


async def _count(stage: Stage, call: Call, media: RobotMedia) -> None:
    """Talk, and compare what each side sent with what the other received meanwhile."""
    agent = call.agent_media
    if agent is None:
        raise CanaryFailure("the robot agent is gone")
    before: tuple[Counts, Counts] = media.counts(), agent.counts()
    await asyncio.sleep(stage.talk_s)
    customers, agents = media.counts().since(before[0]), agent.counts().since(before[1])
    call.report.customer, call.report.agent = side(customers), side(agents)
    sound = stage.telephony is None  # else the voice is the telephone's, and its tone is listened for
    flaw = missing_media("customer", customers, agents, sound=sound)
    flaw = flaw or missing_media("agent", agents, customers, sound=sound)
    if flaw is None and call.report.voice is not None:
        samples = await asyncio.to_thread(decode_opus, media.sound())
        heard_s = await asyncio.to_thread(seconds_of, TONE_HZ, samples, AUDIO_CLOCK_HZ)
        call.report.voice.customer_heard_s = round(heard_s, 2)
        if heard_s < HEARD_S:
            flaw = f"the customer heard the telephone's tone for {heard_s:.2f} s, {HEARD_S} s are asked"
    if flaw:
        raise CanaryFailure(flaw)


async def _afterwards(stage: Stage, call: Call, http: aiohttp.ClientSession, contact_id: str) -> None:
    async with stage.step(call, "wrap_up"):
        contact = await _contact_when(stage, http, contact_id, lambda contact: contact.get("state") == "closed")
        states = [str(event["state"]) for event in contact["journal"] if event.get("state")]
        call.report.journal = [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]
        if call.report.journal[-1:] != ["closed"]:
            raise CanaryFailure("the journal does not end with closed")
    async with stage.step(call, "recording", _SEALED_S):
        contact = await _contact_when(
            stage, http, contact_id, lambda contact: (contact.get("recording") or {}).get("state") in _RECORDING_OVER
        )
        recording = contact["recording"]
        if recording["state"] != "complete":
            raise CanaryFailure(f"the recording is {recording['state']}")
        call.report.recording = RecordingReport(
            tracks=recording["tracks"] if isinstance(recording["tracks"], int) else len(recording["tracks"]),
            duration_s=recording["duration_s"],
            completeness=recording["completeness"],
            sha256=recording["sha256"],
        )
        if flaw := flawed_recording(call.report.recording, telephone=stage.telephony is not None):
            raise CanaryFailure(flaw)
    async with stage.step(call, "download", _STEP_S * 3):
        digest = await _download(stage, http, recording["recording_id"])
        if digest != recording["sha256"]:
            raise CanaryFailure("the recording that was downloaded is not the one that was sealed (SHA-256)")


_RECORDING_OVER: Final = frozenset({"complete", "failed", "aborted", "limit_reached", "expired"})


async def _contact_when(
    stage: Stage, http: aiohttp.ClientSession, contact_id: str, ready: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Ask for the contact until it is as wanted, less and less often; the step around it has the deadline."""
    pause_s = _POLL_S
    while True:
        with contextlib.suppress(TryLater):
            contact = await request(http, "GET", f"/api/v1/contacts/{contact_id}", token=stage.token)
            if ready(contact):
                return contact
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _POLL_LAST_S)


async def _download(stage: Stage, http: aiohttp.ClientSession, recording_id: str) -> str:
    digest = hashlib.sha256()
    headers = {"Authorization": f"Canary {stage.token}"}
    try:
        async with http.get(f"/api/v1/recordings/{recording_id}/media?view=all", headers=headers) as response:
            if response.status != 200:
                raise CanaryFailure(f"downloading the recording answered {response.status}")
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                digest.update(chunk)
    except aiohttp.ClientError as error:
        raise CanaryFailure(f"downloading the recording failed: {error}") from error
    return digest.hexdigest()


# ---------------------------------------------------------------- agent


async def agent(stage: Stage, http: aiohttp.ClientSession, seat: int, on_duty: asyncio.Event) -> None:
    """Sit down, get ready, and take whatever rings until cancelled."""
    async with asyncio.timeout(_STEP_S):
        await request(http, "POST", "/api/v1/canary/seat", body={"seat": seat}, token=stage.token)
        talk, _ = await Talk.open(http, "/ws/agent", first_hello(), who="agent")
    try:
        async with asyncio.timeout(_STEP_S):
            await talk.send(SetReady())
            await talk.wait_for(AgentState, lambda state: state.state == "ready")
        on_duty.set()
        while True:
            ring: Ring | None = None
            if stage.telephony is None:
                offer = await talk.wait_for(Offer)
                await talk.send(AcceptOffer(offer_id=offer.offer_id))
            else:
                ring = await stage.telephony.rang()
                await talk.send(ClaimContact(correlation=ring.correlation))
            assigned = await talk.wait_for(Assigned)
            call = stage.calls.get(assigned.contact_id) or Call(number=0)
            if ring is not None:
                call.phone = ring.phone
                call.report.voice = VoiceReport(claimed=ring.correlation)
            try:
                async with asyncio.timeout(stage.talk_s + 4 * _STEP_S):
                    await _serve(stage, talk, call, assigned.contact_id)
            except TimeoutError:
                call.agent_failure = "the robot agent waited too long in the call"
                raise CanaryFailure(call.agent_failure) from None
            except CanaryFailure as error:
                call.agent_failure = str(error)
                raise
    finally:
        await talk.close()


async def _serve(stage: Stage, talk: Talk, call: Call, contact_id: str) -> None:
    def mine(message: Message) -> bool:
        return getattr(message, "contact_id", None) == contact_id

    async with open_leg(talk, stage.media_host) as media:
        call.agent_media = media
        await talk.wait_for(ContactState, lambda state: mine(state) and state.state == "active")
        await media.heard_since(media.counts(), sound=stage.telephony is None)
        call.agent_talks.set()
        wrap_up = await talk.wait_for(WrapUpStarted, mine)
    await talk.send(WrapUp(disposition=wrap_up.dispositions[0]))
    await talk.wait_for(AgentState, lambda state: state.state == "ready")
