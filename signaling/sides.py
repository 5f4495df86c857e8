"""The kinds of people on a socket: who they are, what a hello brings them, and where their requests go.

It owns the way from a hello to a session and from a message to the Desk. It must not know sockets or JSON.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydantic import TypeAdapter

from gateway.base.errors import InvariantBroken, NotAuthorised, NotFound, NotSignedIn, StateConflict
from gateway.base.ids import ContactId
from gateway.parties import AgentCard, AgentParty, BoardParty, ClaimContact, CustomerParty, Desk, Visit
from signaling.messages import (
    Hello,
    Message,
    agent_messages,
    board_messages,
    customer_messages,
    embed_messages,
)
from signaling.ports import Account, EntryTokens, PanelClaims
from signaling.presenter import agent_request, customer_request, message_of
from signaling.session import Session
from signaling.sessions import Sessions


class Side(Protocol):
    """One kind of person."""

    name: str
    adapter: TypeAdapter[Any]
    keeps_session: bool  # whether a lost socket may come back

    async def admit(self, hello: Hello) -> Session:
        """The session this hello is for: the old one or a new one. Raises a GatewayError that ends the socket."""
        ...

    def contact_id(self, session: Session) -> str | None: ...

    @property
    def in_call(self) -> bool:
        """Whether a sign-in that runs out now would end a call."""
        ...

    async def present(self, session: Session, present: bool, *, page_gone: bool = False) -> None:
        """Tell the center that the person is there, or not any more. `page_gone`: the page that was there is."""
        ...

    async def view(self, session: Session) -> Sequence[Message]:
        """All a fresh page must know, in order."""
        ...

    async def request(self, session: Session, message: Message) -> None:
        """Do what a message asks. Raises a GatewayError that becomes an `error`."""
        ...


class CustomerSide:
    """Somebody on the website. An entry token opens a contact; after that the session's secret is all they have."""

    name = "customer"
    adapter: TypeAdapter[Any] = customer_messages
    keeps_session = True

    def __init__(self, desk: Desk, sessions: Sessions, tokens: EntryTokens) -> None:
        self._desk = desk
        self._sessions = sessions
        self._tokens = tokens

    async def admit(self, hello: Hello) -> Session:
        if hello.resume is not None:
            session = self._sessions.find(hello.resume.session_id)
            ours = session is not None and isinstance(session.owner, CustomerParty)
            if session is None or not ours or not session.unlock(hello.resume.secret):
                raise NotFound("session_over", "This session is over or never was.")  # the same for all three
            return session
        if hello.entry_token is None:
            raise NotSignedIn("entry_token_missing", "Say hello with an entry token, or resume a session.")
        self._sessions.check_room()
        entry = await self._tokens.redeem(hello.entry_token)
        return self._sessions.open(CustomerParty(contact_id=await self._desk.open_contact(entry)))

    def contact_id(self, session: Session) -> ContactId:
        if not isinstance(session.owner, CustomerParty):
            raise InvariantBroken("owner_mismatch", "A customer's socket carries another's session.")
        return session.owner.contact_id

    @property
    def in_call(self) -> bool:
        return False  # nobody signed in for it

    async def present(self, session: Session, present: bool, *, page_gone: bool = False) -> None:
        await self._desk.customer_present(self.contact_id(session), present, page_gone=page_gone)

    async def view(self, session: Session) -> Sequence[Message]:
        return [message_of(notice) for notice in await self._desk.customer_view(self.contact_id(session))]

    async def request(self, session: Session, message: Message) -> None:
        await self._desk.customer_request(self.contact_id(session), customer_request(message))


class AgentSide:
    """An agent, known by their cookie. One panel at a time."""

    name = "agent"
    adapter: TypeAdapter[Any] = agent_messages
    keeps_session = True

    def __init__(self, desk: Desk, sessions: Sessions, card: AgentCard, address: str) -> None:
        self._desk = desk
        self._sessions = sessions
        self._card = card
        self._address = address

    async def admit(self, hello: Hello) -> Session:
        owner = AgentParty(agent_id=self._card.agent_id)
        session = self._sessions.of(owner)
        if session is not None:
            resume = hello.resume
            if resume is not None and resume.session_id == session.session_id and session.unlock(resume.secret):
                return session
            if session.carrier is not None and not hello.take_over:
                raise StateConflict("panel_open_elsewhere", "Your panel is open in another window.")
        else:
            self._sessions.check_room()
        return self._sessions.open(owner)

    def contact_id(self, session: Session) -> None:
        return None

    @property
    def in_call(self) -> bool:
        return self._desk.is_on_contact(self._card.agent_id)

    async def present(self, session: Session, present: bool, *, page_gone: bool = False) -> None:
        await self._desk.agent_present(self._card, present, page_gone=page_gone)

    async def view(self, session: Session) -> Sequence[Message]:
        return [message_of(notice) for notice in await self._desk.agent_view(self._card.agent_id)]

    async def request(self, session: Session, message: Message) -> None:
        request = agent_request(message)
        if isinstance(request, ClaimContact):
            request = replace(request, address=self._address)
        await self._desk.agent_request(self._card.agent_id, request)


class EmbedSide:
    """An agent in the panel of one contact, in the desktop of the ACD that gave it to them.

    Known by a claim, good once; after that the session's secret is all they have. `admitted` counts whoever comes.
    """

    name = "embed"
    adapter: TypeAdapter[Any] = embed_messages
    keeps_session = True

    def __init__(
        self,
        desk: Desk,
        sessions: Sessions,
        claims: PanelClaims,
        address: str,
        admitted: Callable[[], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._sessions = sessions
        self._claims = claims
        self._address = address
        self._admitted = admitted

    async def admit(self, hello: Hello) -> Session:
        await self._admitted()
        if hello.resume is not None:
            session = self._sessions.find(hello.resume.session_id)
            if session is None or session.visit is None or not session.unlock(hello.resume.secret):
                raise NotFound("session_over", "This session is over or never was.")  # the same for all three
            return session
        if hello.entry_token is None:
            raise NotSignedIn("panel_claim_missing", "Say hello with a claim, or resume a session.")
        self._sessions.check_room()
        opened = await self._claims.redeem(hello.entry_token, address=self._address)
        card = replace(card_of(opened.account), visiting=True)
        visit = Visit(card=card, contact_id=opened.contact_id)
        return self._sessions.open(AgentParty(agent_id=card.agent_id), visit=visit)

    def contact_id(self, session: Session) -> ContactId:
        return _visit_of(session).contact_id

    @property
    def in_call(self) -> bool:
        return False  # nobody signed in for it

    async def present(self, session: Session, present: bool, *, page_gone: bool = False) -> None:
        visit = self._standing(session) if present else _visit_of(session)
        await self._desk.agent_present(visit.card, present, page_gone=page_gone)

    async def view(self, session: Session) -> Sequence[Message]:
        return [message_of(notice) for notice in await self._desk.agent_view(_visit_of(session).card.agent_id)]

    async def request(self, session: Session, message: Message) -> None:
        visit = self._standing(session)
        await self._desk.agent_request(visit.card.agent_id, agent_request(message))

    def _standing(self, session: Session) -> Visit:
        """What the session is for, while the contact is still with its agent. StateConflict (`panel_claim_stale`)."""
        visit = _visit_of(session)
        if self._desk.contact_of(visit.card.agent_id) != visit.contact_id:
            raise StateConflict("panel_claim_stale", "This call is over, or is somebody else's by now.")
        return visit


def card_of(account: Account) -> AgentCard:
    """The agent of an account. NotAuthorised (`not_allowed`) when it is none."""
    if account.agent_id is None:
        raise NotAuthorised("not_allowed", "Your account may not do this.")
    return AgentCard(
        agent_id=account.agent_id,
        display_name=account.display_name,
        queues=account.queues,
        skills=account.skills,
        languages=account.languages,
    )


def _visit_of(session: Session) -> Visit:
    if session.visit is None:
        raise InvariantBroken("owner_mismatch", "The panel of one contact carries another's session.")
    return session.visit


class BoardSide:
    """A supervisor or admin who watches the live board. Asks nothing, and gets the whole board whenever it changes."""

    name = "board"
    adapter: TypeAdapter[Any] = board_messages
    keeps_session = False

    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk = desk
        self._sessions = sessions

    async def admit(self, hello: Hello) -> Session:
        self._sessions.check_room()
        return self._sessions.open(BoardParty())

    def contact_id(self, session: Session) -> None:
        return None

    @property
    def in_call(self) -> bool:
        return False

    async def present(self, session: Session, present: bool, *, page_gone: bool = False) -> None:
        """Nobody waits for who watches."""

    async def view(self, session: Session) -> Sequence[Message]:
        return [message_of(self._desk.board())]

    async def request(self, session: Session, message: Message) -> None:
        raise InvariantBroken("request_misplaced", "A board has no requests.")
