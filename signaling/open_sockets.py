"""The sockets open on this node: counted, bounded, and ended when the sign-in behind them is."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.base.errors import CapacityExceeded, TooManyRequests
from signaling.socket import Socket

SILENT_PER_ADDRESS: Final = 100  # upgraded but no hello yet: a burst of real visitors behind one address fits
_RETRY_AFTER_S: Final = 10


class OpenSockets:
    """Policy for *full*: a new socket is refused before the upgrade, with a time to come back; no old one suffers."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open: set[Socket] = set()
        self._silent: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Socket]:
        return iter(list(self._open))

    def check_room(self, address: str) -> None:
        """Raises CapacityExceeded (`too_many_sockets`) or TooManyRequests (`too_many_silent_sockets`)."""
        if len(self._open) >= self._limit:
            raise CapacityExceeded(
                "too_many_sockets", "Too many people are connected. Try again soon.", retry_after_s=_RETRY_AFTER_S
            )
        if self._silent[address] >= SILENT_PER_ADDRESS:
            raise TooManyRequests(
                "too_many_silent_sockets", "Too many connections that say nothing.", retry_after_s=_RETRY_AFTER_S
            )

    @contextmanager
    def hold(self, socket: Socket, address: str) -> Iterator[None]:
        """Count `socket` while it lives, and as silent until it is welcomed."""
        self._open.add(socket)
        self._silent[address] += 1
        spoken = False

        def welcomed() -> None:
            nonlocal spoken
            if not spoken:
                spoken = True
                self._silent[address] -= 1
                if self._silent[address] <= 0:
                    del self._silent[address]

        socket.on_welcome = welcomed
        try:
            yield
        finally:
            welcomed()
            self._open.discard(socket)

    def cut_signed_out(self, sign_in: str) -> None:
        """End the sockets that were opened with this sign-in."""
        for socket in self:
            if socket.sign_in == sign_in:
                socket.cut("signed_out", "You signed out.")
