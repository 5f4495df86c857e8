"""Every notice has a message and every message a request: by counting, and by comparing what they say."""

import dataclasses
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from gateway import parties
from gateway.base.errors import InvariantBroken
from signaling import messages
from signaling.presenter import NOTICES, REQUESTS, agent_request, customer_request, message_of

HISTORY = parties.CustomerHistory(
    customer_id="cu_1",
    name="Ada",
    known_by="identity",
    contacts=12,
    last=(
        parties.PastContact(
            at=datetime(2026, 3, 2, 9, tzinfo=UTC), queue_name="Sales", agent_name="Ann", disposition="sale"
        ),
    ),
    url="https://crm.example/ada",
)
CARD = parties.CustomerCard(
    display_name="Ada",
    language="en",
    site="shop",
    page_url="https://shop.example/basket",
    page_title="Basket",
    form={"step": "2"},
    menu_path=("Sales",),
    history=HISTORY,
)
WRITTEN = parties.ChatLine(
    number=5, by="customer", name="Ada", at=datetime(2026, 3, 2, 9, tzinfo=UTC), text="Hello", client_id="line-0001"
)
NOTICE_EXAMPLES: list[Any] = [
    parties.ContactChanged(contact_id="ct_1", state="closed", end_reason="hung_up", deadline_s=1.5, talk_s=2),  # type: ignore[arg-type]
    parties.MenuShown(
        node_id="main", text="Hello", options=(parties.MenuOption(key="1", label="Sales"),), can_go_back=True, idle_s=90
    ),
    parties.PlaceKept(url="https://video.example/widget/", queue_name="Sales", place=2, window_s=300.0, lasts_s=3600.0),
    parties.PlaceNotKept(code="places_full"),
    parties.QueuePlace(queue="sales", queue_name="Sales", place=2, ahead=1, waited_s=3, estimate_s=None),
    parties.LegAnswered(generation=2, sdp="v=0"),
    parties.LegRefused(generation=2, code="sdp_bad", detail="No."),
    parties.LegChanged(generation=2, state="connected"),
    parties.PeerChanged(display_name="Ann", connected=True, audio=True, video=False, screen=True),
    parties.QualityChanged(
        own=parties.SideQuality(word="good"),
        peer=parties.SideQuality(
            word="poor",
            cause="uplink",
            figures=parties.QualityFigures(
                round_trip_ms=80.5,
                uplink_loss=0.1,
                downlink_loss=0.0,
                uplink_bps=500_000,
                downlink_bps=700_000,
                jitter_ms=None,
                frames_per_s=24.5,
                width=1280,
                height=720,
                mos=3.1,
            ),
        ),
    ),
    parties.RecordingShown(state="on", notice_version="1"),
    WRITTEN,
    parties.ChatHistory(lines=(WRITTEN,), earlier=4),
    parties.AgentChanged(state="ready", reason="x", pending_reason="lunch", contact_id="ct_1", queues=("a", "b")),  # type: ignore[arg-type]
    parties.OfferMade(
        offer_id="of_1",  # type: ignore[arg-type]
        contact_id="ct_1",  # type: ignore[arg-type]
        queue="sales",
        queue_name="Sales",
        customer=CARD,
        waited_s=1,
        deadline_s=20,
    ),
    parties.OfferEnded(offer_id="of_1", reason="timed_out"),  # type: ignore[arg-type]
    parties.ContactAssigned(contact_id="ct_1", queue_name="Sales", customer=CARD),  # type: ignore[arg-type]
    parties.CustomerKnown(contact_id="ct_1", history=HISTORY),  # type: ignore[arg-type]
    parties.WrapUpStarted(contact_id="ct_1", dispositions=("resolved",), deadline_s=120),  # type: ignore[arg-type]
    parties.BoardShown(
        queues=(
            parties.BoardQueue(
                queue="sales", name="Sales", waiting=1, longest_wait_s=2.0, talking=3, agents_ready=4, kept=5
            ),
        ),
        agents=(
            parties.BoardAgent(
                agent_id="ag_1",  # type: ignore[arg-type]
                display_name="Ann",
                state="busy",
                reason=None,
                since_s=1.0,
                contact_id="ct_1",  # type: ignore[arg-type]
            ),
        ),
        contacts=(
            parties.BoardContact(
                contact_id="ct_1",  # type: ignore[arg-type]
                site="shop",
                state="active",
                queue="sales",
                agent_id=None,
                since_s=1.0,
                age_s=2.0,
                quality="poor",
                cause="customer_uplink",
            ),
        ),
        alarms=(parties.BoardAlarm(code="disk", detail="Full.", contact_id=None, age_s=1.0),),
        draining=True,
    ),
]


def plain(value: Any) -> Any:
    """Dataclasses, models, tuples and mappings as dicts and lists: what is said, whatever says it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return {
            name: plain(getattr(value, name)) for name in type(value).model_fields if name not in ("seq", "ack", "type")
        }
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if hasattr(value, "items"):
        return {name: plain(item) for name, item in value.items()}
    return value


def members(union: Any) -> set[type]:
    return set(get_args(union))


def test_every_notice_has_a_way_to_be_said() -> None:
    assert set(NOTICES) == members(parties.Notice)


def test_every_notice_has_an_example_here() -> None:
    assert {type(notice) for notice in NOTICE_EXAMPLES} == set(NOTICES)


@pytest.mark.parametrize("notice", NOTICE_EXAMPLES, ids=lambda notice: type(notice).__name__)
def test_a_message_says_all_the_notice_says(notice: Any) -> None:
    message = message_of(notice)
    assert plain(message) == plain(notice)
    assert messages.server_messages.validate_json(message.model_dump_json()) == message


def test_every_server_message_is_said_by_a_notice_or_by_the_session() -> None:
    said = {type(message_of(notice)) for notice in NOTICE_EXAMPLES}
    of_the_session = {messages.Welcome, messages.Error, messages.Bye, messages.Ack, messages.IceServers}
    assert said | of_the_session == members(get_args(messages.ServerMessage)[0])


def test_every_message_of_a_person_asks_something() -> None:
    sent = members(get_args(messages.CustomerMessage)[0]) | members(get_args(messages.AgentMessage)[0])
    assert set(REQUESTS) == sent - {messages.Hello, messages.Ack, messages.Ping, messages.IceRequest}


def test_every_request_is_asked_by_a_message_of_its_side() -> None:
    examples: dict[type, messages.Message] = {
        messages.LegOffer: messages.LegOffer(generation=1, sdp="v=0"),
        messages.MenuChoice: messages.MenuChoice(node_id="main", key="1"),
        messages.Consent: messages.Consent(given=True, notice_version="1", language="fr"),
        messages.Payment: messages.Payment(open=True),
        messages.Recording: messages.Recording(action="pause"),
        messages.Chat: messages.Chat(client_id="line-0001", text="Hello"),
        messages.PressKeys: messages.PressKeys(keys="42#"),
        messages.MediaState: messages.MediaState(audio=True, video=False, screen=True),
        messages.SetNotReady: messages.SetNotReady(reason="lunch"),
        messages.AcceptOffer: messages.AcceptOffer(offer_id="of_00000001"),
        messages.RejectOffer: messages.RejectOffer(offer_id="of_00000001"),
        messages.ClaimContact: messages.ClaimContact(correlation="7K3QXM2P"),
        messages.Transfer: messages.Transfer(kind="queue", target="sales"),
        messages.WrapUp: messages.WrapUp(disposition="resolved", notes="n"),
    }
    known = {messages.ClaimContact: {"address": ""}}  # what the socket adds, not the message
    for union, ask, requests in (
        (messages.CustomerMessage, customer_request, parties.CustomerRequest),
        (messages.AgentMessage, agent_request, parties.AgentRequest),
    ):
        asked = set()
        for kind in members(get_args(union)[0]) - {messages.Hello, messages.Ack, messages.Ping, messages.IceRequest}:
            message = examples.get(kind) or kind()
            request = ask(message)
            assert plain(request) == plain(message) | known.get(kind, {})
            asked.add(type(request))
        assert asked == members(requests)


def test_a_message_of_the_other_side_asks_nothing_here() -> None:
    with pytest.raises(InvariantBroken):
        customer_request(messages.SetReady())
    with pytest.raises(InvariantBroken):
        agent_request(messages.MenuChoice(node_id="main", key="1"))
