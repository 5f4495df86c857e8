"""The chat of one contact: who may write now, who is told, and what is written down of it.

The text goes to the two pages and the store; the journal has who wrote, when, and how much.
"""

from typing import Final

from gateway.base.errors import PortFailure, StateConflict
from gateway.contacts.chat import Author, for_others
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.model import Contact, Role
from gateway.contacts.states import ContactState
from gateway.contacts.views import WITH_AGENT
from gateway.parties import ChatHistory, ChatLine, WriteLine

READS: Final = WITH_AGENT | {ContactState.WRAP_UP}
"""States in which the contact's agent is shown what was written."""

_SOURCES: Final = {Role.CUSTOMER: JournalSource.CUSTOMER, Role.AGENT: JournalSource.AGENT}
_OTHER: Final = {Role.CUSTOMER: Role.AGENT, Role.AGENT: Role.CUSTOMER}


class Chatwork:
    """Of one contact."""

    def __init__(self, contact: Contact, neighbours: Neighbours, effects: Effects) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects

    def written(self, role: Role, request: WriteLine) -> None:
        """A line of the customer, or of the agent they are with. What was written before is only told again.

        StateConflict (`chat_not_now`, `chat_full`), BadInput (`chat_empty`, `chat_too_long`), TooManyRequests
        (`chat_too_fast`), PortFailure (`chat_unavailable`).
        """
        contact, agent = self._contact, self._contact.agent
        author: Author | None = None
        if role is Role.CUSTOMER:
            author = Author(None, contact.entry.display_name)
        elif agent is not None:
            author = Author(agent.agent_id, agent.card.display_name)
        known = contact.chat.find(author, request.client_id) if author is not None else None
        if known is not None:
            self._tell(role, known)
            return
        if author is None or agent is None or contact.state not in WITH_AGENT:
            raise StateConflict("chat_not_now", "There is nobody to read this just now.")
        if self._n.chat is not None and self._n.chat.full:
            raise PortFailure("chat_unavailable", "Messages can't be kept just now.", retry_after_s=5)
        clock = self._n.clock
        line = contact.chat.add(author, request.client_id, request.text, at=clock.now(), now_s=clock.monotonic())
        if self._n.chat is not None:
            self._n.chat.append(contact.contact_id, for_others(line))
        data: dict[str, JournalValue] = {"number": line.number, "length": len(line.text)}
        if author.agent_id is not None:
            data["agent_id"] = author.agent_id
        self._do.journal("chat_line", _SOURCES[role], data=data)
        self._tell(role, line)
        self._tell(_OTHER[role], for_others(line))

    def _tell(self, role: Role, line: ChatLine) -> None:
        if role is Role.CUSTOMER:
            self._do.tell_customer(line)
        else:
            self._do.tell_agent(line)

    def for_customer(self) -> tuple[ChatHistory, ...]:
        """What belongs into the customer's view."""
        history = self._contact.chat.history(None)
        return () if history is None else (history,)

    def for_agent(self) -> tuple[ChatHistory, ...]:
        """What belongs into the view of the agent who has the contact; nothing while it only rings at them."""
        contact = self._contact
        if contact.agent is None or contact.state not in READS:
            return ()
        history = contact.chat.history(contact.agent.agent_id)
        return () if history is None else (history,)
