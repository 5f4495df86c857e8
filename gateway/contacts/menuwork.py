"""The menu of a contact: which node is shown and said, what a choice leads to, and an answer that ends it.

What a menu says is its interpreter's; here its outcomes become events of the contact.
"""

from collections.abc import Callable

from gateway.base.errors import StateConflict
from gateway.contacts import events
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.events import ContactEvent
from gateway.contacts.journal import JournalSource
from gateway.contacts.legwork import Legwork
from gateway.contacts.model import Contact
from gateway.contacts.states import ContactState
from gateway.menu.interpreter import AnswerAndEnd, EnterQueue, Outcome, ShowNode, Unanswered


class Menuwork:
    """Of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        effects: Effects,
        legs: Legwork,
        feed: Callable[[Machine, Event, JournalSource], None],
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._legs = legs
        self._feed = feed

    def start(self) -> None:
        """Show the first node of the site's menu, in the customer's language."""
        entry = self._contact.entry
        self._contact.menu = self._n.menus.run(self._n.sites[entry.site].menu, entry.language)
        self._outcome(self._contact.menu.start(), "", JournalSource.GATEWAY)

    def choose(self, node_id: str, key: str) -> None:
        """The customer pressed `key` where `node_id` is shown. StateConflict (`menu_stale`), or the menu's own."""
        contact = self._contact
        if contact.state is not ContactState.IN_MENU or contact.menu is None or contact.answered_since_s is not None:
            raise StateConflict("menu_stale", "The menu is over.")
        self._outcome(contact.menu.choose(node_id, key), key, JournalSource.CUSTOMER)

    def idle(self) -> None:
        """Nobody pressed anything for as long as the node waits."""
        if self._contact.menu is not None:
            self._outcome(self._contact.menu.idle(), "", JournalSource.CLOCK)

    def answered(self) -> None:
        """The menu has answered, and the answer is said."""
        node_id = self._contact.node.node_id if self._contact.node is not None else ""
        self._feed(Machine.CONTACT, events.SelfServed(node_id=node_id), JournalSource.GATEWAY)

    def _outcome(self, outcome: Outcome, key: str, source: JournalSource) -> None:
        match outcome:
            case ShowNode():
                self._show(outcome, key, source)
            case AnswerAndEnd(node_id=node_id, text=text, prompt_clip=clip):
                answer = ShowNode(
                    node_id=node_id, text=text, options=(), can_go_back=False, prompt_clip=clip, idle_s=None
                )
                self._show(answer, key, source)
                if clip is None or not self._contact.customer.connected:
                    self.answered()
                else:
                    self._contact.answered_since_s = self._n.clock.monotonic()
            case EnterQueue(queue=queue, priority=priority, language=language, path=path):
                event = events.Enqueued(queue=queue, priority=priority, language=language, path=path)
                self._feed(Machine.CONTACT, event, source)
            case Unanswered(node_id=node_id):
                self._feed(Machine.CONTACT, events.MenuUnanswered(node_id=node_id), source)

    def _show(self, node: ShowNode, key: str, source: JournalSource) -> None:
        contact = self._contact
        contact.node = node
        contact.node_since_s = self._n.clock.monotonic()
        self._legs.say(node.prompt_clip)
        event: ContactEvent = events.OptionChosen(node_id=node.node_id, key=key)
        if contact.state is ContactState.INITIATED:
            event = events.MenuStarted(node_id=node.node_id)
        self._feed(Machine.CONTACT, event, source)
        self._do.tell_customer(self._n.views.menu_shown(contact))
