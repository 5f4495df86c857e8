"""Asterisk's queue_log: what happened while nobody was connected. Lines to signs; reading where it was left off.

AMI itself repeats nothing. Where the file can be read (same machine, or shared), its lines since the cut say why a
caller left, which a snapshot can't. Read by position, never by time: the ACD's clock may be wrong. A line is
`epoch|callid|queue|agent|event|data…`, callid the caller's Uniqueid, agent the member's name.
Source: docs.asterisk.org, "Queue Logs".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.acd.cti import signs
from gateway.acd.events import AgentName, ExitReason, Party, RejectReason, TargetKind, TransferMode, TransferTarget

MAX_REPLAY_BYTES: Final = 4_194_304
"""Read after one cut; what is older is left out, and the snapshot says what came of it."""

MAX_LINE_CHARS: Final = 2_048

_EXITS: Final = {
    "EXITWITHTIMEOUT": ExitReason.TIMEOUT,
    "EXITWITHKEY": ExitReason.KEY,
    "EXITEMPTY": ExitReason.EMPTY,
    "WITHDRAW": ExitReason.WITHDRAWN,
    "SYSCOMPAT": ExitReason.FAILED,
}


@dataclass(frozen=True, slots=True)
class QueueLogLine:
    epoch: str
    uniqueid: str
    queue: str
    agent: str  # member name; NONE where no agent is meant
    event: str
    data: tuple[str, ...]

    def as_raw(self) -> dict[str, str]:
        return {
            "Event": f"queue_log {self.event}",
            "Time": self.epoch,
            "CallID": self.uniqueid,
            "Queue": self.queue,
            "Agent": self.agent,
            "Data": "|".join(self.data),
        }


def parse_line(line: str) -> QueueLogLine | None:
    """None for what is no such line."""
    if len(line) > MAX_LINE_CHARS or "\0" in line:
        return None
    parts = line.rstrip("\r\n").split("|")
    if len(parts) < 5 or not parts[4].isascii() or not parts[4].isalpha():
        return None
    return QueueLogLine(parts[0], parts[1], parts[2], parts[3], parts[4], tuple(parts[5:]))


REPEATABLE: Final = frozenset({"CONNECT", "ABANDON", "COMPLETECALLER", "COMPLETEAGENT", *_EXITS})
"""Lines that do no harm when their event was told already."""


def sign_of(line: QueueLogLine, agent: AgentName) -> signs.Sign | None:
    """What it says of its call; None: nothing. `agent`: who its member name is."""
    match line.event:
        case "ENTERQUEUE":  # url | caller | position
            return signs.Joined(line.queue, _number(line.data, 2))
        case "CONNECT":
            return signs.Answered(agent, line.queue)
        case "RINGNOANSWER":
            return signs.RingEnded(agent)
        case "RINGCANCELED":
            return signs.RingEnded(agent, RejectReason.WITHDRAWN)
        case "ABANDON":  # position | original position | wait
            waited = _number(line.data, 2)
            return signs.GaveUp(None if waited is None else float(waited))
        case "COMPLETECALLER":
            return signs.TalkEnded(Party.CUSTOMER, agent=agent)
        case "COMPLETEAGENT":
            return signs.TalkEnded(Party.AGENT, agent=agent)
        case "BLINDTRANSFER":  # extension | context | …
            target = line.data[0][:128] if line.data and line.data[0] else ""
            return signs.Moving(
                TransferMode.BLIND, TransferTarget(kind=TargetKind.NUMBER, value=target) if target else None
            )
        case "ATTENDEDTRANSFER":
            return signs.Moving(TransferMode.CONSULT)
        case event:
            return signs.Left(_EXITS[event]) if event in _EXITS else None


def _number(data: tuple[str, ...], index: int) -> int | None:
    text = data[index][:6] if index < len(data) else ""
    return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class Unread:
    """Lines, and how far the file is read with them."""

    lines: tuple[QueueLogLine, ...]
    inode: int
    position: int | None


class QueueLog:
    """The file, and how far it is read. `end` and `unread` block: they are called in a thread, and change nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._position: int | None = None
        self.taken(self.end())

    def end(self) -> Unread:
        """Where it ends now, for what is known until here by other means."""
        try:
            stat = self._path.stat()
        except OSError:
            return Unread((), self._inode, None)  # not there (yet): then from its beginning
        return Unread((), stat.st_ino, stat.st_size)

    def unread(self) -> Unread:
        """What was written since, again and again until it is `taken`. A file that was rotated away is read from its
        new beginning; one that can't be read gives nothing."""
        try:
            with self._path.open("rb") as file:
                stat = self._path.stat()
                start = self._position or 0
                if stat.st_ino != self._inode or stat.st_size < start:
                    start = 0
                if stat.st_size - start > MAX_REPLAY_BYTES:
                    start = stat.st_size - MAX_REPLAY_BYTES
                file.seek(start)
                data = file.read(MAX_REPLAY_BYTES)
        except OSError:
            return Unread((), self._inode, self._position)
        end = data.rfind(b"\n") + 1  # a line that is being written is for the next time
        lines = (parse_line(line) for line in data[:end].decode("utf-8", "replace").splitlines())
        return Unread(tuple(line for line in lines if line is not None), stat.st_ino, start + end)

    def taken(self, unread: Unread) -> None:
        """These lines are known now: the next are those after them."""
        self._inode, self._position = unread.inode, unread.position
