"""A recording service with everything around it: media engine, rows, disk, clock, and a finaliser of a few lines."""

import asyncio
import json
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyee import EventEmitter

from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, LegId, RecordingId
from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.port import RecordingRecord, RecordingView
from gateway.recordings.service import RecordingService
from gateway.recordings.states import UNFINISHED, RecordingState
from gateway.recordings.store import CAPTURE, EXPECTED, RecordingStore
from media.port import (
    EVENT,
    Kind,
    LegFirstMedia,
    MarkRecording,
    MediaRefused,
    RecordingFailed,
    RecordingStarted,
    RecordingStopped,
    StartRecording,
    StopRecording,
)
from tests.support.clock import FakeClock

CONTACT = ContactId("ct_contact01")
AGENT = AgentId("ag_agent0001")
CUSTOMER_LEG, AGENT_LEG, PHONE_LEG = LegId("lg_customer01"), LegId("lg_agent0001"), LegId("lg_phone0001")

FINALISER = """
    import json, pathlib, sys
    folder = pathlib.Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text()) if (folder / "plan.json").exists() else {}
    for said in plan.get("progress", []):
        import time
        print(said, end="", flush=True)
        time.sleep(0.02)
    if plan.get("hang"):
        import time
        time.sleep(60)
    if plan.get("garbage"):
        print("{" * 3_000_000)
        sys.exit(0)
    if plan.get("exit"):
        print("error: as planned", file=sys.stderr)
        if plan["exit"] != 1:
            sys.exit(plan["exit"])
    expected = json.loads((folder / "expected.json").read_text())
    empty = plan.get("exit") == 1
    tracks = plan.get("tracks", [{"role": "customer", "kind": "audio"}])
    (folder / "recording.webm").write_bytes(b"film")
    (folder / "customer.webm").write_bytes(b"film")
    (folder / "capture.vvc").unlink()
    print(json.dumps({"file": None if empty else "recording.webm", "container": "webm", "sha256": "ab" * 32,
        "size_bytes": 4, "duration_s": 12.5, "completeness": 0.995, "truncated": bool(expected["truncated_reason"]),
        "truncated_reason": expected["truncated_reason"], "tracks": tracks,
        "views": {"customer": {"file": "customer.webm", "container": "webm", "sha256": "", "size_bytes": 4}},
        "marks": []}))
    sys.exit(1 if empty else 0)
"""


@dataclass(frozen=True)
class Order:
    contact_id: ContactId = CONTACT
    agent_id: AgentId = AGENT
    customer_leg: LegId = CUSTOMER_LEG
    agent_leg: LegId = AGENT_LEG
    telephone_leg: LegId | None = None
    notice_version: str = "1"
    consent: bool | None = None
    consent_at: datetime | None = None
    language: str = "en"
    queue: str = "sales"
    payment_open: bool = False


class FakeMedia:
    """A media engine that makes the capture's file and says what an engine says."""

    def __init__(self) -> None:
        self.events = EventEmitter()
        self.commands: list[object] = []
        self.refuse: dict[type, MediaRefused] = {}
        self.starts = True
        self.plan: dict[str, object] = {}

    async def execute(self, command: object) -> None:
        self.commands.append(command)
        refusal = self.refuse.get(type(command))
        if refusal is not None:
            raise refusal
        if isinstance(command, StartRecording):
            folder = Path(command.folder)
            folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a fake
            (folder / CAPTURE).write_bytes(b"capture")
            (folder / "plan.json").write_text(json.dumps(self.plan))
            if self.starts:
                self.say(RecordingStarted(recording_id=command.recording_id, at_s=0.0))
        if isinstance(command, StopRecording):
            self.say(RecordingStopped(recording_id=command.recording_id, folder="", packets=1, size_bytes=1, at_s=0.0))

    def say(self, event: object) -> None:
        self.events.emit(EVENT, event)

    async def aclose(self) -> None: ...

    def marks(self) -> list[str]:
        return [command.mark for command in self.commands if isinstance(command, MarkRecording)]

    def count(self, kind: type) -> int:
        return sum(isinstance(command, kind) for command in self.commands)


class MemoryRecords:
    def __init__(self) -> None:
        self.rows: dict[RecordingId, RecordingRecord] = {}
        self.away = False
        self.answers = asyncio.Event()  # cleared: a store that takes its time
        self.answers.set()
        self.saves = 0
        self.tries = 0

    async def save(self, record: RecordingRecord) -> None:
        await self.answers.wait()
        self.tries += 1
        if self.away:
            raise PortFailure("sql_away", "no answer")
        self.saves += 1
        self.rows[record.recording_id] = record

    async def get(self, recording_id: RecordingId) -> RecordingRecord | None:
        return self.rows.get(recording_id)

    async def by_contact(self, contact_id: ContactId) -> RecordingRecord | None:
        return next((row for row in self.rows.values() if row.contact_id == contact_id), None)

    async def unfinished(self) -> Sequence[RecordingRecord]:
        if self.away:
            raise PortFailure("sql_away", "no answer")
        return [row for row in self.rows.values() if row.state in UNFINISHED]


class FakeArchive:
    """Takes what it is given and keeps the ids."""

    def __init__(self) -> None:
        self.full = False
        self.taken: list[RecordingId] = []
        self.discarded: list[RecordingId] = []
        self.away = False

    def take(self, record: RecordingRecord) -> None:
        self.taken.append(record.recording_id)

    async def discard(self, recording_id: RecordingId) -> None:
        if self.away:
            raise PortFailure("records_unavailable", "no answer")
        self.discarded.append(recording_id)


class Node:
    """A service with everything around it."""

    def __init__(self, tmp_path: Path, *, queues: Sequence[QueueSettings] = (), **settings: object) -> None:
        script = tmp_path / "finaliser.py"
        script.write_text(textwrap.dedent(FINALISER))
        self.media = FakeMedia()
        self.records = MemoryRecords()
        self.store = RecordingStore(tmp_path)
        self.archive = FakeArchive()
        self.clock = FakeClock()
        self.alarms: list[str] = []
        self.views: list[RecordingView] = []
        self.audit: list[tuple[str, str]] = []
        self.audit_away = False
        self.queues = queues
        self.settings = RecordingSettings(**{"min_free_bytes": 0, **settings})
        self.command = (sys.executable, str(script))
        self.service = self.make()

    def make(self, timeout_s: float = 30.0) -> RecordingService:
        service = RecordingService(
            media=self.media,
            records=self.records,
            store=self.store,
            finaliser=Finaliser(jobs=1, timeout_s=timeout_s, command=self.command),
            archive=self.archive,
            settings=self.settings,
            clock=self.clock,
            on_alarm=lambda code, recording_id, contact_id, detail: self.alarms.append(code),
            audit=self.note,
            queues=self.queues,
        )
        service.on_change(self.views.append)
        service.start()
        return service

    async def note(self, actor: str, action: str, subject: str, data: Mapping[str, object]) -> None:
        if self.audit_away:
            raise PortFailure("sql_away", "no answer")
        self.audit.append((actor, action))

    @property
    def row(self) -> RecordingRecord:
        (row,) = self.records.rows.values()
        return row

    @property
    def shown(self) -> list[str]:
        return [view.state for view in self.views]

    def expected(self) -> dict[str, object]:
        return json.loads((self.store.folder(self.row.recording_id) / EXPECTED).read_text())

    async def reaches(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not check():  # noqa: ASYNC110 - state behind threads and processes
                await asyncio.sleep(0.005)

    async def talking(self, order: Order | None = None) -> None:
        """A call that is being recorded."""
        now_s = self.clock.now().timestamp()
        for leg_id in (CUSTOMER_LEG, AGENT_LEG):
            for kind in (Kind.AUDIO, Kind.VIDEO):
                self.media.say(LegFirstMedia(leg_id=leg_id, kind=kind, at_s=now_s - 1))
        await self.service.begin(order or Order())
        await self.reaches(lambda: self.row.state is RecordingState.ACTIVE and bool(self.views))


def lost(node: Node) -> RecordingFailed:
    return RecordingFailed(recording_id=node.row.recording_id, code="worker_lost", detail="", at_s=5.0)
