"""The actor of one contact: a bounded mailbox and the only task that touches the contact.

Full mailbox: requests of people are refused first (`contact_busy`); what only the house itself can send has room
beyond that, and a contact flooded past it is closed as failed. An error of our own closes this contact and no other.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.base.errors import CapacityExceeded, GatewayError, InvariantBroken, StateConflict
from gateway.base.log import bind, get_logger
from gateway.contacts.conduct import Conduct, Reply
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.events import EndReason
from gateway.contacts.messages import Message
from gateway.contacts.model import Contact
from gateway.contacts.states import ContactState

_log = get_logger("contact")

REQUEST_LIMIT: Final = 64
MAILBOX_LIMIT: Final = 512

_Envelope = tuple[Message, "asyncio.Future[Reply] | None"]


class ContactActor:
    """One contact, alive until it is closed and nothing of it is left."""

    def __init__(self, contact: Contact, neighbours: Neighbours, on_end: Callable[[Contact], None]) -> None:
        self.contact = contact
        self._neighbours = neighbours
        self._on_end = on_end
        self._mailbox: asyncio.Queue[_Envelope] = asyncio.Queue(MAILBOX_LIMIT)
        self._effects = Effects(contact, neighbours, self.post)
        self._conduct = Conduct(contact, neighbours, self._effects)
        self._flooded = False
        self._ended = False

    def post(self, message: Message) -> None:
        """Something happened. Never waits or raises; after the end it is dropped."""
        if self._ended:
            return
        try:
            self._mailbox.put_nowait((message, None))
        except asyncio.QueueFull:
            self._flooded = True

    async def ask(self, message: Message) -> Reply:
        """Somebody asks. Raises what the contact refuses with; `contact_closed` once it has ended."""
        if self._ended:
            raise StateConflict("contact_closed", "This call is over.")
        if self._mailbox.qsize() >= REQUEST_LIMIT or self._effects.depth >= REQUEST_LIMIT:
            raise CapacityExceeded("contact_busy", "Too much at once: try again.", retry_after_s=1)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._mailbox.put_nowait((message, answer))
        return await answer

    async def run(self) -> None:
        """Take messages until the contact is over and tidy. The desk runs it as the contact's one task."""
        bind(contact_id=self.contact.contact_id)
        try:
            while not self._conduct.finished:
                message, answer = await self._mailbox.get()
                self._take(message, answer)
        finally:
            self._ended = True
            self._neighbours.deadlines.cancel(self.contact.contact_id)
            for leg_id in list(self.contact.transports):
                self._neighbours.release_leg(leg_id)
            while not self._mailbox.empty():
                _, answer = self._mailbox.get_nowait()
                if answer is not None and not answer.done():
                    answer.set_exception(StateConflict("contact_closed", "This call is over."))
            self._on_end(self.contact)

    def _take(self, message: Message, answer: "asyncio.Future[Reply] | None") -> None:
        try:
            if self._flooded:
                raise InvariantBroken("mailbox_full", "The contact got more than it could take.")
            reply = self._conduct.handle(message)
        except StateConflict as conflict:
            if answer is None:  # overtaken by something else that happened first
                _log.info("contact.overtaken", message=type(message).__name__, code=conflict.code)
            self._refuse(answer, conflict)
        except GatewayError as refusal:
            if answer is None or isinstance(refusal, InvariantBroken):
                self._fail(message, refusal)
            self._refuse(answer, refusal)
        except Exception as error:  # noqa: BLE001 - top of the actor: this contact ends, nothing else suffers
            self._fail(message, error)
            self._refuse(answer, InvariantBroken("internal_error", "Something went wrong here."))
        else:
            if answer is not None and not answer.done():
                answer.set_result(reply)

    def _refuse(self, answer: "asyncio.Future[Reply] | None", error: GatewayError) -> None:
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _fail(self, message: Message, error: Exception) -> None:
        _log.error("contact.failed", message=type(message).__name__, exc_info=error)
        self._neighbours.alarm("contact_failed", "A contact ended by an error of the gateway.", self.contact)
        self._flooded = False
        try:
            self._conduct.end(EndReason.FAILED)
        except Exception:  # noqa: BLE001 - even the orderly end failed: free what others hold of it
            _log.exception("contact.end_failed")
            self.contact.state = ContactState.CLOSED
            for leg_id in list(self.contact.transports):
                self._effects.close_leg(leg_id)
                self._neighbours.release_leg(leg_id)
            self.contact.transports.clear()
