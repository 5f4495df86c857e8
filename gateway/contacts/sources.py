"""What each side sees and hears in each state. Pure: the one place that decides whose packets go to whom.

Nobody's packets reach a customer before their call is bridged, and nobody hears a customer on hold.
"""

from typing import Final

from gateway.contacts.model import Contact, Role
from gateway.contacts.states import WAITING, ContactState
from media.port import Clip, FromLeg, Silence, Source

HOLD_CLIP: Final = "hold"


def source_for(contact: Contact, role: Role) -> Source:
    """The source of `role`'s leg right now."""
    if contact.state is ContactState.ACTIVE:
        other = contact.side(Role.AGENT if role is Role.CUSTOMER else Role.CUSTOMER)
        if other is not None and other.connected and other.transport is not None:
            return FromLeg(leg_id=other.transport)
    if role is Role.AGENT:
        return Silence()
    if contact.state in WAITING or contact.state in (ContactState.ACTIVE, ContactState.HELD):
        return Clip(name=HOLD_CLIP, language=contact.language, loop=True)
    if contact.state is ContactState.IN_MENU and contact.prompt is not None:
        return Clip(name=contact.prompt, language=contact.language)
    return Silence()
