"""What ACDs feed us, fuzzed: bytes of AMI, ESL and queue_log through parser, mapper and ledger.

An input is a stretch of one connection: it is cut into portions, and between them the clock moves on, a snapshot is
read, or a timer is due. State is kept between inputs, as on a connection, and begins anew now and then.
"""

import itertools
from datetime import UTC, datetime
from random import Random

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.ami import wire as ami
from gateway.acd.cti.ami.mapper import AmiMapper
from gateway.acd.cti.ami.queue_log import parse_line
from gateway.acd.cti.book import MAX_CALLS, MAX_NAMES
from gateway.acd.cti.esl import wire as esl
from gateway.acd.cti.esl.mapper import EslMapper
from gateway.acd.cti.ledger import Ledger
from gateway.acd.events import RAW_LIMIT_BYTES, AgentEvent
from gateway.base.errors import PortFailure
from gateway.base.ids import OfferId
from tests.support.fuzzing import Target

CTI_TARGETS = ("ami", "esl")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_RENEWED_EVERY = 400


def _promise(kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(what)


class _Feed:
    """What both have in common: the ledger's promises."""

    def __init__(self) -> None:
        self._count = 0
        self._offers = itertools.count(1)
        self._renew()

    def _renew(self) -> None:
        self._ledger = Ledger("fuzz", AgentNames(), lambda: OfferId(f"of_{next(self._offers):08d}"))
        self._now_s = 0.0

    def _begin(self) -> None:
        self._count += 1
        if self._count % _RENEWED_EVERY == 0:
            self._renew()
        self._now_s += 0.7

    def _told(self) -> list[str]:
        names = []
        for event in self._ledger.take():
            size = sum(len(key) + len(value) for key, value in event.raw.items())
            _promise(size <= RAW_LIMIT_BYTES, "an original travels at full length")
            _promise(event.occurred_at.tzinfo is not None, "a date without a zone")
            if isinstance(event, AgentEvent):
                _promise(len(event.agent.ref) <= 128, "the name of an agent has no end")
                names.append(f"{event.state}")
            else:
                names.append(type(event.body).__name__ + "*" * event.synthesized)
        _promise(len(self._ledger.calls) <= MAX_CALLS, "too many calls are kept")
        for call in self._ledger.calls:
            _promise(len(self._ledger.calls.names_of(call.correlation)) <= MAX_NAMES, "too many names are kept")
        return sorted(set(names))


class _Ami(_Feed):
    def _renew(self) -> None:
        super()._renew()
        self._mapper = AmiMapper(self._ledger, "VIDEO_CONTACT_ID", ("wrapup",))

    def run(self, data: bytes) -> str:
        self._begin()
        parser = ami.AmiParser()
        parser.feed(b"Asterisk Call Manager/9.0.0\r\n")
        messages = [message for start in range(0, len(data), 997) for message in parser.feed(data[start : start + 997])]
        for message in messages:
            _promise(len(message.fields) <= ami.MAX_FIELDS, "a message has no end")
            self._mapper.take(message, NOW, self._now_s)
        if self._count % 3 == 0:
            self._mapper.begin_snapshot()
            self._mapper.snapshot(messages, messages, NOW, self._now_s)
        if self._count % 5 == 0:
            lines = (parse_line(line) for line in data.decode("utf-8", "replace").splitlines())
            self._mapper.replay([line for line in lines if line is not None], 0, NOW, self._now_s)
        if (due_s := self._mapper.next_deadline()) is not None and self._count % 7 == 0:
            self._mapper.on_timer(NOW, due_s)
            _promise((self._mapper.next_deadline() or due_s + 1) > due_s, "a timer that is due stays due")
        return " ".join(self._told()) or f"{bool(messages)} {bool(parser.overlong)} {bool(parser.meaningless)}"


class _Esl(_Feed):
    def _renew(self) -> None:
        super()._renew()
        self._mapper = EslMapper(self._ledger, "X-Video-Contact-Id")

    def run(self, data: bytes) -> str:
        self._begin()
        parser = esl.EslParser()
        frames: list[esl.Frame] = []
        try:
            for start in range(0, len(data), 997):
                frames += parser.feed(data[start : start + 997])
        except esl.OutOfStep:
            return "out of step"
        rows: tuple[dict[str, str], ...] = ()
        for frame in frames:
            _promise(len(frame.body) <= esl.MAX_BODY_BYTES, "a body has no end")
            if frame.kind == esl.FrameType.API_RESPONSE:
                try:
                    rows += esl.parse_listing(frame.body.decode("utf-8", "replace")).rows
                except PortFailure:
                    return "refused"
            else:
                self._mapper.take(esl.parse_event(frame.body), NOW, self._now_s)
        if self._count % 3 == 0:
            self._mapper.begin_snapshot()
            self._mapper.snapshot(rows, rows, [row.get("session_uuid", "") for row in rows], NOW, self._now_s)
        if (due_s := self._mapper.next_deadline()) is not None and self._count % 7 == 0:
            self._mapper.on_timer(NOW, due_s)
            _promise((self._mapper.next_deadline() or due_s + 1) > due_s, "a timer that is due stays due")
        return " ".join(self._told()) or f"{bool(frames)} {bool(parser.overlong)} {bool(parser.meaningless)}"


def _lengths(data: bytes, random: Random) -> bytes:
    """Each event's Content-Length made right again; sometimes one left wrong."""
    parts = data.split(b"Content-Length:")
    out = parts[0]
    for part in parts[1:]:
        head, blank, body = part.partition(b"\n\n")
        line = head.partition(b"\n")[2]
        size = len(body) if random.random() < 0.95 else random.randrange(2_000)
        out += b"Content-Length: %d\n" % size + (line + b"\n" if line else b"") + blank[1:] + body
    return out


def cti_target(name: str) -> Target:
    """One of CTI_TARGETS, with fresh state."""
    watched = ("gateway/acd/cti/",)
    if name == "ami":
        return Target("ami", _Ami().run, watched, _AMI_WORDS)
    return Target("esl", _Esl().run, watched, _ESL_WORDS, _lengths)


_AMI_WORDS = tuple(
    f"\r\n{line}\r\n".encode()
    for line in (
        *("Event: QueueCallerJoin", "Event: QueueCallerLeave", "Event: QueueCallerAbandon", "Event: AgentCalled"),
        *("Event: AgentRingNoAnswer", "Event: AgentConnect", "Event: AgentComplete", "Event: Hold", "Event: Hangup"),
        *("Event: BlindTransfer", "Event: AttendedTransfer", "Event: DialEnd", "Event: QueueMemberPause", "Event: Who"),
        *("Reason: transfer", "DialStatus: ANSWER", "DestChannel: PJSIP/1002-0000001", "Interface: PJSIP/1001"),
        *("ChanVariable: VIDEO_CONTACT_ID=7K3QXM2P", "ChanVariable: VIDEO_CONTACT_ID=22222222", "Queue: second"),
        *("Uniqueid: 1718005200.18", "Linkedid: 1718005200.18", "Position: 3", "Variable: QUEUESTATUS", "Value: FULL"),
        *("Timestamp: nan", "Timestamp: 9e99", "Wrapuptime: 9", "BridgeId: b", "", "", ""),
    )
)
_ESL_WORDS = (
    b"\nCC-Action: member-queue-start\n",
    b"\nCC-Action: bridge-agent-end\n",
    b"\nCC-Action: member-queue-end\n",
    b"\nCC-Action: agent-offering\n",
    b"\nCC-Cause: Cancel\n",
    b"\nCC-Cancel-Reason: TIMEOUT\n",
    b"\nCC-Hangup-Cause: USER_BUSY\n",
    b"\nEvent-Name: CHANNEL_HANGUP_COMPLETE\n",
    b"\nEvent-Name: CHANNEL_BRIDGE\n",
    b"\nEvent-Date-Timestamp: 99999999999999999999\n",
    b"%00%0a%ff",
    b"\n\nContent-Type: text/event-plain\n\n",
    b"Content-Length: 1000000\nContent-Type: text/event-plain\n\n",
)
