"""The media processes in `/metrics`, read when it is asked."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from media.workers.figures import WorkerFigures


class WorkerGauges(Collector):
    """One sample per media process; none when media is in this process."""

    def __init__(self, registry: CollectorRegistry, processes: Callable[[], Sequence[WorkerFigures]]) -> None:
        self._processes = processes
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        figures = self._processes()
        gauges = {
            "up": ("1 while the media process is up.", [float(each.up) for each in figures]),
            "legs": ("Browsers connected to the media process.", [float(each.legs) for each in figures]),
            "loop_lag_seconds": (
                "The most that its event loop came too late in the last second.",
                [each.vitals.lag_s for each in figures],
            ),
            "resident_bytes": ("Memory that it uses.", [float(each.vitals.resident_bytes) for each in figures]),
        }
        for name, (text, values) in gauges.items():
            gauge = GaugeMetricFamily(f"visavis_media_worker_{name}", text, labels=["worker"])
            for each, value in zip(figures, values, strict=True):
                gauge.add_metric([each.name], value)
            yield gauge
        counts = {
            "restarts": ("Times that it was started again.", [float(each.restarts) for each in figures]),
            "cpu_seconds": ("CPU time since its last start.", [each.vitals.cpu_s for each in figures]),
            "events_dropped": (
                "Events given up because the gateway read too slowly.",
                [float(sum(each.vitals.events_dropped.values())) for each in figures],
            ),
        }
        for name, (text, values) in counts.items():
            counter = CounterMetricFamily(f"visavis_media_worker_{name}", text, labels=["worker"])
            for each, value in zip(figures, values, strict=True):
                counter.add_metric([each.name], value)
            yield counter
