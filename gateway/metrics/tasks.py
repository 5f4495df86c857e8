"""ACDs in task mode in `/metrics`, read when it is asked."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.acd.tasks.figures import EventResult, TaskFigures


class TaskGauges(Collector):
    """By `acd`: one per ACD of kind tasks."""

    def __init__(self, registry: CollectorRegistry, acds: Mapping[str, Callable[[], TaskFigures]]) -> None:
        self._acds = acds
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        by_acd = ["acd"]
        tasks = GaugeMetricFamily("visavis_task_open", "Tasks that are not over at an ACD.", labels=by_acd)
        waiting = GaugeMetricFamily(
            "visavis_task_letters_waiting", "Commands that an ACD has not been told yet.", labels=by_acd
        )
        is_open = GaugeMetricFamily(
            "visavis_task_breaker_open", "Whether an ACD failed so often that it is left alone.", labels=by_acd
        )
        letters = CounterMetricFamily(
            "visavis_task_letters",
            "Commands delivered, tries that failed, commands given up.",
            labels=["acd", "result"],
        )
        calls = HistogramMetricFamily("visavis_task_call_seconds", "HTTP calls to an ACD.", labels=by_acd)
        events = CounterMetricFamily(
            "visavis_task_events", "Events of an ACD's webhooks, and what became of them.", labels=["acd", "result"]
        )
        for name, look in self._acds.items():
            one = look()
            tasks.add_metric([name], one.tasks)
            waiting.add_metric([name], one.waiting)
            is_open.add_metric([name], one.is_open)
            for result, count in (("sent", one.sent), ("failed", one.failed), ("dead", one.dead)):
                letters.add_metric([name, result], count)
            calls.add_metric([name], buckets=one.calls.buckets(), sum_value=one.calls.total_s)
            for each in EventResult:
                events.add_metric([name, each.value], one.events.get(each, 0))
        yield from (tasks, waiting, is_open, letters, calls, events)
