"""Notices of the center into messages, messages of people into requests: one table each way.

It owns the translation and no state. Every notice and every message class is in a table; a test counts them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway import parties
from gateway.base.errors import InvariantBroken
from gateway.base.ids import OfferId
from signaling import messages

# ---------------------------------------------------------------- notice → message


def _card(card: parties.CustomerCard) -> messages.CustomerCard:
    return messages.CustomerCard(
        display_name=card.display_name,
        language=card.language,
        site=card.site,
        page_url=card.page_url,
        page_title=card.page_title,
        form=dict(card.form),
        menu_path=list(card.menu_path),
        history=None if card.history is None else _history(card.history),
    )


def _history(history: parties.CustomerHistory) -> messages.CustomerHistory:
    return messages.CustomerHistory(
        customer_id=history.customer_id,
        name=history.name,
        known_by=history.known_by,
        contacts=history.contacts,
        last=[
            messages.PastContact(
                at=past.at, queue_name=past.queue_name, agent_name=past.agent_name, disposition=past.disposition
            )
            for past in history.last
        ],
        url=history.url,
    )


def _contact_state(notice: parties.ContactChanged) -> messages.ContactState:
    return messages.ContactState(
        contact_id=notice.contact_id,
        state=notice.state,
        end_reason=notice.end_reason,
        deadline_s=notice.deadline_s,
        talk_s=notice.talk_s,
        voice_apart=notice.voice_apart,
    )


def _menu_node(notice: parties.MenuShown) -> messages.MenuNode:
    return messages.MenuNode(
        node_id=notice.node_id,
        text=notice.text,
        options=[messages.MenuOption(key=option.key, label=option.label) for option in notice.options],
        can_go_back=notice.can_go_back,
        idle_s=notice.idle_s,
    )


def _queue_position(notice: parties.QueuePlace) -> messages.QueuePosition:
    return messages.QueuePosition(
        queue=notice.queue,
        queue_name=notice.queue_name,
        place=notice.place,
        ahead=notice.ahead,
        waited_s=notice.waited_s,
        estimate_s=notice.estimate_s,
        keep_in_s=notice.keep_in_s,
    )


def _place_kept(notice: parties.PlaceKept) -> messages.PlaceKept:
    return messages.PlaceKept(
        url=notice.url,
        queue_name=notice.queue_name,
        place=notice.place,
        window_s=notice.window_s,
        lasts_s=notice.lasts_s,
    )


def _place_not_kept(notice: parties.PlaceNotKept) -> messages.PlaceNotKept:
    return messages.PlaceNotKept(code=notice.code)


def _leg_answer(notice: parties.LegAnswered) -> messages.LegAnswer:
    return messages.LegAnswer(generation=notice.generation, sdp=notice.sdp)


def _leg_refused(notice: parties.LegRefused) -> messages.LegRefused:
    return messages.LegRefused(generation=notice.generation, code=notice.code, detail=notice.detail)


def _leg_state(notice: parties.LegChanged) -> messages.LegState:
    return messages.LegState(generation=notice.generation, state=notice.state)


def _peer_state(notice: parties.PeerChanged) -> messages.PeerState:
    return messages.PeerState(
        display_name=notice.display_name,
        connected=notice.connected,
        audio=notice.audio,
        video=notice.video,
        screen=notice.screen,
        away=None
        if notice.away is None
        else messages.PeerAway(cause=notice.away.cause, since_s=notice.away.since_s, deadline_s=notice.away.deadline_s),
    )


def _figures(figures: parties.QualityFigures) -> messages.QualityFigures:
    return messages.QualityFigures(
        round_trip_ms=figures.round_trip_ms,
        uplink_loss=figures.uplink_loss,
        downlink_loss=figures.downlink_loss,
        uplink_bps=figures.uplink_bps,
        downlink_bps=figures.downlink_bps,
        jitter_ms=figures.jitter_ms,
        frames_per_s=figures.frames_per_s,
        width=figures.width,
        height=figures.height,
        mos=figures.mos,
    )


def _side_quality(side: parties.SideQuality) -> messages.SideQuality:
    return messages.SideQuality(
        word=side.word,
        cause=side.cause,
        figures=None if side.figures is None else _figures(side.figures),
        pictures_paused=side.pictures_paused,
        pictures_unmatched=side.pictures_unmatched,
    )


def _quality_state(notice: parties.QualityChanged) -> messages.QualityState:
    return messages.QualityState(
        own=_side_quality(notice.own), peer=None if notice.peer is None else _side_quality(notice.peer)
    )


def _quality_report(message: messages.QualityReport) -> parties.ReportQuality:
    return parties.ReportQuality(
        freezes=message.freezes,
        frames_per_s=message.frames_per_s,
        width=message.width,
        height=message.height,
        concealed=message.concealed,
        sent_frames_per_s=message.sent_frames_per_s,
        sent_width=message.sent_width,
        sent_height=message.sent_height,
        available_bps=message.available_bps,
        limited=message.limited,
    )


def _recording_state(notice: parties.RecordingShown) -> messages.RecordingState:
    return messages.RecordingState(state=notice.state, notice_version=notice.notice_version, may=list(notice.may))


def _chat_line(notice: parties.ChatLine) -> messages.ChatLine:
    return messages.ChatLine(
        number=notice.number,
        by=notice.by,
        name=notice.name,
        at=notice.at,
        text=notice.text,
        client_id=notice.client_id,
    )


def _chat_history(notice: parties.ChatHistory) -> messages.ChatHistory:
    return messages.ChatHistory(
        lines=[
            messages.ChatEntry(
                number=line.number, by=line.by, name=line.name, at=line.at, text=line.text, client_id=line.client_id
            )
            for line in notice.lines
        ],
        earlier=notice.earlier,
    )


def _agent_state(notice: parties.AgentChanged) -> messages.AgentState:
    return messages.AgentState(
        state=notice.state,
        reason=notice.reason,
        pending_reason=notice.pending_reason,
        contact_id=notice.contact_id,
        queues=list(notice.queues),
    )


def _offer(notice: parties.OfferMade) -> messages.Offer:
    return messages.Offer(
        offer_id=notice.offer_id,
        contact_id=notice.contact_id,
        queue=notice.queue,
        queue_name=notice.queue_name,
        customer=_card(notice.customer),
        waited_s=notice.waited_s,
        deadline_s=notice.deadline_s,
        asked_by=notice.asked_by,
    )


def _offer_ended(notice: parties.OfferEnded) -> messages.OfferEnded:
    return messages.OfferEnded(offer_id=notice.offer_id, reason=notice.reason)


def _assigned(notice: parties.ContactAssigned) -> messages.Assigned:
    return messages.Assigned(
        contact_id=notice.contact_id,
        queue_name=notice.queue_name,
        customer=_card(notice.customer),
        voice_apart=notice.voice_apart,
        transfers=list(notice.transfers),
        asked_by=notice.asked_by,
    )


def _customer_known(notice: parties.CustomerKnown) -> messages.CustomerKnown:
    return messages.CustomerKnown(contact_id=notice.contact_id, history=_history(notice.history))


def _wrap_up_started(notice: parties.WrapUpStarted) -> messages.WrapUpStarted:
    return messages.WrapUpStarted(
        contact_id=notice.contact_id, dispositions=list(notice.dispositions), deadline_s=notice.deadline_s
    )


def _board(notice: parties.BoardShown) -> messages.Board:
    return messages.Board(
        queues=[
            messages.BoardQueue(
                queue=row.queue,
                name=row.name,
                waiting=row.waiting,
                longest_wait_s=row.longest_wait_s,
                talking=row.talking,
                agents_ready=row.agents_ready,
                kept=row.kept,
            )
            for row in notice.queues
        ],
        agents=[
            messages.BoardAgent(
                agent_id=row.agent_id,
                display_name=row.display_name,
                state=row.state,
                reason=row.reason,
                since_s=row.since_s,
                contact_id=row.contact_id,
            )
            for row in notice.agents
        ],
        contacts=[
            messages.BoardContact(
                contact_id=row.contact_id,
                site=row.site,
                state=row.state,
                queue=row.queue,
                agent_id=row.agent_id,
                since_s=row.since_s,
                age_s=row.age_s,
                quality=row.quality,
                cause=row.cause,
            )
            for row in notice.contacts
        ],
        alarms=[
            messages.BoardAlarm(code=row.code, detail=row.detail, contact_id=row.contact_id, age_s=row.age_s)
            for row in notice.alarms
        ],
        draining=notice.draining,
    )


NOTICES: Final[Mapping[type, Callable[[Any], messages.Message]]] = MappingProxyType(
    {
        parties.ContactChanged: _contact_state,
        parties.MenuShown: _menu_node,
        parties.QueuePlace: _queue_position,
        parties.PlaceKept: _place_kept,
        parties.PlaceNotKept: _place_not_kept,
        parties.LegAnswered: _leg_answer,
        parties.LegRefused: _leg_refused,
        parties.LegChanged: _leg_state,
        parties.PeerChanged: _peer_state,
        parties.QualityChanged: _quality_state,
        parties.RecordingShown: _recording_state,
        parties.ChatLine: _chat_line,
        parties.ChatHistory: _chat_history,
        parties.AgentChanged: _agent_state,
        parties.OfferMade: _offer,
        parties.OfferEnded: _offer_ended,
        parties.ContactAssigned: _assigned,
        parties.CustomerKnown: _customer_known,
        parties.WrapUpStarted: _wrap_up_started,
        parties.BoardShown: _board,
    }
)
"""Notice class → how it becomes a message."""


def message_of(notice: parties.Notice) -> messages.Message:
    """The message that tells `notice`, not numbered yet."""
    return NOTICES[type(notice)](notice)


# ---------------------------------------------------------------- message → request

REQUESTS: Final[Mapping[type, Callable[[Any], parties.CustomerRequest | parties.AgentRequest]]] = MappingProxyType(
    {
        messages.LegOffer: lambda m: parties.OfferLeg(generation=m.generation, sdp=m.sdp),
        messages.MenuChoice: lambda m: parties.ChooseOption(node_id=m.node_id, key=m.key),
        messages.Consent: lambda m: parties.GiveConsent(
            given=m.given, notice_version=m.notice_version, language=m.language
        ),
        messages.Payment: lambda m: parties.TellPayment(open=m.open),
        messages.Recording: lambda m: parties.AskRecording(action=m.action),
        messages.MediaState: lambda m: parties.ReportMedia(audio=m.audio, video=m.video, screen=m.screen),
        messages.QualityReport: _quality_report,
        messages.Chat: lambda m: parties.WriteLine(client_id=m.client_id, text=m.text),
        messages.PressKeys: lambda m: parties.PressKeys(keys=m.keys),
        messages.KeepPlace: lambda _: parties.KeepPlace(),
        messages.HangUp: lambda _: parties.HangUp(),
        messages.SetReady: lambda _: parties.SetReady(),
        messages.SetNotReady: lambda m: parties.SetNotReady(reason=m.reason),
        messages.AcceptOffer: lambda m: parties.AcceptOffer(offer_id=OfferId(m.offer_id)),
        messages.RejectOffer: lambda m: parties.RejectOffer(offer_id=OfferId(m.offer_id)),
        messages.ClaimContact: lambda m: parties.ClaimContact(correlation=m.correlation),
        messages.Transfer: lambda m: parties.TransferContact(kind=m.kind, target=m.target, consult=m.consult),
        messages.CompleteTransfer: lambda _: parties.CompleteTransfer(),
        messages.Hold: lambda _: parties.HoldContact(),
        messages.Retrieve: lambda _: parties.RetrieveContact(),
        messages.WrapUp: lambda m: parties.SubmitWrapUp(disposition=m.disposition, notes=m.notes),
    }
)
"""Message class → how it becomes a request. `hello` and `ack` are of the session and ask nothing of the center."""


def customer_request(message: messages.Message) -> parties.CustomerRequest:
    """What a customer's message asks. Raises InvariantBroken for one that asks nothing of a customer's contact."""
    request = REQUESTS[type(message)](message)
    if not isinstance(request, parties.CustomerRequest):
        raise InvariantBroken("request_misplaced", "An agent's request came from a customer.")
    return request


def agent_request(message: messages.Message) -> parties.AgentRequest:
    """What an agent's message asks."""
    request = REQUESTS[type(message)](message)
    if not isinstance(request, parties.AgentRequest):
        raise InvariantBroken("request_misplaced", "A customer's request came from an agent.")
    return request
