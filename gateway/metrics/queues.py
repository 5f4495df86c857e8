"""The figures of our own ACD's queues: service level, waits, how far off estimates were, who left, and decisions."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.acd.events import ExitReason

_WAIT_BUCKETS_S = (1, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_OFF_BUCKETS_S = (-300, -120, -60, -30, -10, -5, 0, 5, 10, 30, 60, 120, 300)
_DECISION_BUCKETS_S = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)


class QueueGauges:
    """`RoutingFigures` on `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answered = Counter(
            "visavis_queue_answered",
            "Contacts answered, and whether within the queue's service level.",
            ["queue", "in_time"],
            registry=registry,
        )
        self._waits = Histogram(
            "visavis_queue_wait_seconds",
            "Waits until an agent answered.",
            ["queue"],
            buckets=_WAIT_BUCKETS_S,
            registry=registry,
        )
        self._off_by = Histogram(
            "visavis_queue_estimate_off_seconds",
            "How much longer a wait was than its first estimate; below 0: shorter.",
            ["queue"],
            buckets=_OFF_BUCKETS_S,
            registry=registry,
        )
        self._left = Counter(
            "visavis_queue_left",
            "Contacts that left a line unserved by its rules, by reason and where to.",
            ["queue", "reason", "to"],
            registry=registry,
        )
        self._callbacks = Counter(
            "visavis_queue_callbacks",
            "Places of callbacks that were kept, due, taken by who came back, lapsed, or given up.",
            ["queue", "what"],
            registry=registry,
        )
        self._decisions = Histogram(
            "visavis_acd_decision_seconds",
            "Deciding who is offered to whom, over all lines.",
            buckets=_DECISION_BUCKETS_S,
            registry=registry,
        )

    def decided(self, took_s: float) -> None:
        self._decisions.observe(took_s)

    def answered(self, queue: str, waited_s: float, *, in_time: bool, off_by_s: float | None) -> None:
        self._answered.labels(queue, "yes" if in_time else "no").inc()
        self._waits.labels(queue).observe(waited_s)
        if off_by_s is not None:
            self._off_by.labels(queue).observe(off_by_s)

    def left(self, queue: str, reason: ExitReason, to: str) -> None:
        self._left.labels(queue, reason.value, to).inc()

    def callback(self, queue: str, what: str) -> None:
        self._callbacks.labels(queue, what).inc()
