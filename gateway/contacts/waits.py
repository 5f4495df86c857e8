"""Which deadlines a contact has right now. Pure: recomputed after every event, so none can be forgotten or stale."""

from enum import StrEnum
from typing import Final

from gateway.config import ContactSettings
from gateway.contacts.interruptions import RELOAD_S, Cause
from gateway.contacts.legs import SETTING_UP
from gateway.contacts.model import AgentOn, Contact, Side
from gateway.contacts.states import IN_CALL, OVER, ContactState

CLOSE_TIMEOUT_S: Final = 7.0
"""The media engine closes a leg within 5 s; after this it is taken for gone."""

ACD_MARGIN_S: Final = 5.0
"""An ACD that keeps its deadlines has this much longer before the contact keeps them for it."""


class Wait(StrEnum):
    """What a contact waits for, by the name of what happens when the time is over."""

    SETUP = "setup"
    MENU_IDLE = "menu_idle"
    ANSWERED = "answered"  # the answer of the menu is being said
    MAX_WAIT = "max_wait"
    OFFER = "offer"
    RING = "ring"  # at several at once
    RINGING_GRACE = "ringing_grace"
    BRIDGE = "bridge"
    MAX_DURATION = "max_duration"
    CLAIM = "claim"  # call mode: nobody has claimed the video
    TRANSFER = "transfer"
    CONSULT_OFFER = "consult_offer"
    CONSULT_GRACE = "consult_grace"  # the panel of the agent who is asked is gone
    CONSULT_BRIDGE = "consult_bridge"
    WRAP_UP = "wrap_up"
    CUSTOMER_SETUP = "customer_setup"
    CUSTOMER_GRACE = "customer_grace"
    AGENT_GRACE = "agent_grace"
    RELOAD = "reload"  # a page that left is not being loaded again
    CLOSING = "closing"


def waits_of(contact: Contact, settings: ContactSettings) -> dict[Wait, float]:
    """Deadline (monotonic seconds) of everything the contact waits for. Empty only when it is closed and tidy."""
    due: dict[Wait, float] = {}
    match contact.state:
        case ContactState.INITIATED:
            due[Wait.SETUP] = contact.started_s + settings.setup_timeout.total_seconds()
        case ContactState.IN_MENU if contact.answered_since_s is not None:
            due[Wait.ANSWERED] = contact.answered_since_s + settings.menu_idle.total_seconds()
        case ContactState.IN_MENU:
            due[Wait.MENU_IDLE] = contact.node_since_s + idle_s(contact, settings)
        case ContactState.QUEUED:
            due.update(_in_line(contact, settings))
            if contact.ring is not None:
                due[Wait.RING] = contact.ring.since_s + settings.offer_timeout.total_seconds()
        case ContactState.OFFERED:
            due[Wait.OFFER] = contact.state_since_s + _offer_s(contact, settings)
            if contact.agent is not None and contact.agent.side.lost_since_s is not None:
                due[Wait.RINGING_GRACE] = contact.agent.side.lost_since_s + settings.ringing_grace.total_seconds()
        case ContactState.BRIDGING:
            due[Wait.BRIDGE] = contact.state_since_s + settings.bridge_timeout.total_seconds()
        case (
            ContactState.ACTIVE
            | ContactState.HELD
            | ContactState.TRANSFERRING
            | ContactState.CONSULT_RINGING
            | ContactState.CONSULTING
            | ContactState.VOICE
        ):
            since_s = contact.bridged_at_s if contact.bridged_at_s is not None else contact.state_since_s
            due[Wait.MAX_DURATION] = since_s + settings.max_duration.total_seconds()
            if contact.state is ContactState.TRANSFERRING:
                due[Wait.TRANSFER] = contact.state_since_s + settings.transfer_timeout.total_seconds()
        case ContactState.WRAP_UP:
            due[Wait.WRAP_UP] = contact.state_since_s + settings.wrap_up.total_seconds()
        case ContactState.CLOSED:
            pass
    if contact.state not in OVER:
        due.update(_customer(contact.customer, settings))
    if contact.second is not None:
        due.update(_second(contact, contact.second, settings))
    agent = contact.agent
    if contact.state in IN_CALL and agent is not None and agent.side.lost_since_s is not None:
        due[Wait.AGENT_GRACE] = agent.side.lost_since_s + settings.agent_grace.total_seconds()
    if contact.state not in OVER:
        due.update(_reload(contact.sides))
    closing = [each.closing_since_s for each in contact.transports.values() if each.closing_since_s is not None]
    if closing:
        due[Wait.CLOSING] = min(closing) + CLOSE_TIMEOUT_S
    return due


def _in_line(contact: Contact, settings: ContactSettings) -> dict[Wait, float]:
    """The longest wait, or, where the ACD keeps it, the longest call: nobody waits for ever whatever an ACD forgets."""
    since_s = contact.line.waiting_since_s if contact.line is not None else contact.state_since_s
    acd = contact.acd
    if acd is None or not acd.capabilities.keeps_deadlines:
        return {Wait.MAX_WAIT: since_s + settings.max_wait.total_seconds()}
    due = {Wait.MAX_WAIT: since_s + settings.max_duration.total_seconds()}
    if contact.split and acd.answered_at_s is not None:
        due[Wait.CLAIM] = acd.answered_at_s + settings.claim_timeout.total_seconds()
    return due


def _second(contact: Contact, second: AgentOn, settings: ContactSettings) -> dict[Wait, float]:
    lost_s = second.side.lost_since_s
    if contact.state is ContactState.CONSULT_RINGING:
        due = {Wait.CONSULT_OFFER: second.offered_at_s + settings.offer_timeout.total_seconds()}
        return due | (
            {Wait.CONSULT_GRACE: lost_s + settings.ringing_grace.total_seconds()} if lost_s is not None else {}
        )
    if contact.state is not ContactState.CONSULTING:
        return {}
    if not second.side.connected_once:
        return {Wait.CONSULT_BRIDGE: contact.state_since_s + settings.bridge_timeout.total_seconds()}
    return {Wait.CONSULT_GRACE: lost_s + settings.agent_grace.total_seconds()} if lost_s is not None else {}


def _offer_s(contact: Contact, settings: ContactSettings) -> float:
    """How long an offer may ring. An ACD that keeps the deadline itself is given time to say that it is over."""
    acd = contact.acd
    if acd is None or not acd.capabilities.keeps_deadlines:
        return settings.offer_timeout.total_seconds()
    left_s = acd.offer_left_s if acd.offer_left_s is not None else settings.offer_timeout.total_seconds()
    return left_s + ACD_MARGIN_S


def idle_s(contact: Contact, settings: ContactSettings) -> float:
    """How long the node shown waits for a key."""
    if contact.node is not None and contact.node.idle_s is not None:
        return contact.node.idle_s
    return settings.menu_idle.total_seconds()


STATE_WAIT: Final = {
    ContactState.INITIATED: Wait.SETUP,
    ContactState.IN_MENU: Wait.MENU_IDLE,
    ContactState.OFFERED: Wait.OFFER,
    ContactState.BRIDGING: Wait.BRIDGE,
    ContactState.TRANSFERRING: Wait.TRANSFER,
    ContactState.CONSULT_RINGING: Wait.CONSULT_OFFER,
    ContactState.WRAP_UP: Wait.WRAP_UP,
}
"""The deadline that is told with a state (`ContactChanged.deadline_s`)."""


def _customer(side: Side, settings: ContactSettings) -> dict[Wait, float]:
    if side.lost_since_s is not None:
        return {Wait.CUSTOMER_GRACE: side.lost_since_s + settings.customer_grace.total_seconds()}
    if side.leg in SETTING_UP:
        # As patient as with a customer who was lost: there is time for a second and a third attempt.
        return {Wait.CUSTOMER_SETUP: side.setup_since_s + settings.customer_grace.total_seconds()}
    return {}


def _reload(sides: list[Side]) -> dict[Wait, float]:
    away = [
        side.interruption.since_s
        for side in sides
        if side.interruption is not None and side.interruption.cause is Cause.RELOADING and not side.present
    ]
    return {Wait.RELOAD: min(away) + RELOAD_S} if away else {}
