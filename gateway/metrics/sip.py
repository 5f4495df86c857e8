"""Trunks of ACDs in call mode in `/metrics`, read when it is asked."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.acd.sip.figures import SipFigures


class SipGauges(Collector):
    """By `acd` and `trunk`: one per ACD of kind sip."""

    def __init__(self, registry: CollectorRegistry, acds: Mapping[str, Callable[[], SipFigures]]) -> None:
        self._acds = acds
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        figures = [look() for look in self._acds.values()]
        by_trunk = ["acd", "trunk"]
        calls = GaugeMetricFamily("visavis_sip_calls", "Calls over a trunk now.", labels=by_trunk)
        capacity = GaugeMetricFamily("visavis_sip_capacity", "Calls a trunk may carry.", labels=by_trunk)
        up = GaugeMetricFamily("visavis_sip_trunk_up", "Whether a trunk is given calls.", labels=by_trunk)
        waiting = GaugeMetricFamily("visavis_sip_waiting", "Contacts that wait for a free trunk.", labels=["acd"])
        dialled = CounterMetricFamily("visavis_sip_invites", "Calls begun over a trunk.", labels=by_trunk)
        outcomes = CounterMetricFamily(
            "visavis_sip_outcomes", "How they were answered; status 0: not at all.", labels=[*by_trunk, "status"]
        )
        transfers = CounterMetricFamily("visavis_sip_transfers", "Transfers from our side.", labels=["acd", "result"])
        left_out = CounterMetricFamily(
            "visavis_sip_headers_left_out", "Headers that could not be made or did not fit.", labels=["acd", "header"]
        )
        unknown = CounterMetricFamily(
            "visavis_sip_unknown_events", "Events of a feed about calls we do not have.", labels=["acd"]
        )
        for one in figures:
            for trunk in one.trunks:
                names = [one.acd, trunk.name]
                calls.add_metric(names, trunk.calls)
                capacity.add_metric(names, trunk.capacity)
                up.add_metric(names, trunk.reachable and not trunk.resting)
                dialled.add_metric(names, one.counts.dialled[trunk.name])
            for (name, status), count in sorted(one.counts.outcomes.items()):
                outcomes.add_metric([one.acd, name, str(status)], count)
            for result in ("done", "failed"):
                transfers.add_metric([one.acd, result], one.counts.transfers[result])
            for header, count in sorted(one.counts.headers_left_out.items()):
                left_out.add_metric([one.acd, header], count)
            unknown.add_metric([one.acd], one.counts.unknown_events)
            waiting.add_metric([one.acd], one.waiting)
        yield from (calls, capacity, up, waiting, dialled, outcomes, transfers, left_out, unknown)
