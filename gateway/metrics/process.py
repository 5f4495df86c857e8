"""The figures of the process and of the media engine, read when `/metrics` is asked. Costs nothing between."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from media.figures import EngineCounters

_LAG_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_FORGET = 0.8  # four times a second: a tenth is left after two and a half seconds
_NOW = frozenset({"legs", "recordings", "playing"})  # open now; everything else counts up


class ProcessGauges(Collector):
    """Tasks, threads, lag of the event loop, contacts, and the engine's counters."""

    def __init__(
        self,
        registry: CollectorRegistry,
        loop: asyncio.AbstractEventLoop,
        live_contacts: Callable[[], int],
        engine: Callable[[], EngineCounters],
    ) -> None:
        """Put these figures, and the system's own of this process, on `registry`."""
        self._loop = loop
        self._live_contacts = live_contacts
        self._engine = engine
        self._lag_s = 0.0
        self._recent_lag_s = 0.0
        self._lags = Histogram(
            "visavis_loop_lag_seconds",
            "How late the event loop was, looked at four times a second.",
            buckets=_LAG_BUCKETS_S,
            registry=registry,
        )
        ProcessCollector(registry=registry)
        registry.register(self)

    def lag(self, seconds: float) -> None:
        """The event loop came this much too late."""
        self._lag_s = seconds
        self._recent_lag_s = max(seconds, self._recent_lag_s * _FORGET)
        self._lags.observe(seconds)

    @property
    def lag_s(self) -> float:
        """How late the event loop was when it was last looked at."""
        return self._lag_s

    @property
    def recent_lag_s(self) -> float:
        """The worst of the last seconds, fading: what people still hear of it."""
        return self._recent_lag_s

    def collect(self) -> Iterator[Metric]:
        yield _gauge("visavis_tasks", "Tasks of the event loop.", len(asyncio.all_tasks(self._loop)))
        yield _gauge("visavis_threads", "Threads of the process.", threading.active_count())
        yield _gauge("visavis_contacts", "Contacts not closed yet.", self._live_contacts())
        figures: dict[str, Any] = asdict(self._engine())
        dropped = figures.pop("dropped")
        for name, value in figures.items():
            if name in _NOW:
                yield _gauge(f"visavis_media_{name}", f"Media: {name} now.", value)
            else:
                yield CounterMetricFamily(f"visavis_media_{name}", f"Media: {name.replace('_', ' ')}.", value=value)
        drops = CounterMetricFamily(
            "visavis_media_dropped", "Media: packets not forwarded, by reason.", labels=["reason"]
        )
        for reason, count in sorted(dropped.items()):
            drops.add_metric([reason], count)
        yield drops


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
