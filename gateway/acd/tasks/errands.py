"""What the ACD is told of a task, and what becomes of it: commands as letters, their answers, the end of each task.

A command never waits for the ACD. Which one is due is the port's or the ACD's to say (`adapter`, `hearing`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.acd.events import ExitReason, QueueExit, Rejected, RejectReason
from gateway.acd.port import AgentPosition, Phase
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.hearing import Teller
from gateway.acd.tasks.letters import NAMING, Letters
from gateway.acd.tasks.mapping import Command, TaskMapping
from gateway.acd.tasks.ports import Letter, LetterStore
from gateway.acd.tasks.requests import Reply, Requests
from gateway.acd.tasks.task import IN_CALL, IN_LINE, Task
from gateway.base.clock import Clock
from gateway.base.ids import ContactId
from gateway.config.acd_tasks import TaskAcdSettings

_AGENT_KEY: Final = "agent:"
_TELLING: Final = frozenset(Command) - {Command.CREATE, Command.UPDATE, Command.OFFERABLE, Command.AGENT_STATE}
"""Commands whose refusal says that the ACD may have the task otherwise than we think."""


class Errands:
    """Of one ACD. `on_open` as in `Letters`, which are its own. `forget_events`: those of this contact begin anew, or
    there will be none. `suspect`: the ACD refused what it should have taken. `told_all`: the last letter of that
    contact is delivered, or dead."""

    def __init__(
        self,
        *,
        settings: TaskAcdSettings,
        mapping: TaskMapping,
        requests: Requests,
        store: LetterStore | None,
        clock: Clock,
        node: str,
        book: TaskBook,
        teller: Teller,
        on_alarm: Callable[[str, str], None],
        on_open: Callable[[bool], None],
        forget_events: Callable[[ContactId], None],
        suspect: Callable[[], None],
        told_all: Callable[[ContactId], None],
    ) -> None:
        self._acd = settings.name
        self._mapping = mapping
        self._clock = clock
        self._book = book
        self._teller = teller
        self._on_alarm = on_alarm
        self._forget_events = forget_events
        self._suspect = suspect
        self._told_all = told_all
        self._agent_letters = 0
        self.letters = Letters(
            settings=settings,
            mapping=mapping,
            requests=requests,
            store=store,
            clock=clock,
            node=node,
            view=book.view,
            on_reply=self._replied,
            on_dead=self._died,
            on_done=self._taken,
            on_open=on_open,
            written=book.save,
        )

    # ------------------------------------------------------------ telling

    def post(self, task: Task, command: Command, **data: Any) -> bool:
        """Whether the ACD is told."""
        data = {**offered_to(task), **data}
        posted = self.letters.post(task.offer.contact_id, task.letters + 1, command, data, self._clock.now())
        task.letters += posted
        return posted

    def post_of_agent(self, ref: str, position: AgentPosition) -> None:
        """Where the agent stands whom the ACD calls `ref`."""
        self._agent_letters += 1
        data = {"agent": {"ref": ref, "state": position.state, "reason": position.reason or ""}}
        self.letters.post(_AGENT_KEY + ref, self._agent_letters, Command.AGENT_STATE, data, self._clock.now())

    def end(self, task: Task, reason: str) -> None:
        """Whom the ACD has not booked yet has nothing to end there."""
        self.post(task, Command.ENDED if task.booking is None else Command.CANCEL, reason=reason)

    def back_in_line(self, task: Task, command: Command, reason: str) -> None:
        """To the head of the queue: as the ACD does it, or as a new task where it knows no way back."""
        if task.phase is Phase.GONE:
            self.create_anew(task, reason)
        elif command in self._mapping.commands:
            self.post(task, command, reason=reason)
            task.in_line_again()
        elif Command.REQUEUE in self._mapping.commands:
            self.post(task, Command.REQUEUE, reason=reason)
            task.in_line_again()
        else:
            self.end(task, reason)
            self.post(task, Command.WRAPPED_UP, reason=reason)
            self.create_anew(task, reason)
        self._book.changed(task)

    def create_anew(self, task: Task, reason: str) -> None:
        """The same contact is a new task there, after all that is still to be told of the former one."""
        task.next_round()
        self._forget_events(task.offer.contact_id)
        self._book.add(task)
        self.post(task, Command.CREATE, reason=reason)

    def end_left_over(self, task: Task, reason: str) -> None:
        """Of an earlier process, unless that has said so."""
        contact_id = task.offer.contact_id
        booked = task.taken and task.booking is None
        last = Command.WRAPPED_UP if booked else Command.CANCEL
        if not self.letters.has(contact_id, last):
            if booked and not self.letters.has(contact_id, Command.ENDED):
                self.post(task, Command.ENDED, reason=reason)
            self.post(task, last, reason=reason)
        self.over(task)

    # ------------------------------------------------------------ ends

    def over(self, task: Task) -> None:
        """It is closed for us; it is forgotten when the ACD has been told."""
        task.phase = Phase.GONE
        contact_id = task.offer.contact_id
        if not self.letters.has(contact_id):
            self.forget(contact_id)

    def forget(self, contact_id: ContactId) -> None:
        self._forget_events(contact_id)
        self._book.forget(contact_id)

    # ------------------------------------------------------------ what becomes of letters

    def _replied(self, letter: Letter, reply: Reply) -> None:
        task = self._book.get(letter.contact_id)
        if task is None:
            return
        if letter.command in NAMING and reply.ref:
            self._book.name(task, reply.ref)
        if task.keep(reply.kept):
            self._book.changed(task)

    def _died(self, letter: Letter) -> None:
        self._on_alarm("letter_dead", f"The ACD {self._acd} was not told: {letter.command.value}, {letter.cause}.")
        task = self._book.get(letter.contact_id)
        if task is None:
            return
        if letter.command is Command.CREATE and task.phase in IN_LINE:
            refused = letter.cause.startswith("http_4")
            self._teller.tell(task, QueueExit(reason=ExitReason.REFUSED if refused else ExitReason.FAILED), None)
            task.phase = Phase.GONE
            self.over(task)
            self._delivered(letter)
            return
        took = letter.command is Command.ACCEPT and task.phase in IN_CALL and not task.confirmed
        if took and task.offer_id is not None:  # who talks already is not parted by it
            self._teller.tell(task, Rejected(offer_id=task.offer_id, reason=RejectReason.WITHDRAWN), None)
            task.in_line_again()
        if letter.command is Command.HANDED_OVER:
            task.booking = None  # it stays booked to whoever had it
        if letter.command in _TELLING:
            self._suspect()
        self._delivered(letter)

    def _taken(self, letter: Letter) -> None:
        """The ACD has taken it."""
        task = self._book.get(letter.contact_id)
        booking = task.booking if task is not None else None
        if task is not None and booking is not None and letter.command is Command.ACCEPT:
            offered = letter.data.get("offer")
            if isinstance(offered, Mapping) and offered.get("reservation") == booking.reservation:
                task.booking = None
                self._book.changed(task)
        self._delivered(letter)

    def _delivered(self, letter: Letter) -> None:
        """Or dead: if it was the last of its task, there is nothing to wait for."""
        if self.letters.has(letter.contact_id):
            return
        task = self._book.get(letter.contact_id)
        if task is not None and task.phase is Phase.GONE:
            self.forget(task.offer.contact_id)
        self._told_all(ContactId(letter.contact_id))


def offered_to(task: Task) -> dict[str, Any]:
    """Whose reservation stands, as templates see it."""
    ref = task.agent.ref if task.agent is not None else ""
    return {"offer": {"reservation": task.reservation, "agent": ref}}
