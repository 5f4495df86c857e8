"""CTI feeds in `/metrics`, read when it is asked."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.acd.cti.reader import CtiFigures

_COUNTERS = (
    ("connections", "connections", "Connections to an ACD's events that came up."),
    ("refused_logins", "refused_logins", "Logins that an ACD refused."),
    ("events", "events", "Events of an ACD, before anything was dropped."),
    ("events_dropped", "dropped", "Events dropped in a flood."),
    ("unreadable", "unreadable", "Lines and messages of an ACD that were left out."),
    ("unrecognised", "unrecognised", "Events of our calls that have no meaning here."),
    ("failures", "failed", "Events and connections that ended in an error of our own."),
    ("snapshots", "resyncs", "How often an ACD was asked for its whole state."),
    ("corrected_calls", "corrected", "Calls that a snapshot showed otherwise than events had told."),
    ("failed_commands", "failed_commands", "Commands that an ACD refused, or did not answer."),
)


class FeedGauges(Collector):
    """By `acd`: one per feed of the settings."""

    def __init__(self, registry: CollectorRegistry, feeds: Mapping[str, Callable[[], CtiFigures]]) -> None:
        self._feeds = feeds
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        figures = {name: look() for name, look in self._feeds.items()}
        up = GaugeMetricFamily("visavis_cti_up", "Whether an ACD's events arrive.", labels=["acd"])
        calls = GaugeMetricFamily("visavis_cti_calls", "Calls known of an ACD, ended ones for a while.", labels=["acd"])
        for name, one in figures.items():
            up.add_metric([name], one.connected)
            calls.add_metric([name], one.calls)
        yield up
        yield calls
        for metric, attribute, text in _COUNTERS:
            family = CounterMetricFamily(f"visavis_cti_{metric}", text, labels=["acd"])
            for name, one in figures.items():
                family.add_metric([name], getattr(one, attribute))
            yield family
