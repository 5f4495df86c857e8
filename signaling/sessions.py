"""All sessions of this node: found by id or by owner, bounded in number, dropped when their time is over.

It owns which sessions exist, and it is the center's way to reach people (`gateway.parties.NoticePort`). It must not
know sockets, HTTP, or what a person may do.
"""

from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import CapacityExceeded
from gateway.base.log import get_logger
from gateway.parties import AgentChanged, BoardParty, ContactChanged, CustomerParty, Notice, Party, Visit
from signaling.presenter import message_of
from signaling.session import Session

_log = get_logger("signaling.sessions")

_CLOSED: Final = "closed"
_RETRY_AFTER_S: Final = 10

LAST_WORDS_S: Final = 5.0
"""So long the panel of one contact stays open when the contact is its agent's no more."""


class Sessions:
    """The sessions of this node and whose they are.

    `limit` bounds their number. Policy for *full*: `check_room`, asked before anything is begun for a newcomer, refuses
    (`too_many_sessions`); no old one suffers. Newcomers between that question and `open` are bounded by their sockets.
    """

    def __init__(self, clock: Clock, *, grace_s: float, outbox_limit: int, limit: int) -> None:
        self.grace_s = grace_s
        self._clock = clock
        self._outbox_limit = outbox_limit
        self._limit = limit
        self._by_id: dict[str, Session] = {}
        self._by_owner: dict[Party, Session] = {}
        self._boards: set[Session] = set()

    def __len__(self) -> int:
        return len(self._by_id)

    def check_room(self) -> None:
        """Raises CapacityExceeded (`too_many_sessions`) when there is no room for one more."""
        if len(self._by_id) >= self._limit:
            raise CapacityExceeded(
                "too_many_sessions", "Too many people are connected. Try again soon.", retry_after_s=_RETRY_AFTER_S
            )

    def open(self, owner: Party, *, visit: Visit | None = None) -> Session:
        """A new session; `visit`: an agent's, of one contact only.

        An older one of the same customer or agent is dropped: its socket is told `taken_over`.
        """
        older = self._by_owner.get(owner)
        if older is not None:
            self.drop(older, "taken_over", "Opened in another window.")
        board = isinstance(owner, BoardParty)
        session = Session(owner, outbox_limit=self._outbox_limit, newest_only=board)
        session.visit = visit
        session.lost_at = self._clock.monotonic()
        self._by_id[session.session_id] = session
        if board:
            self._boards.add(session)
        else:
            self._by_owner[owner] = session
        return session

    def find(self, session_id: str) -> Session | None:
        return self._by_id.get(session_id)

    def of(self, owner: Party) -> Session | None:
        """The session of this customer or agent; None for a board, which has many."""
        return self._by_owner.get(owner)

    def holds(self, session: Session) -> bool:
        """Whether the session still lives."""
        return self._by_id.get(session.session_id) is session

    def drop(self, session: Session, code: str, detail: str = "") -> None:
        """End the session; whatever carries it says `bye` with `code`. Idempotent."""
        if self._by_id.pop(session.session_id, None) is None:
            return
        self._by_owner.pop(session.owner, None)
        self._boards.discard(session)
        if session.carrier is not None:
            session.carrier.cut(code, detail)

    def sweep(self) -> None:
        """Drop the sessions whose grace or whose time is over. Called about once a second."""
        now = self._clock.monotonic()
        for session in list(self._by_id.values()):
            left_alone = session.carrier is None and session.lost_at is not None
            if left_alone and session.lost_at is not None and now - session.lost_at >= self.grace_s:
                self.drop(session, "session_over")
            elif session.ends_at is not None and now >= session.ends_at:
                self.drop(session, "session_over", "The contact is over.")

    def _concerns(self, visit: Visit, session: Session, notice: Notice) -> bool:
        """Whether the panel of one contact may hear this. It ends soon after its agent has that contact no more."""
        of = getattr(notice, "contact_id", visit.contact_id)
        if isinstance(notice, AgentChanged):
            if of != visit.contact_id:
                session.ends_at = self._clock.monotonic() + LAST_WORDS_S
            return True
        return session.ends_at is None and of == visit.contact_id

    # ---------------------------------------------------------------- NoticePort

    def tell(self, party: Party, notice: Notice) -> None:
        """Queue `notice` for whoever is there now; kept for a resume while the session lives. Never waits or raises."""
        try:
            message = message_of(notice)
        except (ValueError, KeyError) as error:  # our own bug; the center that tells must not suffer for it
            _log.error("notice.unsayable", notice=type(notice).__name__, exc_info=error)
            return
        if isinstance(party, BoardParty):
            for session in list(self._boards):
                session.send(message)
            return
        session_of_party = self._by_owner.get(party)
        if session_of_party is None:
            return
        visit = session_of_party.visit
        if visit is not None and not self._concerns(visit, session_of_party, notice):
            return
        session_of_party.send(message)
        if isinstance(party, CustomerParty) and isinstance(notice, ContactChanged) and notice.state == _CLOSED:
            session_of_party.ends_at = self._clock.monotonic() + self.grace_s
