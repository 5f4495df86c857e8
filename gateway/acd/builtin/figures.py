"""What our own ACD tells of itself, for whoever counts."""

from typing import Protocol

from gateway.acd.events import ExitReason


class RoutingFigures(Protocol):
    """Seconds throughout."""

    def decided(self, took_s: float) -> None:
        """A decision over all lines was made."""
        ...

    def answered(self, queue: str, waited_s: float, *, in_time: bool, off_by_s: float | None) -> None:
        """An agent accepted a contact, and has it; once a contact, `waited_s` until it was accepted. `in_time` by the
        queue's service level; `off_by_s`: how much longer it took than the first estimate said, None where none was
        told."""
        ...

    def left(self, queue: str, reason: ExitReason, to: str) -> None:
        """A contact left the line unserved: `to` a queue's id, `closed` or `callback`."""
        ...

    def callback(self, queue: str, what: str) -> None:
        """A kept place: `kept`, `due` (the customer is called), `taken`, `lapsed`, `given_up`."""
        ...


class NoFigures:
    """Nobody counts."""

    def decided(self, took_s: float) -> None:
        pass

    def answered(self, queue: str, waited_s: float, *, in_time: bool, off_by_s: float | None) -> None:
        pass

    def left(self, queue: str, reason: ExitReason, to: str) -> None:
        pass

    def callback(self, queue: str, what: str) -> None:
        pass
