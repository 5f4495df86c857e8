"""Which legs send what, and since when, as the media engine tells it; and what that means for an expectation."""

from collections.abc import Iterable, Mapping

from gateway.recordings.expectation import Expectation
from media.port import LegClosed, LegFirstMedia, LegHeard, LegSilent, MediaEvent


class Sending:
    """Every leg that is open now, by kind with the time of its first packet. `silence_s` is the engine's."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._since: dict[str, dict[str, float]] = {}
        self._off: dict[str, set[str]] = {}

    def of(self, leg_id: str) -> Mapping[str, float]:
        """Since when the leg sends which kind; without those that its person has switched off."""
        off = self._off.get(leg_id, ())
        return {kind: since_s for kind, since_s in self._since.get(leg_id, {}).items() if kind not in off}

    def shown(self, leg_id: str, kinds: Mapping[str, bool]) -> None:
        """The person on that leg switched kinds on or off. It is remembered: a recording may begin later."""
        if leg_id in self._since:
            off = self._off.setdefault(leg_id, set())
            off.difference_update(kind for kind, on in kinds.items() if on)
            off.update(kind for kind, on in kinds.items() if not on)

    def apply(self, event: MediaEvent, expectations: Iterable[Expectation]) -> str | None:
        """Take an event of the engine in; returns the leg it was about, None when it was about something else."""
        match event:
            case LegFirstMedia(leg_id=leg_id, kind=kind, at_s=at_s):
                self._since.setdefault(leg_id, {}).setdefault(kind.value, at_s)
                for each in expectations:
                    each.sends(leg_id, kind.value, at_s)
            case LegSilent(leg_id=leg_id, at_s=at_s):  # its last packet came that much earlier
                for each in expectations:
                    each.silent(leg_id, at_s - self._silence_s)
            case LegHeard(leg_id=leg_id, at_s=at_s):
                for each in expectations:
                    for name in self.of(leg_id):
                        each.sends(leg_id, name, at_s)
            case LegClosed(leg_id=leg_id, at_s=at_s):
                self._since.pop(leg_id, None)
                self._off.pop(leg_id, None)
                for each in expectations:
                    each.gone(leg_id, at_s)
            case _:
                return None
        return leg_id
