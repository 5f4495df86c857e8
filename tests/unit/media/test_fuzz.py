"""A short fuzz of every parser on each run, beginning with all that ever mattered; `make bench` has the long one."""

from pathlib import Path
from random import Random

import pytest

from tests.support.fuzz_targets import TARGETS, target
from tests.support.fuzzing import PromiseBroken, Target, fuzz, runs

ENOUGH = 4_000


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_what_is_promised_comes_out(name: str, tmp_path: Path) -> None:
    report = fuzz(target(name), Random(20), runs(ENOUGH), broken=tmp_path)
    assert report.runs >= ENOUGH
    assert report.corpus > len(target(name).seeds), "nothing new was reached: the fuzzer does not get into the parser"


def test_an_input_that_breaks_a_promise_is_found_and_kept(tmp_path: Path) -> None:
    def fragile(data: bytes) -> str:
        if data[:1] == b"\x00" and len(data) < 60:
            raise IndexError("index out of range")
        return "short" if len(data) < 60 else "long"

    with pytest.raises(PromiseBroken, match="stun: IndexError") as found:
        fuzz(Target("stun", fragile, ()), Random(1), runs(ENOUGH), broken=tmp_path)
    kept = next(tmp_path.iterdir())
    assert kept.name in str(found.value)
    with pytest.raises(IndexError):
        fragile(kept.read_bytes())


def test_a_line_that_was_never_reached_keeps_the_input_that_reached_it(tmp_path: Path) -> None:
    """Guided by lines: each byte of the word is a line of its own, which luck alone would hardly put together."""

    def deep(data: bytes) -> str:
        for place, letter in enumerate(b"STUN"):
            if data[place : place + 1] != bytes((letter,)):
                return "no"
            if place == 0:
                _ = 0
            if place == 1:
                _ = 1
            if place == 2:
                _ = 2
        raise LookupError("all four")

    with pytest.raises(PromiseBroken, match="all four"):
        fuzz(Target("stun", deep, ("test_fuzz",), (b"S", b"T", b"U", b"N")), Random(4), runs(400_000), broken=tmp_path)
