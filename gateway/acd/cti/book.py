"""Which call an event is of: calls by correlation id, and by the ACD's own names of channels, learnt from it. Pure.

The correlation id comes with the call (`X-Video-Contact-Id`) and is read where the ACD shows it. Everything else an ACD
says of the call names a channel or a queue member; those names are learnt together with the id.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from gateway.acd.correlation import read_correlation
from gateway.acd.cti.call import Call, CallState
from gateway.base.ids import OfferId

MAX_CALLS: Final = 10_000
"""Calls kept, other systems' that carry an id of that shape included. When full the one silent for longest goes."""

MAX_NAMES: Final = 16
"""The ACD's names of one call; a call that is transferred again and again gets no further ones."""

FORGET_S: Final = 900.0
"""An ended call is kept that long for its after-call work."""


class CallBook:
    """Bounded; a call is forgotten some time after its end."""

    def __init__(self, new_offer_id: Callable[[], OfferId]) -> None:
        self._new_offer_id = new_offer_id
        self._calls: OrderedDict[str, tuple[Call, float]] = OrderedDict()  # the longest silent first
        self._by_name: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        self.evicted = 0  # calls that were not over

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter([call for call, _ in self._calls.values()])

    def get(self, correlation: str) -> Call | None:
        entry = self._calls.get(correlation)
        return entry[0] if entry else None

    def learn(self, correlation: str, *names: str, now_s: float) -> Call | None:
        """The call with that id, which the ACD also knows by these names. None when no id looks like that."""
        read = read_correlation(correlation)
        if read is None:
            return None
        correlation = read
        entry = self._calls.get(correlation)
        if entry is None:
            self._make_room(now_s)
            call = Call(correlation, self._new_offer_id)
            self._names[correlation] = []
        else:
            call = entry[0]
        self._calls[correlation] = (call, now_s)
        self._calls.move_to_end(correlation)
        known = self._names[correlation]
        for name in names:
            if name and len(known) < MAX_NAMES and self._free(name):
                self._by_name[name] = correlation
                known.append(name)
        return call

    def _free(self, name: str) -> bool:
        """Nobody's, or that of a call that is over: an agent's channel may outlive the call."""
        owner = self._by_name.get(name)
        if owner is None:
            return True
        if self._calls[owner][0].state is not CallState.ENDED:
            return False
        self._names[owner].remove(name)
        return True

    def find(self, *names: str) -> Call | None:
        """The call that is known by one of these, the first that is."""
        for name in names:
            correlation = self._by_name.get(name) if name else None
            if correlation is not None:
                return self._calls[correlation][0]
        return None

    def names_of(self, correlation: str) -> tuple[str, ...]:
        return tuple(self._names.get(correlation, ()))

    def forget(self, correlation: str) -> None:
        """No such call any more."""
        if self._calls.pop(correlation, None) is not None:
            for name in self._names.pop(correlation):
                del self._by_name[name]

    def _make_room(self, now_s: float) -> None:
        while self._calls:
            correlation, (call, touched_s) = next(iter(self._calls.items()))
            over = call.state is CallState.ENDED and now_s - touched_s > FORGET_S
            if not over and len(self._calls) < MAX_CALLS:
                return
            if call.state is not CallState.ENDED:
                self.evicted += 1
            self.forget(correlation)
