"""Customers and the CRM outside in `/metrics`, read when it is asked."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.crm.service import CrmService


class CrmGauges(Collector):
    """Of one node; what waits is counted in the records, so all nodes say the same."""

    def __init__(self, registry: CollectorRegistry, service: CrmService) -> None:
        self._service = service
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        service = self._service
        telling, outside = service.telling, service.outside
        waiting = telling.waiting if telling is not None else 0
        yield GaugeMetricFamily("visavis_crm_waiting", "Interactions that wait to be told to the CRM.", value=waiting)
        told = CounterMetricFamily("visavis_crm_told", "Interactions that the CRM took, or did not.", labels=["result"])
        told.add_metric(["done"], telling.delivered if telling is not None else 0)
        told.add_metric(["given_up"], telling.given_up if telling is not None else 0)
        yield told
        yield CounterMetricFamily(
            "visavis_crm_left_alone",
            "How often the CRM failed so often that it was left alone.",
            value=outside.breaker.opened if outside is not None else 0,
        )
        yield CounterMetricFamily(
            "visavis_crm_not_looked_for",
            "People who came in and were not looked for, because too many were.",
            value=service.finding.not_looked_for,
        )
