"""What the ACD believes of our tasks: asked when somebody wants to know, and of a few of them now and then.

An ACD that lost everything, or whose webhooks did not arrive, says nothing of it: only looking shows that. What follows
of a difference is not decided here; `on_doubt` is told that there may be one, and whoever hears it asks of all.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.acd.events import AcdRef
from gateway.acd.port import ContactSnapshot, CutCause, Phase
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.letters import Letters
from gateway.acd.tasks.mapping import Command, TaskMapping
from gateway.acd.tasks.requests import Refused
from gateway.acd.tasks.task import IN_LINE, Task
from gateway.acd.tasks.templates import TemplateFault
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.base.tasks import cancel_and_wait

_log = get_logger("acd.tasks")

AT_ONCE: Final = 4
PROBED_LEAST: Final = 4
PROBED_SHARE: Final = 20
"""In one round every so-many-th task is looked at, those that were looked at longest ago first."""

DOUBT_PAUSE_S: Final = 10.0
"""Between two doubts that come from refused commands: an ACD that refuses all of them is not asked without end."""

_GONE: Final = frozenset({"http_404", "http_410"})


def is_gone(cause: str) -> bool:
    """Whether a refusal says that the ACD does not have the task."""
    return cause.split(" ")[0] in _GONE


class Looking:
    """`every_s`: between two rounds; 0: no rounds."""

    def __init__(
        self,
        *,
        acd: str,
        mapping: TaskMapping,
        letters: Letters,
        book: TaskBook,
        clock: Clock,
        every_s: float,
        data: Callable[[Task], dict[str, Any]],
        on_doubt: Callable[[CutCause], None],
    ) -> None:
        self._acd = acd
        self._mapping = mapping
        self._letters = letters
        self._book = book
        self._clock = clock
        self._every_s = every_s
        self._data = data
        self._on_doubt = on_doubt
        self._later: set[ContactId] = set()  # asked of while letters of theirs were on their way
        self._probed: dict[ContactId, None] = {}  # longest ago first
        self._doubted: dict[ContactId, tuple[Phase, Phase]] = {}  # what a round found, and has told
        self._suspects = asyncio.Event()
        self._answers = False  # it has said once how far a task is: then "not found" says something too

    # ------------------------------------------------------------ asked

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        """Asked of the ACD where its mapping says how; otherwise what it told last. PortFailure."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def look(ref: AcdRef) -> ContactSnapshot:
            async with gate:
                return await self._look(ref)

        looks = [asyncio.ensure_future(look(ref)) for ref in refs]
        try:
            return await asyncio.gather(*looks)
        finally:  # the others are not asked about any more, once one fails
            await cancel_and_wait(*looks)

    async def _look(self, ref: AcdRef) -> ContactSnapshot:
        contact_id = ContactId(ref)
        task = self._book.get(contact_id) or self._book.closed(contact_id)
        if task is None:
            return ContactSnapshot(contact_id=contact_id, acd_ref=ref, phase=Phase.GONE)
        phase = task.phase
        if self._letters.has(contact_id):
            self._later.add(contact_id)
        elif not task.awaits_ref:
            phase = await self._theirs(task) or task.phase
        return ContactSnapshot(contact_id=contact_id, acd_ref=ref, phase=phase, agent=task.agent)

    async def _theirs(self, task: Task) -> Phase | None:
        """How far the ACD says it is; None when it does not say."""
        if Command.LOOK not in self._mapping.commands:
            return None
        try:
            reply = await self._letters.ask(task.offer.contact_id, Command.LOOK, self._data(task))
        except Refused as refusal:
            if is_gone(refusal.cause):
                return Phase.GONE
            _log.warning("acd.look_refused", acd=self._acd, cause=refusal.cause)
            return None
        except TemplateFault as fault:
            _log.warning("acd.look_failed", acd=self._acd, fault=fault.message)
            return None
        if reply.phase not in tuple(Phase):
            return None
        self._answers = True
        moving = task.coming is not None or task.booking is not None
        return task.phase if moving and reply.phase in IN_LINE else Phase(reply.phase)  # it rings at the next agent

    # ------------------------------------------------------------ doubts

    def told_all(self, contact_id: ContactId) -> None:
        """The last letter of that contact is delivered, or dead."""
        if contact_id in self._later:
            self._later.discard(contact_id)
            if not self._later:
                self._on_doubt(CutCause.UNKNOWN)

    def suspect(self) -> None:
        """The ACD refused what it should have taken."""
        self._suspects.set()

    async def follow_suspicions(self) -> None:
        """Until cancelled."""
        while True:
            await self._suspects.wait()
            self._suspects.clear()
            self._on_doubt(CutCause.UNKNOWN)
            await self._clock.sleep_until(self._clock.monotonic() + DOUBT_PAUSE_S)

    # ------------------------------------------------------------ rounds

    async def go_round(self) -> None:
        """Until cancelled."""
        while self._every_s > 0 and Command.LOOK in self._mapping.commands:
            await self._clock.sleep_until(self._clock.monotonic() + self._every_s)
            if not self._letters.is_open:  # when the breaker closes, all are asked of anyway
                try:
                    await self._round()
                except PortFailure as failure:
                    _log.info("acd.round_failed", acd=self._acd, code=failure.code)

    async def _round(self) -> None:
        known = {task.offer.contact_id: task for task in self._book.all()}
        self._probed = {each: None for each in self._probed if each in known}
        self._doubted = {each: pair for each, pair in self._doubted.items() if each in known}
        wanted = [each for each in known if each not in self._probed] + list(self._probed)
        for contact_id in wanted[: max(PROBED_LEAST, len(wanted) // PROBED_SHARE)]:
            self._probed.pop(contact_id, None)
            self._probed[contact_id] = None
            if await self._differs(known[contact_id]):
                self._on_doubt(CutCause.UNKNOWN)
                return

    async def _differs(self, task: Task) -> bool:
        contact_id, ours = task.offer.contact_id, task.phase
        if self._letters.has(contact_id) or task.awaits_ref or ours is Phase.GONE:
            return False
        theirs = await self._theirs(task)
        if theirs is None or not self._answers or task.phase is not ours or theirs is ours:
            return False
        if self._doubted.get(contact_id) == (ours, theirs):
            return False
        self._doubted[contact_id] = ours, theirs
        return True
