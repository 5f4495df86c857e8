"""What each side sees and hears in each state. Pure: the one place that decides whose packets go to whom.

Nobody's packets reach a customer before their call is bridged, and nobody hears a customer on hold; two agents of whom
one asks the other have each other meanwhile. In call mode the
sound is the ACD's from its first word on, whatever the pictures do: holding it is the ACD's too.
"""

from typing import Final

from gateway.contacts.model import Contact, Role
from gateway.contacts.states import IN_CALL, WAITING, ContactState
from media.port import Clip, FromLeg, FromLegs, Silence, Source

HOLD_CLIP: Final = "hold"


def source_for(contact: Contact, role: Role) -> Source:
    """The source of `role`'s leg right now."""
    if contact.acd is not None and contact.split and contact.acd.voice is not None:
        return _beside_voice(contact, role, contact.acd.voice)
    if contact.state is ContactState.CONSULTING and role is not Role.CUSTOMER:
        asked = contact.side(Role.SECOND if role is Role.AGENT else Role.AGENT)
        return FromLeg(leg_id=asked.transport) if asked and asked.connected and asked.transport else Silence()
    if contact.state is ContactState.ACTIVE and role is not Role.SECOND:
        other = contact.side(Role.AGENT if role is Role.CUSTOMER else Role.CUSTOMER)
        if other is not None and other.connected and other.transport is not None:
            return FromLeg(leg_id=other.transport)
    if role is not Role.CUSTOMER:
        return Silence()
    if contact.state in WAITING or contact.state in IN_CALL:
        return Clip(name=HOLD_CLIP, language=contact.language, loop=True)
    if contact.state is ContactState.IN_MENU and contact.prompt is not None:
        return Clip(name=contact.prompt, language=contact.language)
    return Silence()


def _beside_voice(contact: Contact, role: Role, voice: str) -> Source:
    """The customer hears the phone call; the agent does so on their phone, and has the pictures here."""
    other = contact.side(Role.AGENT if role is Role.CUSTOMER else Role.CUSTOMER)
    seen = other.transport if other is not None and other.connected and contact.state is ContactState.ACTIVE else None
    if role is Role.CUSTOMER:
        return FromLegs(audio_leg_id=voice, video_leg_id=seen or "")
    return FromLegs(audio_leg_id="", video_leg_id=seen) if seen is not None else Silence()


def source_for_voice(contact: Contact) -> Source:
    """What the ACD's call hears: the customer, also while no agent has the video."""
    customer = contact.customer
    if customer.connected and customer.transport is not None:
        return FromLeg(leg_id=customer.transport)
    return Silence()
