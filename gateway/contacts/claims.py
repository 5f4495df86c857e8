"""Which waiting video a short id leads to, and who has tried too many that lead nowhere.

An id is of one contact, is made when the ACD that carries the voice gets it, and ends with the call. The node keeps
them in memory: a contact never outlives its node. Guessing is answered by waiting, and told.
"""

from collections import OrderedDict, deque
from typing import Final

from gateway.acd.correlation import new_correlation, read_correlation
from gateway.base.clock import Clock
from gateway.base.errors import NotFound, StateConflict, TooManyRequests
from gateway.base.ids import AgentId, ContactId

OVER_LIMIT: Final = 1000
"""Ended ids that are remembered, so that a late screen pop is told that the call is over. The oldest is forgotten."""

WINDOW_S: Final = 60.0
ADDRESS_FACTOR: Final = 10
"""From one address so many times as much is allowed as to one agent: a whole center may sit behind it."""

SOURCES_LIMIT: Final = 2000
"""Agents and addresses whose failures are remembered. Full: the one that failed longest ago is forgotten."""


class Claims:
    """The ids of one node."""

    def __init__(self, clock: Clock, attempts: int) -> None:
        self._clock = clock
        self._attempts = attempts
        self._open: dict[str, ContactId] = {}
        self._of: dict[ContactId, str] = {}
        self._over: OrderedDict[str, None] = OrderedDict()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, contact_id: ContactId) -> str:
        """The id of the contact: a new one, or the one that it has."""
        known = self._of.get(contact_id)
        if known is not None:
            return known
        correlation = new_correlation(self._open.keys() | self._over.keys())
        self._open[correlation] = contact_id
        self._of[contact_id] = correlation
        return correlation

    def end(self, contact_id: ContactId) -> None:
        """The id leads nowhere any more; a contact without one is no error."""
        correlation = self._of.pop(contact_id, None)
        if correlation is None:
            return
        del self._open[correlation]
        self._over[correlation] = None
        if len(self._over) > OVER_LIMIT:
            self._over.popitem(last=False)

    def find(self, agent_id: AgentId, text: str, address: str = "") -> ContactId:
        """The contact of an id as a page sent it or a person typed it.

        NotFound (`claim_unknown`), StateConflict (`claim_over`), TooManyRequests (`claim_limited`) after too many
        that lead nowhere: also a right one waits then.
        """
        now = self._clock.monotonic()
        sources = {f"agent {agent_id}": self._attempts}
        if address:
            sources[f"address {address}"] = self._attempts * ADDRESS_FACTOR
        for source, allowed in sources.items():
            self._check(source, allowed, now)
        correlation = read_correlation(text)
        if correlation is not None and correlation in self._open:
            return self._open[correlation]
        if correlation is not None and correlation in self._over:
            raise StateConflict("claim_over", "This call is over.")
        for source in sources:
            self._failed(source, now)
        raise NotFound("claim_unknown", "No call waits under this id.")

    def _check(self, source: str, allowed: int, now: float) -> None:
        failures = self._failures.get(source)
        if failures is None:
            return
        while failures and failures[0] <= now - WINDOW_S:
            failures.popleft()
        if len(failures) >= allowed:
            wait_s = int(failures[0] + WINDOW_S - now) + 1
            raise TooManyRequests("claim_limited", "Too many ids that lead nowhere: wait.", retry_after_s=wait_s)

    def _failed(self, source: str, now: float) -> None:
        self._failures.setdefault(source, deque()).append(now)
        self._failures.move_to_end(source)
        if len(self._failures) > SOURCES_LIMIT:
            self._failures.popitem(last=False)
