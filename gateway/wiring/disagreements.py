"""`signaling.ports.Disagreements` over the reconciler."""

from collections.abc import Mapping, Sequence

from gateway.acd.reconciler import Disagreement, Reconciler
from gateway.wiring.times import iso


class DisagreementsForSignaling:
    """`signaling.ports.Disagreements` over the reconciler."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def found(self, limit: int) -> Sequence[Mapping[str, object]]:
        return [_disagreement(each) for each in self._reconciler.found(limit)]


def _disagreement(found: Disagreement) -> Mapping[str, object]:
    return {
        "at": iso(found.at),
        "acd": found.acd,
        "contact_id": found.contact_id,
        "queue": found.queue,
        "ours": found.ours.value,
        "theirs": found.theirs.value,
        "cut": found.cut.value,
        "cause": found.verdict.cause.value,
        "action": found.verdict.action.value,
        "failed": found.failed or None,
    }
