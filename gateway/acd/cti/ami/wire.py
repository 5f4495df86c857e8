"""AMI on the wire: bytes to messages and actions to bytes. Pure; knows no event by name.

A message is lines of `Key: Value`, ended by an empty line; keys may repeat. After connecting one line comes that is no
message: the greeting. There are no lengths, so what goes wrong goes wrong until the next empty line and no further:
what is too long is left out and counted, and the connection lives on.
Source: docs.asterisk.org, "AMI v2 Specification".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.base.errors import BadInput

MAX_LINE_BYTES: Final = 8_192
"""Of one `Key: Value`; Asterisk's own limit for a line from us is 1,024, for one to us there is none."""

MAX_FIELDS: Final = 200
"""Of one message: the longest that Asterisk knows (AttendedTransfer) has about a hundred."""

MAX_GREETING_BYTES: Final = 256
MAX_VALUE_CHARS: Final = 512
"""Of a value in an action: what Asterisk reads of a line is shorter than twice that."""

GREETING: Final = "Asterisk Call Manager"


@dataclass(frozen=True, slots=True)
class AmiMessage:
    """An event or a response. `fields` as they came, in order; look-ups take the first and ignore case."""

    fields: tuple[tuple[str, str], ...]
    _first: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._first.update({name.lower(): value for name, value in reversed(self.fields)})

    def get(self, key: str) -> str:
        """The value of the first field with that key; empty when there is none."""
        return self._first.get(key.lower(), "")

    @property
    def event(self) -> str:
        return self.get("Event")

    @property
    def response(self) -> str:
        return self.get("Response")

    @property
    def action_id(self) -> str:
        return self.get("ActionID")

    def variables(self) -> Iterator[tuple[str, str]]:
        """What `channelvars` in manager.conf adds: `ChanVariable: NAME=value`, before Asterisk 12 with the channel's
        name in brackets after the key. Underscores that say who inherits a variable are no part of its name."""
        for name, value in self.fields:
            if name.lower().startswith("chanvariable"):
                variable, _, content = value.partition("=")
                yield variable.strip().lstrip("_"), content

    def as_raw(self) -> dict[str, str]:
        """One value per key, the first; a repeated key's others under `Key#2`, …"""
        raw: dict[str, str] = {}
        seen: dict[str, int] = {}
        for name, value in self.fields:
            seen[name] = seen.get(name, 0) + 1
            raw[name if seen[name] == 1 else f"{name}#{seen[name]}"] = value
        return raw


class AmiParser:
    """Takes bytes in any portions, gives whole messages. Holds at most one line and one message."""

    def __init__(self) -> None:
        self.greeting: str | None = None
        self.overlong = 0  # lines and messages of which something was left out
        self.meaningless = 0  # lines that are not `Key: Value`
        self._line = bytearray()
        self._skipping = False  # until the end of an overlong line
        self._fields: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> list[AmiMessage]:
        """The messages that `data` completes."""
        messages: list[AmiMessage] = []
        position = 0
        while position < len(data):
            end = data.find(b"\n", position)
            part = data[position:] if end < 0 else data[position:end]
            if not self._skipping:
                if len(self._line) + len(part) > MAX_LINE_BYTES:
                    self.overlong += 1
                    self._skipping = True
                    self._line.clear()
                else:
                    self._line += part
            if end < 0:
                break
            position = end + 1
            if self._skipping:
                self._skipping = False
            else:
                line = bytes(self._line)
                self._line.clear()
                self._take(line.removesuffix(b"\r"), messages)
        return messages

    def _take(self, line: bytes, messages: list[AmiMessage]) -> None:
        if self.greeting is None:
            self.greeting = _text(line[:MAX_GREETING_BYTES])
            return
        if not line:
            if self._fields:
                messages.append(AmiMessage(tuple(self._fields)))
                self._fields = []
            return
        key, colon, value = line.partition(b":")
        if not colon or not key.strip():
            self.meaningless += 1
            return
        if len(self._fields) >= MAX_FIELDS:
            self.overlong += 1
            return
        self._fields.append((_text(key.strip()), _text(value.strip())))


def _text(data: bytes) -> str:
    """Asterisk says nothing of an encoding; names come as the phones sent them. NUL is text nowhere behind us."""
    return data.decode("utf-8", "replace").replace("\0", "�")


def render(action: str, action_id: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """An action, ready to be sent. BadInput (`acd_value`) for a value that would end its line, or is too long."""
    lines = [("Action", action), ("ActionID", action_id), *fields]
    for key, value in lines:
        if len(value) > MAX_VALUE_CHARS or any(character in value for character in "\r\n\0"):
            raise BadInput("acd_value", f"The value of {key} can't be said to the ACD: too long, or not one line.")
    return "".join(f"{key}: {value}\r\n" for key, value in lines).encode() + b"\r\n"
