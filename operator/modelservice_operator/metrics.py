"""What the operator counts of itself, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from modelservice_operator.status import cold_start

_SLOW: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One replica's metrics; the names are part of the operator's public surface."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self.reconciles = self._counter("reconciles", "Reconcile runs.", "lane", "result")
        self.reconcile_seconds = self._histogram(
            "reconcile_seconds", "Duration of a reconcile run.", "lane"
        )
        self.queue_seconds = self._histogram(
            "queue_seconds", "How long a service waited for its run.", "lane"
        )
        self.requests = self._counter(
            "api_requests", "Requests to the Kubernetes API.", "verb", "kind", "code"
        )
        self.request_seconds = self._histogram(
            "api_request_seconds", "Duration of a request to the Kubernetes API.", "verb"
        )
        self.events = self._counter("watch_events", "Watch events seen.", "kind")
        self.watch_starts = self._counter(
            "watch_starts", "Starts of the watch engine; more than one means it had to recover."
        )
        self.sweeps = self._counter("sweeps", "Comparisons of the store with lists.", "result")
        self.pushes = self._counter(
            "pushes", "Documents pushed to pods that reload their models.", "result"
        )
        self.cold_starts = self._histogram(
            "cold_start_seconds",
            "From a pod's creation until it answered, by phase and in all.",
            "phase",
            buckets=_SLOW,
        )
        self.leader = Gauge(
            "modelservice_leader", "1 where this replica leads.", registry=self.registry
        )

    def watch_value(
        self,
        name: str,
        *,
        text: str,
        read: Callable[[], float],
        **labels: str,
    ) -> None:
        """A gauge that is read when it is scraped."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(f"modelservice_{name}", text, tuple(labels), registry=self.registry)
            self._gauges[name] = gauge
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def request(self, verb: str, kind: str, code: int, seconds: float) -> None:
        """Count one request; code 0 is one without an answer."""
        self.requests.labels(verb, kind, str(code)).inc()
        self.request_seconds.labels(verb).observe(seconds)

    def cold_start(self, told: Mapping[str, Any]) -> None:
        """Count a pod's start, as `status.coldStart` tells it."""
        for phase, length in cold_start.lengths(told).items():
            self.cold_starts.labels(phase).observe(length)

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"modelservice_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: Sequence[float] = _FAST
    ) -> Histogram:
        return Histogram(
            f"modelservice_{name}", text, labels, registry=self.registry, buckets=buckets
        )
