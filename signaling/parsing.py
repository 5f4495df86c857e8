"""Text of a socket into messages, at the edge and once.

It owns what is said of text that is no message. Nothing of the text is repeated in an answer or a log.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.base.errors import BadInput
from signaling.messages import Message

_UNKNOWN_TYPE = frozenset({"union_tag_invalid", "union_tag_not_found"})


class _Envelope(BaseModel):
    """The number of a message whose rest is not understood."""

    model_config = ConfigDict(extra="ignore", strict=True)
    seq: int = Field(0, ge=0, le=2**53 - 1)


class Unreadable(BadInput):
    """Text that is no message. `seq` is its number, 0 when not even that could be read."""

    def __init__(self, code: str, detail: str, seq: int) -> None:
        super().__init__(code, detail)
        self.seq = seq


def parse(adapter: TypeAdapter[Any], text: str) -> Message:
    """The message in `text`. Raises Unreadable (`unknown_message`, `bad_message`)."""
    try:
        message = adapter.validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        seq = _seq_of(text)
        if fault["type"] in _UNKNOWN_TYPE:
            raise Unreadable("unknown_message", "There is no such message for this side.", seq) from None
        if fault["type"] == "extra_forbidden":
            detail = "It has a field that is not known."
        elif len(fault["loc"]) > 1:
            where = ".".join(str(part) for part in fault["loc"][1:])
            detail = f"The field {where} is not right: {fault['type']}."
        else:
            detail = "This is not a message."
        raise Unreadable("bad_message", detail, seq) from None
    if not isinstance(message, Message):
        raise TypeError("the adapter is not one of messages")
    return message


def _seq_of(text: str) -> int:
    try:
        return _Envelope.model_validate_json(text).seq
    except ValidationError:
        return 0
