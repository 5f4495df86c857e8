"""The hands that a real ACD needs: what a person is asked to do at an agent's phone or desktop, and who asks.

A simulator obeys; at a real ACD somebody has to answer, decline and hang up. Scenarios that need nobody run by
themselves, those that need a hand ask for it, and what no hand can do is left to the simulator.
"""

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Mapping
from typing import Final, Protocol

from rich.console import Console
from rich.markup import escape

from gateway.acd.kit.stand import Act, Hand
from gateway.base.errors import SetupError

BY_HAND: Final[Mapping[Act, str]] = {
    Act.READY: "Make {agent} ready at the ACD",
    Act.NOT_READY: "Make {agent} not ready at the ACD (a pause, a break)",
    Act.CRASH: "Take {agent} away without a word: unplug the phone, or end the desktop without signing off",
    Act.ANSWER: "Answer the call at the phone of {agent} now",
    Act.REJECT: "Decline the call at the phone of {agent} now",
    Act.RING_OUT: "Let it ring at {agent} and do not answer, until the ACD gives up",
    Act.HANG_UP: "Hang up at the phone of {agent} now",
    Act.HOLD: "Put the customer on hold at the phone of {agent} now",
    Act.RESUME: "Take the customer back from hold at the phone of {agent} now",
    Act.MOVE: "Transfer the call to {agent} at the phone that has it now",
    Act.WRAP_UP: "Begin after-call work as {agent}",
    Act.WRAP_UP_DONE: "End the after-call work of {agent}",
}
"""What a person can do, in words. The rest is asked of simulators only."""

SKIP: Final = "s"
_READ_BYTES: Final = 4096


class NoHand(Exception):
    """Nobody did what the scenario needs: it says nothing about the adapter. The text is for people."""


class Hands(Protocol):
    """Somebody at the ACD."""

    @property
    def there(self) -> bool:
        """Whether anybody is: otherwise nothing that needs a hand is begun."""
        ...

    async def do(self, act: Act, text: str) -> None:
        """Have it done. Returns when it is. NoHand."""
        ...


class NoHands:
    """`--unattended`."""

    there = False

    async def do(self, act: Act, text: str) -> None:
        raise NoHand(f"needs a hand: {act.value}")


class PersonHands:
    """Asks on the terminal and waits for Enter, no longer than `patience_s`."""

    there = True

    def __init__(self, console: Console, patience_s: float, fd: int) -> None:
        self._console = console
        self._patience_s = patience_s
        self._fd = fd

    async def do(self, act: Act, text: str) -> None:
        with contextlib.suppress(termios.error):  # no terminal: a pipe keeps what it was given
            termios.tcflush(self._fd, termios.TCIFLUSH)  # an Enter that came too late is no answer to this
        self._console.print(
            f"[bold]{escape(text)}[/], then press Enter. [dim]{SKIP} and Enter leaves the scenario out; "
            f"so does waiting for {self._patience_s:g} s.[/]"
        )
        try:
            async with asyncio.timeout(self._patience_s):
                line = await _typed(self._fd)
        except TimeoutError:
            raise NoHand(f"nobody did this within {self._patience_s:g} s: {act.value}") from None
        if not line:
            raise NoHand(f"nobody is there any more: {act.value}")
        if line.strip().lower() == SKIP:
            raise NoHand(f"left out by whoever was asked: {act.value}")


def hands(*, unattended: bool, console: Console, patience_s: float) -> Hands:
    """SetupError (`kit_no_terminal`) when somebody is to be asked and nobody can be."""
    if unattended:
        return NoHands()
    if not sys.stdin.isatty():
        raise SetupError(
            "kit_no_terminal", "Standard input is no terminal, so nobody can be asked to do anything: add --unattended."
        )
    return PersonHands(console, patience_s, sys.stdin.fileno())


def not_by_itself(
    needs: frozenset[Act], hand: Hand, ours: frozenset[Act], *, serving: frozenset[Act], there: bool
) -> str | None:
    """Why a scenario is not run at a real ACD; None when it is.

    `ours`: acts that are done on our side. `serving`: what must be done by hand for an agent to serve a contact.
    """
    foreign = sorted(act.value for act in needs - ours if act not in BY_HAND)
    if foreign or hand is Hand.SIMULATOR:
        return f"simulator only: {', '.join(foreign) or 'so many contacts at once'}"
    wanted = (needs - ours) | (serving if hand is Hand.AGENT else frozenset())
    return f"needs a hand: {', '.join(sorted(wanted))}" if wanted and not there else None


async def _typed(fd: int) -> str:
    """One line; empty when the input has ended."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def readable() -> None:
        loop.remove_reader(fd)
        if not line.done():
            line.set_result(os.read(fd, _READ_BYTES).decode("utf-8", "replace"))

    loop.add_reader(fd, readable)
    try:
        return await line
    finally:
        loop.remove_reader(fd)
