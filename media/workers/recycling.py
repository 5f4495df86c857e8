"""Processes that have served enough calls are replaced by new ones, one at a time, once their last call is over."""

from collections.abc import Sequence

from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.workers.placement import Book
from media.workers.process import WorkerProcess
from media.workers.supervise import Slot

_log = get_logger("media.workers")


class Recycling:
    """Of one pool. `after_calls`: a process has served enough then; 0: never."""

    def __init__(self, slots: Sequence[Slot], book: Book, tasks: Supervisor, *, after_calls: int) -> None:
        self._slots = slots
        self._book = book
        self._tasks = tasks
        self._after_calls = after_calls

    def retire_some(self) -> None:
        """One process at a time is emptied, and only while there is another to take the calls."""
        if not self._after_calls or any(slot.retiring for slot in self._slots):
            return
        for slot in self._slots:
            if slot.up and slot.served >= self._after_calls:
                slot.retiring = any(other.up for other in self._slots if other is not slot)
                if slot.retiring:
                    _log.info("worker.retiring", worker=slot.name, calls=slot.served)
                return

    def retire_empty(self, process: WorkerProcess) -> None:
        """Something of the process is over: when that was the last of it, and it has served enough, it is replaced."""
        slot = next((slot for slot in self._slots if slot.process is process), None)
        if slot is None or not self._after_calls or slot.served < self._after_calls:
            return
        if slot.up and self._book.empty(process):
            _ = self._tasks.spawn(slot.retire(), name=f"retire:{slot.name}")
