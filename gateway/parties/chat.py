"""The chat beside a call: the lines that either side writes, and those that both are shown."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLine:
    """A line of the chat. `client_id`: the page's own name of it; said again, it is the same line."""

    client_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """To both sides: a line of the chat. `number` counts from 1 within the contact, in the one order there is.

    `by`: customer, agent. `client_id` only to who wrote it: the page's own name of it.
    """

    number: int
    by: str
    name: str  # empty: a customer who gave none
    at: datetime
    text: str
    client_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatHistory:
    """To a side that comes (back): the newest lines there are. `earlier`: how many are left out before them."""

    lines: tuple[ChatLine, ...]
    earlier: int = 0
