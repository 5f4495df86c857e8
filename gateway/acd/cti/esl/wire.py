"""ESL on the wire: bytes to frames, frames to events, commands to bytes. Pure; knows no event by name.

A frame is lines of `Key: value`, an empty line, and as many bytes of body as its `Content-Length` says. An event is the
body of such a frame: again lines, their values URL-encoded, and perhaps a body of its own. A length that is no number,
or beyond reason, leaves nothing to hold on to: the connection is out of step and ends.
Source: developer.signalwire.com/freeswitch, "Event Socket", "mod_event_socket".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from gateway.base.errors import BadInput, PortFailure

MAX_HEAD_BYTES: Final = 16_384
MAX_BODY_BYTES: Final = 4_194_304
"""A list of all members of a queue with thousands waiting is the largest thing asked for."""

MAX_EVENT_BYTES: Final = 262_144
"""An event whose channel has very many variables; a longer one is left out, and counted."""

MAX_FIELDS: Final = 1_000
MAX_COMMAND_CHARS: Final = 1_024


class OutOfStep(PortFailure):
    """What comes can't be divided into frames any more."""


class FrameType(StrEnum):
    AUTH_REQUEST = "auth/request"
    COMMAND_REPLY = "command/reply"
    API_RESPONSE = "api/response"
    EVENT = "text/event-plain"
    DISCONNECT = "text/disconnect-notice"
    REJECTED = "text/rude-rejection"


@dataclass(frozen=True, slots=True)
class Frame:
    """`kind` is the Content-Type; anything else than FrameType's is for nobody here."""

    kind: str
    headers: dict[str, str]
    body: bytes

    @property
    def reply(self) -> str:
        """`+OK …` or `-ERR …`."""
        return self.headers.get("reply-text", "")


class EslParser:
    """Takes bytes in any portions, gives whole frames. Holds at most one head and one body."""

    def __init__(self) -> None:
        self.overlong = 0  # frames left out
        self.meaningless = 0  # lines that are not `Key: value`
        self._buffer = bytearray()
        self._searched = 0
        self._head: dict[str, str] | None = None
        self._wanted = 0  # bytes of body that are missing
        self._skipped = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. OutOfStep (`acd_out_of_step`) when there is no telling where one ends."""
        self._buffer += data
        frames: list[Frame] = []
        while True:
            if self._head is None:
                if not self._take_head():
                    break
            elif self._skipped:
                gone = min(self._wanted, len(self._buffer))
                del self._buffer[:gone]
                self._wanted -= gone
                if self._wanted:
                    break
                self._head, self._skipped = None, False
            else:
                if len(self._buffer) < self._wanted:
                    break
                body = bytes(self._buffer[: self._wanted])
                del self._buffer[: self._wanted]
                frames.append(Frame(self._head.get("content-type", ""), self._head, body))
                self._head = None
        return frames

    def _take_head(self) -> bool:
        while self._buffer.startswith((b"\n", b"\r")):  # more empty lines than one do no harm
            del self._buffer[:1]
            self._searched = 0
        end = self._buffer.find(b"\n\n", self._searched)
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
            raise OutOfStep("acd_out_of_step", "The event socket sent a head that does not end.")
        if end < 0:
            self._searched = max(0, len(self._buffer) - 1)
            return False
        head, bad = parse_lines(bytes(self._buffer[:end]))
        self.meaningless += bad
        del self._buffer[: end + 2]
        self._searched = 0
        self._wanted = _length(head)
        self._head = head
        if self._wanted > (MAX_EVENT_BYTES if head.get("content-type") == FrameType.EVENT else MAX_BODY_BYTES):
            self.overlong += 1
            self._skipped = True
        return True


def _length(head: dict[str, str]) -> int:
    text = head.get("content-length", "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise OutOfStep("acd_out_of_step", "The event socket sent a length that is no number.")
    return int(text)


def parse_lines(data: bytes, *, encoded: bool = False) -> tuple[dict[str, str], int]:
    """Lines of `Key: value`: keys in small letters, the first of each, values decoded when `encoded`; and how many
    lines were none. More than MAX_FIELDS are left out."""
    fields: dict[str, str] = {}
    bad = 0
    for line in data.split(b"\n"):
        line = line.removesuffix(b"\r")
        if not line:
            continue
        key, colon, value = line.partition(b":")
        name = key.strip().decode("utf-8", "replace").lower()
        if not colon or not name or len(fields) >= MAX_FIELDS:
            bad += 1
            continue
        text = value.strip().decode("utf-8", "replace")
        fields.setdefault(name, (unquote(text) if encoded and "%" in text else text).replace("\0", "�"))
    return fields, bad


@dataclass(frozen=True, slots=True)
class EslEvent:
    """An event: its fields, keys in small letters. What follows them (its own body) nobody here reads."""

    fields: dict[str, str]

    def get(self, key: str) -> str:
        """The value of that field, the key in small letters; empty when there is none."""
        return self.fields.get(key, "")


def parse_event(body: bytes) -> EslEvent:
    """The event in a frame's body; without fields when it holds none."""
    end = body.find(b"\n\n")
    return EslEvent(parse_lines(body if end < 0 else body[:end], encoded=True)[0])


@dataclass(frozen=True, slots=True)
class Listing:
    """What `callcenter_config … list …` answers: rows by the names in its first line."""

    rows: tuple[dict[str, str], ...]


def parse_listing(text: str) -> Listing:
    """A table with `|` between the columns and `+OK` at the end. Rows that do not fit the first line are left out: a
    caller's name may hold a bar. PortFailure (`acd_refused`) for `-ERR …`."""
    lines = [line for line in text.replace("\r", "").split("\n") if line]
    if lines and lines[0].startswith("-"):
        raise PortFailure("acd_refused", f"The ACD refused a list: {lines[0][:100]}")
    rows = [line for line in lines if line != "+OK"]
    if not rows:
        return Listing(())
    names = rows[0].split("|")
    cells = (row.split("|") for row in rows[1:])
    return Listing(tuple(dict(zip(names, row, strict=True)) for row in cells if len(row) == len(names)))


def render(command: str) -> bytes:
    """A command, ready to be sent. BadInput (`acd_value`) for one that would be two, or is too long."""
    if len(command) > MAX_COMMAND_CHARS or any(character in command for character in "\r\n\0"):
        raise BadInput("acd_value", "That can't be said to the ACD: too long, or not one line.")
    return f"{command}\n\n".encode()
