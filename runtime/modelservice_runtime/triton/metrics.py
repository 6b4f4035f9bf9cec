"""The agent's own metrics: how the pod's models stand, in Prometheus' text format.

They are made from the present state at each scrape; counters live in the state itself. Their
names begin with `modelservice_`, Triton's with `nv_`, so the two texts are joined as they are.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from modelservice_runtime.triton.keeper import Keeper, Phase

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABELS = ("model", "version")


def of(
    keepers: Iterable[Keeper],
    *,
    draining: bool,
    up: bool,
    documents: Mapping[str, int],
    refused: Mapping[str, int],
) -> bytes:
    """The agent's metrics as text. `documents` by origin, `refused` by reason."""
    registry = CollectorRegistry()
    snapshot = _Snapshot(
        list(keepers), draining=draining, up=up, documents=documents, refused=refused
    )
    registry.register(snapshot)
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(
        self,
        keepers: list[Keeper],
        *,
        draining: bool,
        up: bool,
        documents: Mapping[str, int],
        refused: Mapping[str, int],
    ) -> None:
        self._keepers = keepers
        self._draining = draining
        self._up = up
        self._documents = documents
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "modelservice_triton_up", "1 when Triton answers a scrape.", value=float(self._up)
        )
        yield GaugeMetricFamily(
            "modelservice_draining", "1 when the pod is being drained.", value=float(self._draining)
        )
        ready = GaugeMetricFamily(
            "modelservice_model_ready", "1 when the version answers requests.", labels=_LABELS
        )
        seconds = GaugeMetricFamily(
            "modelservice_model_load_seconds", "How long the last load took.", labels=_LABELS
        )
        loads = CounterMetricFamily(
            "modelservice_model_loads", "Loads that Triton completed.", labels=_LABELS
        )
        failures = CounterMetricFamily(
            "modelservice_model_load_failures", "Loads that Triton refused.", labels=_LABELS
        )
        for keeper in self._keepers:
            labels = (keeper.model.name, str(keeper.model.version))
            state = keeper.state
            ready.add_metric(labels, float(state.phase is Phase.READY))
            loads.add_metric(labels, state.loads)
            failures.add_metric(labels, state.failures)
            if state.load_seconds is not None:
                seconds.add_metric(labels, state.load_seconds)
        yield from (ready, seconds, loads, failures)
        yield _counter(
            "modelservice_agent_documents",
            "Documents that brought news, by where they came from: push or mount.",
            label="origin",
            counts=self._documents,
        )
        yield _counter(
            "modelservice_agent_documents_refused",
            "Pushes of documents that were refused.",
            label="reason",
            counts=self._refused,
        )


def _counter(name: str, text: str, *, label: str, counts: Mapping[str, int]) -> Metric:
    counter = CounterMetricFamily(name, text, labels=(label,))
    for value, count in sorted(counts.items()):
        counter.add_metric((value,), count)
    return counter
