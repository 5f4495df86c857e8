"""Who may open our panel for a task at their desktop, and what it means that they do.

What a claim is made of is `Panels`'; that the contact goes to whoever is here is `moves`'.
"""

from collections.abc import Mapping, Sequence

from gateway.acd.passes import PanelSeat
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.hearing import Teller
from gateway.acd.tasks.moves import come, next_one
from gateway.acd.tasks.ports import Letter, Panels
from gateway.acd.tasks.requests import NO_CLAIM
from gateway.acd.tasks.task import IN_CALL, Said, Task


class Seats:
    """Of one ACD. `panels` None: its desktop opens none. A claim lasts `lasts_s`."""

    def __init__(self, *, acd: str, panels: Panels | None, lasts_s: float, book: TaskBook, teller: Teller) -> None:
        self._acd = acd
        self._panels = panels
        self._lasts_s = lasts_s
        self._book = book
        self._teller = teller

    def claim(self, letter: Letter) -> Mapping[str, object]:
        """What the agent's desktop opens our panel with; nothing when the task is somebody else's by now."""
        task = self._book.get(letter.contact_id)
        if self._panels is None or task is None or task.phase not in IN_CALL:
            return NO_CLAIM
        offered = [(task.offer_id, task.agent)]
        if task.coming is not None:
            offered.append((task.coming.offer_id, task.coming.agent))
        for offer_id, agent in offered:
            if offer_id is None or agent is None or agent.agent_id is None:
                continue
            if offer_id == letter.data.get("offer_id"):
                contact_id = task.offer.contact_id
                seat = PanelSeat(acd=self._acd, contact_id=contact_id, agent_id=agent.agent_id, offer_id=offer_id)
                return self._panels.claim(seat, self._lasts_s)
        return NO_CLAIM

    def opens(self, seat: PanelSeat) -> bool:
        """The claim of this seat is shown. True: the ACD gives the contact to its agent, who has it from now on."""
        task = self._book.get(seat.contact_id)
        if task is None or task.coming is None or task.coming.offer_id != seat.offer_id or not task.confirmed:
            return False
        return self._tell(task, come(task))

    def goes_to_the_next(self, task: Task) -> bool:
        """Whether the ACD gives it to another agent already, now that whoever had it is lost."""
        return self._tell(task, next_one(task))

    def _tell(self, task: Task, said: Sequence[Said]) -> bool:
        """What the ACD had said before, and counts now; whether it is anything."""
        for each in said:
            self._teller.tell(task, each.body, None)
        if said:
            self._book.changed(task)
        return len(said) > 0
