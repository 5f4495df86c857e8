"""The chat beside a call: the lines that either side writes, and those that both are shown."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from signaling.messages.message import ClientId, Message

# ---------------------------------------------------------------- from the browser


class Chat(Message):
    """Sender: customer, agent. Legal: contact `bridging`, `active`, `held`, `transferring`, and while an agent is
    asked; not of the agent who is asked. Answered by `chat_line`, which both sides get.

    Trimmed, in NFC and without control characters a line has 1 to 1,000 characters. `client_id`: the page's own name
    of it; sent again under the same one, it is the same line. Refused with `chat_not_now`, `chat_empty`,
    `chat_too_long`, `chat_too_fast`, `chat_full` (300 lines in a contact) or `chat_unavailable`.
    """

    type: Literal["chat"] = "chat"
    client_id: ClientId
    text: Annotated[str, Field(max_length=4000)]


# ---------------------------------------------------------------- from the gateway


class ChatLine(Message):
    """To: customer, agent. A line of the chat. `number` counts from 1 within the contact: the one order of both sides.

    `by`: `customer`, `agent`. `client_id` only to who wrote it.
    """

    type: Literal["chat_line"] = "chat_line"
    number: int
    by: str
    name: str
    at: AwareDatetime
    text: str
    client_id: str | None = None


class ChatEntry(BaseModel):
    """A line as the history has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    number: int
    by: str
    name: str
    at: AwareDatetime
    text: str
    client_id: str | None = None


class ChatHistory(Message):
    """To: customer, agent, when they come (back), if anything was written. Takes the place of all lines they had.

    The newest lines, up to 20,000 characters; `earlier`: how many are left out before them.
    """

    type: Literal["chat_history"] = "chat_history"
    lines: list[ChatEntry]
    earlier: int
