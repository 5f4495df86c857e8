"""What a complete recording of a contact would hold: per side and kind, from when to when the browser sent something.

Built from what the media engine tells about legs, written into `expected.json` for the finaliser to measure against.
Pauses are not in here: the capture's own markers say them. Pure.
"""

from collections.abc import Mapping
from typing import Any


class Expectation:
    """Intervals in Unix seconds on the media host. An open one ends with None: the capture's end, whenever that is."""

    def __init__(self) -> None:
        self._roles: dict[str, str] = {}  # leg → role
        self._open: dict[tuple[str, str], float] = {}  # (leg, kind) → since
        self._done: list[tuple[str, str, float, float]] = []  # role, kind, from, to

    @property
    def legs(self) -> Mapping[str, str]:
        """Role by leg id, of legs that may still send."""
        return self._roles

    def attach(self, role: str, leg_id: str, at_s: float, sending: Mapping[str, float]) -> None:
        """The leg is recorded from now on; `sending` says since when it sends which kind."""
        self._roles[leg_id] = role
        for kind, since_s in sending.items():
            self.sends(leg_id, kind, max(at_s, since_s))

    def sends(self, leg_id: str, kind: str, at_s: float) -> None:
        """The leg sends `kind` from then on (its first packet, or after a mute). Legs not attached are ignored."""
        if leg_id in self._roles:
            self._open.setdefault((leg_id, kind), at_s)

    def rests(self, leg_id: str, kind: str, at_s: float) -> None:
        """The leg stopped sending `kind`: switched off by its user."""
        since_s = self._open.pop((leg_id, kind), None)
        if since_s is not None and at_s > since_s:
            self._done.append((self._roles[leg_id], kind, since_s, at_s))

    def silent(self, leg_id: str, at_s: float) -> None:
        """Nothing at all came from the leg since then."""
        for leg, kind in [key for key in self._open if key[0] == leg_id]:
            self.rests(leg, kind, at_s)

    def gone(self, leg_id: str, at_s: float) -> None:
        self.silent(leg_id, at_s)
        self._roles.pop(leg_id, None)

    def finish(self, at_s: float) -> None:
        """The call is over: everything still open ends."""
        for leg_id in list(self._roles):
            self.gone(leg_id, at_s)

    def document(self) -> dict[str, Any]:
        """As `expected.json` holds it."""
        tracks: dict[tuple[str, str], list[list[float | None]]] = {}
        for role, kind, start_s, end_s in self._done:
            tracks.setdefault((role, kind), []).append([round(start_s, 3), round(end_s, 3)])
        for (leg_id, kind), since_s in self._open.items():
            tracks.setdefault((self._roles[leg_id], kind), []).append([round(since_s, 3), None])
        return {
            "tracks": [
                {"role": role, "kind": kind, "intervals": intervals}
                for (role, kind), intervals in sorted(tracks.items())
            ]
        }
