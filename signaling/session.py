"""A resumable session: numbers both ways, what is not acknowledged yet, and the secret that proves who comes back.

It owns the numbering and nothing else: no clock, no task, no JSON. The socket that carries it is known only as a
`Carrier`. It must not know what a message means.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from gateway.base.errors import BadInput
from gateway.base.ids import new_id
from gateway.parties import Party, Visit
from signaling.messages import Message

_SECRET_BYTES: Final = 24  # 192 bits, 32 characters


class Carrier(Protocol):
    """The socket a session goes over, as the session sees it."""

    def wake(self) -> None:
        """There is something to send. Never waits or raises."""
        ...

    def cut(self, code: str, detail: str = "") -> None:
        """Say `bye` with `code` and close. Never waits or raises; a second call changes nothing."""
        ...


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Session:
    """One conversation with one person, over as many sockets as it takes.

    `outbox_limit` bounds the messages kept until they are acknowledged. Policy for *full*: what is kept is dropped, the
    carrier is cut with `too_slow`, and the next hello gets a full view instead of a replay. With `newest_only` nothing
    is kept at all: a message not sent yet gives way to the next one (the live board, whose every message says it all).
    """

    def __init__(self, owner: Party, *, outbox_limit: int, newest_only: bool = False) -> None:
        self.session_id = new_id("se")
        self.owner = owner
        self.lock = asyncio.Lock()  # one request, one attachment or one loss at a time, in order
        self.carrier: Carrier | None = None
        self.lost_at: float | None = None  # monotonic seconds: since then no socket carries it
        self.visit: Visit | None = None  # a panel of one contact; None: of everything that is its owner's
        self.ends_at: float | None = None  # monotonic seconds: over then, carried or not
        self._outbox_limit = outbox_limit
        self._newest_only = newest_only
        self._newest: Message | None = None
        self._outbox: deque[Message] = deque()
        self._unsent = 0  # how many at the end of the outbox the present socket has not sent
        self._held: list[Message] | None = None
        self._overflowed = False
        self._sent = 0  # highest number given to a message
        self._acknowledged = 0  # highest number the other side has seen
        self._received = 0  # highest number seen of the other side
        self._secret = b""
        self._carried_secret: bytes | None = None  # what the other side surely has until it confirms the newest

    # ---------------------------------------------------------------- secrets

    def new_secret(self) -> str:
        """A fresh secret for the next resume; told in the welcome."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._secret = _digest(secret)
        return secret

    def unlock(self, secret: str) -> bool:
        """Whether `secret` opens this session. Takes the same time whatever is wrong with it.

        The one that did stays good until `confirm`: a welcome can be lost on its way, and the new secret with it.
        """
        digest = _digest(secret)
        current = hmac.compare_digest(digest, self._secret)
        carried = hmac.compare_digest(digest, self._carried_secret or bytes(len(digest)))
        if current or (carried and self._carried_secret is not None):
            self._carried_secret = digest
            return True
        return False

    def confirm(self) -> None:
        """The other side has the last welcome: its secret is the only one now."""
        self._carried_secret = None

    # ---------------------------------------------------------------- from the other side

    @property
    def received(self) -> int:
        """The highest number seen of the other side; goes out as `ack`."""
        return self._received

    def take(self, seq: int) -> bool:
        """Count a numbered message of the other side. False: seen before, ignore it.

        Raises BadInput (`sequence_missing`, `sequence_gap`): what came before it is lost, and only a new socket can
        bring it again.
        """
        if seq == 0:
            raise BadInput("sequence_missing", "This message needs a number.")
        if seq <= self._received:
            return False
        if seq != self._received + 1:
            raise BadInput("sequence_gap", f"Number {self._received + 1} was expected.")
        self._received = seq
        return True

    def acknowledge(self, ack: int) -> None:
        """The other side has seen everything up to `ack`: forget it. Raises BadInput (`ack_unknown`) beyond our own."""
        if ack > self._sent:
            raise BadInput("ack_unknown", "A message was acknowledged that was never sent.")
        self._acknowledged = max(self._acknowledged, ack)
        while self._outbox and self._outbox[0].seq <= self._acknowledged:
            self._outbox.popleft()
        self._unsent = min(self._unsent, len(self._outbox))

    # ---------------------------------------------------------------- to the other side

    def send(self, message: Message) -> None:
        """Number `message`, keep it until it is acknowledged, and wake the carrier. Never waits or raises."""
        if self._overflowed:
            return  # the full view that comes will say it
        if self._held is not None:
            if len(self._held) >= self._outbox_limit:
                self._overflow()
            else:
                self._held.append(message)
            return
        if self._newest_only:
            self._newest = message
        elif len(self._outbox) >= self._outbox_limit:
            self._overflow()
            return
        else:
            self._outbox.append(self._numbered(message))
            self._unsent += 1
        if self.carrier is not None:
            self.carrier.wake()

    def _numbered(self, message: Message) -> Message:
        self._sent += 1
        return message.model_copy(update={"seq": self._sent})

    def _overflow(self) -> None:
        self._overflowed = True
        self._outbox.clear()
        self._unsent = 0
        if self.carrier is not None:
            self.carrier.cut("too_slow", "Too many messages were not acknowledged.")

    def next_unsent(self) -> Message | None:
        """The next message the present socket must send, numbered; None when it has sent all."""
        if self._newest is not None:
            message, self._newest = self._newest, None
            return self._numbered(message)
        if self._unsent == 0:
            return None
        message = self._outbox[len(self._outbox) - self._unsent]
        self._unsent -= 1
        return message

    @property
    def unacknowledged(self) -> int:
        return len(self._outbox)

    # ---------------------------------------------------------------- a new socket

    def can_replay(self, last_seq: int) -> bool:
        """Whether a client that has seen up to `last_seq` can go on where it was. A fresh page (0) gets a full view."""
        if self._overflowed or self._newest_only or self._held is not None:
            return False
        return 0 < last_seq <= self._sent and last_seq >= self._acknowledged

    def replay(self, last_seq: int) -> None:
        """Forget what the client has seen; the rest is unsent again, for the socket that comes now."""
        self.acknowledge(last_seq)
        self._unsent = len(self._outbox)

    def restart(self) -> None:
        """Both numberings begin anew. What is sent from now on is held back until `release` has put the view first."""
        self._overflowed = False
        self._outbox.clear()
        self._newest = None
        self._unsent = self._sent = self._acknowledged = self._received = 0
        self._held = []

    def release(self, view: Sequence[Message]) -> None:
        """The full view, then what was sent while it was made: twice is harmless, in the wrong order is not."""
        held, self._held = self._held or [], None
        for message in (*view, *held):
            self.send(message)
