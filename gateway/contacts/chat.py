"""What customer and agent write to each other in one contact: the rules of a line, and the book of lines. Pure.

It knows nobody's connection and no store. Full means `LINES_LIMIT`: a further line is refused, the call goes on.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from gateway.base.errors import BadInput, StateConflict, TooManyRequests
from gateway.base.ids import AgentId, ContactId
from gateway.parties import ChatHistory, ChatLine

TEXT_LIMIT: Final = 1000
"""Characters (code points) of one line."""

LINES_LIMIT: Final = 300
"""Lines of one contact."""

HISTORY_CHARACTERS: Final = 20_000
"""So much text comes with a view: what the other side wrote must not keep a page on a narrow way from opening."""

BURST: Final = 10
PER_SECOND: Final = 1.0
"""Of each who writes. A burst is what somebody wrote while their connection was away."""

_LINE_ENDS: Final = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
_EMPTY_LINES: Final = re.compile(r"\n(?:[^\S\n]*\n){2,}")
_INVISIBLE: Final = frozenset({"Cc", "Cs", "Cn"})
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Whatever turns text around (Unicode UAX #9) could make a line, or what stands beside it, read as something else."""


class ChatPort(Protocol):
    """Where lines are kept (`gateway.records.chat`). Their text is content: it is in no journal and no log."""

    def append(self, contact_id: ContactId, line: ChatLine) -> None:
        """Keep the line and return at once. Never raises."""
        ...

    @property
    def full(self) -> bool:
        """Too many lines could not be written yet: further ones are refused (PortFailure `chat_unavailable`)."""
        ...

    async def read(self, contact_id: ContactId) -> Sequence[ChatLine]:
        """All lines so far, in order. PortFailure `records_unavailable`."""
        ...


def line_text(written: str) -> str:
    """What somebody wrote as it is kept and shown: NFC, without control characters, trimmed.

    BadInput: `chat_empty` (nothing in it can be seen), `chat_too_long`.
    """
    text = _LINE_ENDS.sub("\n", written).replace("\t", " ")
    text = unicodedata.normalize("NFC", "".join(char for char in text if _stays(char)))
    text = _EMPTY_LINES.sub("\n\n", text).strip()
    if not any(unicodedata.category(char)[0] in "LNPS" for char in text):
        raise BadInput("chat_empty", "Write something first.")
    if len(text) > TEXT_LIMIT:
        raise BadInput("chat_too_long", f"A message may have {TEXT_LIMIT} characters.")
    return text


def _stays(char: str) -> bool:
    return char == "\n" or (char not in _DIRECTIONS and unicodedata.category(char) not in _INVISIBLE)


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes. `agent_id` None: the customer."""

    agent_id: AgentId | None
    name: str

    @property
    def by(self) -> str:
        return "customer" if self.agent_id is None else "agent"


class ChatBook:
    """The lines of one contact, in the one order that both sides see.

    A line is known by who wrote it and the id that their page gave it: what comes again after a reconnect is the line
    that is there. That id is told to nobody else.
    """

    def __init__(self) -> None:
        self._lines: list[tuple[AgentId | None, ChatLine]] = []
        self._numbers: dict[tuple[AgentId | None, str], int] = {}
        self._paces: dict[AgentId | None, tuple[float, float]] = {}  # lines they may write at once, and since when

    def __len__(self) -> int:
        return len(self._lines)

    def find(self, author: Author, client_id: str) -> ChatLine | None:
        """The line that this author has written under that id."""
        number = self._numbers.get((author.agent_id, client_id))
        return self._lines[number - 1][1] if number is not None else None

    def add(self, author: Author, client_id: str, written: str, *, at: datetime, now_s: float) -> ChatLine:
        """A new line. BadInput as `line_text`; StateConflict `chat_full`; TooManyRequests `chat_too_fast`."""
        text = line_text(written)
        if len(self._lines) >= LINES_LIMIT:
            raise StateConflict("chat_full", "No more messages fit into this call.")
        self._spend(author, now_s)
        line = ChatLine(
            number=len(self._lines) + 1, by=author.by, name=author.name, at=at, text=text, client_id=client_id
        )
        self._lines.append((author.agent_id, line))
        self._numbers[author.agent_id, client_id] = line.number
        return line

    def _spend(self, author: Author, now_s: float) -> None:
        left, since_s = self._paces.get(author.agent_id, (float(BURST), now_s))
        left = min(BURST, left + (now_s - since_s) * PER_SECOND)
        if left < 1:
            raise TooManyRequests("chat_too_fast", "Too many messages at once: wait a moment.", retry_after_s=1)
        self._paces[author.agent_id] = (left - 1, now_s)

    def history(self, reader: AgentId | None) -> ChatHistory | None:
        """The newest lines for whoever comes (back), up to `HISTORY_CHARACTERS`; None when there is no line."""
        if not self._lines:
            return None
        shown: list[ChatLine] = []
        room = HISTORY_CHARACTERS
        for author, line in reversed(self._lines):
            room -= len(line.text)
            if room < 0:
                break
            shown.append(line if author == reader else for_others(line))
        shown.reverse()
        return ChatHistory(lines=tuple(shown), earlier=len(self._lines) - len(shown))


def for_others(line: ChatLine) -> ChatLine:
    """The line as everybody but its author is told it."""
    return replace(line, client_id=None)
