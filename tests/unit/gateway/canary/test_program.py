"""A program that a canary starts says what it says at once, and is gone when it should be."""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.canary import program
from gateway.canary.program import ProgramEndedError, running
from tests.support.product import children
from tests.support.servers import until


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_its_words_are_heard_line_by_line_while_it_runs(tmp_path: Path) -> None:
    heard: list[str] = []
    python = ("python3", "-c", "import time; print('one'); print('x' * 9000); print('two'); time.sleep(60)")
    async with running("talker", python, tmp_path, screen=True) as talker:  # python too writes a pipe in blocks
        talker.on_line(heard.append)
        await talker.until(lambda: "two" in heard, 20)
        assert [line[:3] for line in heard] == ["one", "xxx", "two"]
        assert len(heard[1]) <= 4096
        pid = talker.pid
    assert not is_there(pid)


async def test_one_that_does_not_hear_sigterm_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "STOP_S", 0.1)
    heard: list[str] = []
    shell = ("sh", "-c", "trap '' TERM; sleep 60 & echo $!; while :; do sleep 1; done")
    async with running("deaf", shell, tmp_path, screen=True) as deaf:
        deaf.on_line(heard.append)
        await deaf.until(lambda: bool(heard), 20)
        pid = deaf.pid
    assert not is_there(pid)
    await until(lambda: is_over(int(heard[0])), what="the child of the program is gone")


def is_over(pid: int) -> bool:
    """Gone, or ended and nobody has asked how: whose child it became does not matter here."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_one_that_ends_at_once_says_why(tmp_path: Path) -> None:
    shell = ("sh", "-c", "echo the port is taken >&2; exit 1")
    with pytest.raises(ProgramEndedError, match="ended at once: the port is taken"):
        async with running("short", shell, tmp_path, screen=False) as short:
            await short.until(lambda: False, 20)


async def test_one_that_is_never_ready_is_given_up_and_ended(tmp_path: Path) -> None:
    async with running("slow", ("sleep", "60"), tmp_path, screen=True) as slow:
        with pytest.raises(TimeoutError):
            await slow.until(lambda: False, 0.05)
    assert not is_there(slow.pid)


async def test_one_that_can_not_be_started_is_told_and_leaves_no_terminal_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ProgramEndedError, match="can't be started"):
        async with running("none", ("/nowhere/none",), tmp_path, screen=True):
            pass
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("turns", range(1, 10))
async def test_one_whose_start_is_cut_short_leaves_no_terminal_and_no_process(tmp_path: Path, turns: int) -> None:
    files, processes = len(os.listdir("/proc/self/fd")), children()

    async def run() -> None:
        async with running("talker", ("sleep", "60"), tmp_path, screen=True):
            await asyncio.Event().wait()

    canary = asyncio.create_task(run())
    for _ in range(turns):
        await asyncio.sleep(0)
    canary.cancel()
    await asyncio.gather(canary, return_exceptions=True)
    assert children() == processes
    assert len(os.listdir("/proc/self/fd")) == files
