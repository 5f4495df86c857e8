"""Figures of ACDs: what differed after a cut."""

from prometheus_client import CollectorRegistry, Counter

from gateway.acd.reconciler import Disagreement


class AcdGauges:
    """Counts what the reconciler finds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._disagreements = Counter(
            "visavis_acd_disagreements",
            "Contacts of which an ACD believed something else after a cut.",
            ["acd", "cause", "action"],
            registry=registry,
        )

    def found(self, found: Disagreement) -> None:
        action = "failed" if found.failed else found.verdict.action.value
        self._disagreements.labels(acd=found.acd, cause=found.verdict.cause.value, action=action).inc()
