"""The figures of signaling, on the registry that is passed in."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class SignalingMetrics:
    """Counters and gauges of the sockets. Labels have few values: sides, stable codes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge("visavis_sockets", "WebSockets open now.", ["side"], registry=registry)
        self._opened = Counter(
            "visavis_sessions_opened_total", "Hellos answered by a welcome.", ["side", "resumed"], registry=registry
        )
        self._messages = Counter(
            "visavis_messages_total", "Messages over WebSockets.", ["side", "direction"], registry=registry
        )
        self._refused = Counter(
            "visavis_refusals_total", "Messages and sockets refused, by code.", ["side", "code"], registry=registry
        )
        self._cut = Counter(
            "visavis_sockets_cut_total", "Sockets ended by us, by code.", ["side", "code"], registry=registry
        )

        self._answers = Counter(
            "visavis_http_answers_total", "Answers over HTTP, by route.", ["route", "status"], registry=registry
        )
        self.unreadable_requests = Counter(
            "visavis_unreadable_requests_total", "Requests that were no HTTP.", registry=registry
        )

    def opened(self, side: str, *, resumed: bool) -> None:
        self._opened.labels(side, str(resumed).lower()).inc()

    def answered(self, route: str, status: int) -> None:
        self._answers.labels(route, str(status)).inc()

    def received(self, side: str) -> None:
        self._messages.labels(side, "in").inc()

    def sent(self, side: str) -> None:
        self._messages.labels(side, "out").inc()

    def refused(self, side: str, code: str) -> None:
        self._refused.labels(side, code).inc()

    def cut(self, side: str, code: str) -> None:
        self._cut.labels(side, code).inc()
