"""A fuzzer for pure targets: mutates what reached something new, and keeps whatever breaks a promise as a seed.

Guided in two ways: an input whose outcome (a word the target returns) was never seen is kept, and one run in sixteen is
traced line by line, to keep what reached a line that nothing reached before. It knows no protocol; targets are in
`tests.support.fuzz_targets`, the inputs that every run begins with in `tests/seeds/<target>/`.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

SEEDS = Path(__file__).parents[1] / "seeds"
MAX_CORPUS = 2_000
MAX_BYTES = 24_000
TRACED_ONE_IN = 16

_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 200, 201, 205, 206, 250, 255)


class PromiseBroken(AssertionError):
    """The target let something escape. The text names the file that holds the input."""


@dataclass(slots=True)
class Target:
    """Something that takes bytes. `run` returns a word for what it did and raises for a broken promise."""

    name: str
    run: Callable[[bytes], str]
    watched: tuple[str, ...]
    """Parts of paths: only the lines of these files count as reached."""
    words: tuple[bytes, ...] = ()
    """What its inputs are made of, to be put in as a whole."""
    repair: Callable[[bytes, Random], bytes] | None = None
    """Makes lengths and checksums right again, so that mutations get behind the first gate. Used half of the time."""

    @property
    def seeds(self) -> list[bytes]:
        """What is kept for it, in a stable order."""
        return [path.read_bytes() for path in sorted((SEEDS / self.name).iterdir())]


@dataclass(slots=True)
class Report:
    runs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    corpus: int = 0


def fuzz(target: Target, random: Random, going_on: Callable[[int], bool], broken: Path | None = None) -> Report:
    """Run `target` on its seeds, then on mutations while `going_on(runs)`. Raises PromiseBroken at the first failure.

    The failing input is written to `broken` (the target's seeds by default), so that every later run begins with it.
    """
    report = Report()
    reached: set[tuple[CodeType, int]] = set()
    corpus: list[bytes] = []

    def attempt(data: bytes, *, traced: bool) -> bool:
        """Whether the input did anything new."""
        report.runs += 1
        before = len(reached)
        try:
            outcome = _traced(target, data, reached) if traced else target.run(data)
        except Exception as error:
            folder = broken or SEEDS / target.name
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"broken-{sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            raise PromiseBroken(f"{target.name}: {type(error).__name__}: {error}; the input is in {path}") from error
        report.outcomes[outcome] += 1
        return report.outcomes[outcome] == 1 or len(reached) > before

    for seed in target.seeds:
        attempt(seed, traced=True)
        corpus.append(seed)
    if not corpus:
        raise ValueError(f"there are no seeds for {target.name} in {SEEDS / target.name}")
    while going_on(report.runs):
        data = mutated(random.choice(corpus), random.choice(corpus), target.words, random)
        if target.repair is not None and random.random() < 0.5:
            data = target.repair(data, random)
        if attempt(data, traced=report.runs % TRACED_ONE_IN == 0):
            corpus.append(data)
            if len(corpus) > MAX_CORPUS:
                del corpus[random.randrange(len(corpus))]
    report.lines = len(reached)
    report.corpus = len(corpus)
    return report


def mutated(data: bytes, other: bytes, words: tuple[bytes, ...], random: Random) -> bytes:
    """One to six small accidents."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        at = random.randrange(len(out) + 1)
        match random.randrange(9):
            case 0 if out:
                out[at % len(out)] ^= 1 << random.randrange(8)
            case 1 if out:
                out[at % len(out)] = random.choice(_NUMBERS)
            case 2:
                del out[at : at + random.choice((1, 2, 4, 16, 200))]
            case 3:
                out[at:at] = random.randbytes(random.choice((1, 2, 4, 16)))
            case 4:
                out[at:at] = out[at : at + random.choice((1, 4, 12, 64))] * random.choice((1, 2, 30))
            case 5:
                start = random.randrange(len(other) + 1)
                out[at:at] = other[start : start + random.choice((4, 16, 64, 400))]
            case 6:
                del out[at:]
            case 7 if words:
                out[at:at] = random.choice(words)
            case _:
                size = random.choice((1, 2, 4))
                out[at : at + size] = random.choice((b"\x00", b"\x7f", b"\x80", b"\xff")) * size
    return bytes(out[:MAX_BYTES])


def _traced(target: Target, data: bytes, reached: set[tuple[CodeType, int]]) -> str:
    """Run with every line of the watched files noted. Whatever traced before (a debugger) is put back."""

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            reached.add((frame.f_code, frame.f_lineno))
        return local

    def called(frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        return local if any(part in path for part in target.watched) else None

    before = sys.gettrace()
    sys.settrace(called)
    try:
        return target.run(data)
    finally:
        sys.settrace(before)


def runs(count: int) -> Callable[[int], bool]:
    """Go on for that many runs."""
    return lambda done: done < count


def seconds(count: float, now: Callable[[], float]) -> Callable[[int], bool]:
    """Go on for that long, looking at the clock now and then."""
    end = now() + count
    return lambda done: bool(done % 64) or now() < end
