"""The side-by-side file on demand: out of the vault, composed by a process, back into it; nothing plain stays."""

import asyncio
import json
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.base.errors import NotFound
from gateway.base.ids import RecordingId
from gateway.vault import composing, content
from gateway.vault.composing import FILE, Composer
from tests.support.vault_rig import FILM, VaultRig, vault_rig

COMMAND = """
    import json, pathlib, sys, time
    folder = pathlib.Path(sys.argv[1])
    plan = json.loads((folder / "manifest.json").read_text())
    film = (folder / "recording.webm").read_bytes()
    print("progress 30", flush=True)
    if plan.get("hang"):
        time.sleep(60)
    while plan.get("until") and not pathlib.Path(plan["until"]).exists():
        time.sleep(0.01)
    if plan.get("exit"):
        print("error: as planned", file=sys.stderr)
        sys.exit(plan["exit"])
    (folder / "together.webm").write_bytes(b"together " + film[:100] + repr(sys.argv[-2:]).encode())
    (folder / "poster.jpg").write_bytes(b"poster")
    print("{}")
"""


class Desk:
    """A vault with one recording, and a composer whose command does what the manifest says."""

    def __init__(self, rig: VaultRig, folder: Path) -> None:
        script = folder / "compose.py"
        script.write_text(textwrap.dedent(COMMAND))
        self.rig = rig
        self.work = folder / "composing"
        self.composer = Composer(rig.vault, self.work, command=(sys.executable, str(script)))

    async def kept(self, **plan: object) -> RecordingId:
        record = await self.rig.recorded(manifest=json.dumps(plan))
        self.rig.vault.take(record)
        await asyncio.wait_for(self.rig.vault.intake.idle(), 20)
        return record.recording_id

    async def until(self, check: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await check():  # noqa: ASYNC110 - state behind a process
                await asyncio.sleep(0.01)

    async def reaches(self, recording_id: RecordingId, state: str) -> None:
        async def reached() -> bool:
            found = await self.composer.state(recording_id)
            return found is not None and found.state == state

        await self.until(reached)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with vault_rig(tmp_path) as rig:
        opened = Desk(rig, tmp_path)
        yield opened
        await opened.composer.aclose()
        await rig.vault.aclose()


async def test_what_was_composed_is_sealed_beside_the_recording_and_nothing_plain_stays(desk: Desk) -> None:
    recording_id = await desk.kept()
    assert await desk.composer.state(recording_id) is None
    asked = await desk.composer.ask(recording_id, {"customer": "Ada", "agent": "-x; rm"})
    assert asked.state == "waiting"
    await desk.reaches(recording_id, "done")
    await asyncio.wait_for(desk.rig.vault.intake.idle(), 20)
    assert FILE in await desk.rig.vault.names(recording_id)
    made = await desk.rig.read(recording_id, FILE)
    assert made == b"together " + FILM[:100] + b"['--customer=Ada', '--agent=-x; rm']"
    assert await desk.rig.read(recording_id) == FILM
    assert not list(desk.work.glob("*"))
    assert not list(desk.rig.folder(recording_id).glob("*.webm"))
    again = await desk.composer.ask(recording_id, {})
    assert again.state == "done"


async def test_asked_twice_it_is_made_once_and_says_how_far_it_is(desk: Desk) -> None:
    recording_id = await desk.kept(hang=True)
    await desk.composer.ask(recording_id, {})
    await desk.reaches(recording_id, "running")

    async def has_come_far() -> bool:
        return (await desk.composer.ask(recording_id, {})).progress == 0.3

    await desk.until(has_come_far)


async def test_a_job_nobody_wants_any_more_leaves_nothing(desk: Desk) -> None:
    recording_id = await desk.kept(hang=True)
    await desk.composer.ask(recording_id, {})
    await desk.reaches(recording_id, "running")
    assert desk.composer.cancel(recording_id)

    async def is_gone() -> bool:
        return not desk.composer.cancel(recording_id) and not list(desk.work.glob("*"))

    await desk.until(is_gone)
    assert await desk.composer.state(recording_id) is None
    assert FILE not in await desk.rig.vault.names(recording_id)


class SlowStep:
    """A step of a thread that lasts until the test lets it end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
        self._begun, self._may_end = threading.Event(), threading.Event()
        self._real: Callable[..., object] = getattr(module, name)
        monkeypatch.setattr(module, name, self._slow)

    def _slow(self, *args: object) -> object:
        done = self._real(*args)
        self._begun.set()
        self._may_end.wait(20)
        return done

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, 20)

    def end(self) -> None:
        self._may_end.set()


async def test_a_job_that_ends_while_a_thread_still_writes_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder used to be removed under the thread, which made its file, or kept it open, after that."""
    recording_id = await desk.kept()
    step = SlowStep(monkeypatch, content, "_append")
    await desk.composer.ask(recording_id, {})
    await step.begun()
    assert desk.composer.cancel(recording_id)
    closing = asyncio.create_task(desk.composer.aclose())
    for _ in range(20):
        await asyncio.to_thread(int)  # time enough for another thread to remove a small folder
    assert not closing.done()
    assert list(desk.work.glob("*/*")), "nobody removes it under the thread"
    step.end()
    await asyncio.wait_for(closing, 20)
    assert not desk.work.exists()


async def test_what_was_handed_in_when_nobody_wanted_it_any_more_is_sealed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lay there plain until the next start."""
    recording_id = await desk.kept()
    step = SlowStep(monkeypatch, composing, "_move")
    await desk.composer.ask(recording_id, {})
    await step.begun()
    assert desk.composer.cancel(recording_id)
    await asyncio.sleep(0)
    step.end()

    async def is_there() -> bool:
        return FILE in await desk.rig.vault.names(recording_id) and not list(desk.work.glob("*"))

    await desk.until(is_there)
    await asyncio.wait_for(desk.rig.vault.intake.idle(), 20)
    assert not desk.rig.folder(recording_id).exists()
    assert (await desk.rig.read(recording_id, FILE)).startswith(b"together")


async def test_who_changes_their_mind_at_once_has_it_made(desk: Desk, tmp_path: Path) -> None:
    """The job that nobody wanted any more takes a moment to end its process."""
    go = tmp_path / "go"
    recording_id = await desk.kept(until=str(go))
    await desk.composer.ask(recording_id, {})
    await desk.reaches(recording_id, "running")
    assert desk.composer.cancel(recording_id)
    assert (await desk.composer.ask(recording_id, {})).state == "waiting"
    assert (await desk.composer.ask(recording_id, {})).state == "waiting"
    go.touch()
    await desk.reaches(recording_id, "done")
    await asyncio.wait_for(desk.rig.vault.intake.idle(), 20)
    assert await desk.rig.read(recording_id, FILE) == b"together " + FILM[:100] + b"['--customer=', '--agent=']"


async def test_progress_that_is_told_after_nobody_wants_it_is_not_shown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on its way through the event loop while the job is cancelled, and would stay for ever."""
    tells: list[Callable[[float], None]] = []

    async def run(command: object, *, timeout_s: float, on_progress: Callable[[float], None]) -> None:
        tells.append(on_progress)
        await asyncio.Event().wait()

    monkeypatch.setattr(composing, "run_job", run)
    recording_id = await desk.kept()
    await desk.composer.ask(recording_id, {})

    async def has_begun() -> bool:
        return bool(tells)

    await desk.until(has_begun)
    assert desk.composer.cancel(recording_id)
    tells[0](0.5)
    assert await desk.composer.state(recording_id) is None


async def test_a_recording_that_is_erased_while_it_is_composed_stays_erased(desk: Desk, tmp_path: Path) -> None:
    """What was made of it used to be sealed with a new key and brought to the store, behind the receipt's back."""
    go = tmp_path / "go"
    recording_id = await desk.kept(until=str(go))
    await desk.composer.ask(recording_id, {})
    await desk.reaches(recording_id, "running")
    record = await desk.rig.rows.get(recording_id)
    assert record is not None
    await desk.rig.vault.erasing.erase([record], subject=recording_id, by="admin", reason="asked for")
    go.touch()
    await desk.reaches(recording_id, "failed")
    await asyncio.wait_for(desk.rig.vault.intake.idle(), 20)
    assert await desk.rig.records.key(recording_id) is None
    assert not await desk.rig.vault.names(recording_id)
    assert not desk.rig.folder(recording_id).exists()


async def test_nothing_is_said_to_be_done_of_a_recording_that_was_erased(desk: Desk) -> None:
    recording_id = await desk.kept()
    await desk.composer.ask(recording_id, {})
    await desk.reaches(recording_id, "done")
    await asyncio.wait_for(desk.rig.vault.intake.idle(), 20)
    record = await desk.rig.rows.get(recording_id)
    assert record is not None
    await desk.rig.vault.erasing.erase([record], subject=recording_id, by="admin", reason="asked for")
    assert await desk.composer.state(recording_id) is None


async def test_a_job_that_fails_says_so_and_can_be_asked_for_again(desk: Desk) -> None:
    recording_id = await desk.kept(exit=4)
    await desk.composer.ask(recording_id, {})
    await desk.reaches(recording_id, "failed")
    found = await desk.composer.state(recording_id)
    assert found is not None
    assert found.code == "compose_failed"

    async def is_taken_up() -> bool:
        return (await desk.composer.ask(recording_id, {})).state != "failed"

    await desk.until(is_taken_up)


async def test_a_recording_that_is_not_there_is_not_composed(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.composer.ask(RecordingId("rc_nobody00000"), {})


async def test_what_a_dead_process_had_made_and_not_sealed_is_sealed_at_the_start(desk: Desk) -> None:
    """The recording itself is in the store, and signed: nobody else would look into its folder again."""
    recording_id = await desk.kept()
    folder = desk.rig.folder(recording_id)
    folder.mkdir()
    (folder / FILE).write_bytes(b"together")
    await desk.composer.start()
    await asyncio.wait_for(desk.rig.vault.intake.idle(), 20)
    assert not folder.exists()
    assert await desk.rig.read(recording_id, FILE) == b"together"


async def test_what_a_dead_process_left_plain_is_removed_at_the_start(desk: Desk) -> None:
    (desk.work / "rc_left").mkdir(parents=True)
    (desk.work / "rc_left" / "recording.webm").write_bytes(FILM)
    await desk.composer.start()
    assert not desk.work.exists()
