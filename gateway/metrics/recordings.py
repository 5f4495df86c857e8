"""The queue of finalising jobs in `/metrics`, read when it is asked."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.recordings.jobs import Jobs


class RecordingGauges(Collector):
    """How many recordings are being finished, how far the one that runs is, and how the attempts ended."""

    def __init__(self, registry: CollectorRegistry, jobs: Callable[[], Jobs]) -> None:
        self._jobs = jobs
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        jobs = self._jobs()
        waiting = GaugeMetricFamily(
            "visavis_finalising_jobs", "Recordings that are being finished, by state.", labels=["state"]
        )
        for state, count in jobs.counts().items():
            waiting.add_metric([state.value], count)
        yield waiting
        yield GaugeMetricFamily(
            "visavis_finalising_progress",
            "Share of the work of the running jobs that is done; 0 when none runs.",
            value=jobs.progress_now(),
        )
        ended = CounterMetricFamily(
            "visavis_finalised", "Attempts to finish a recording, by result.", labels=["result"]
        )
        for result, count in sorted(jobs.finished.items() or [("ok", 0)]):
            ended.add_metric([result], count)
        yield ended
