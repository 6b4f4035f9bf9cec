"""What breaks a rule never gets in: the API server names the field and the rule."""

from collections.abc import Callable

import pytest

from e2e.demo.kubectl import Manifest, Refused
from e2e.suite.live import Live, model, service, trained

URI = "s3://models/some.onnx"
CASES: dict[str, tuple[Callable[[], Manifest], tuple[str, ...]]] = {
    "no origin": (
        lambda: service("refused", {"name": "one"}),
        ("spec.models[0]", "exactly one of"),
    ),
    "an unknown recipe": (
        lambda: service("refused", trained("s3://data/some.npz", recipe="magic")),
        ("spec.models[0].training.recipe", "magic"),
    ),
    "a URI of another kind": (
        lambda: service("refused", model("ftp://example.com/model.onnx")),
        ("spec.models[0].source.uri", "must begin with s3://"),
    ),
    "a field that does not exist": (
        lambda: service("refused", model(URI, batchSize=4)),
        ("spec.models[0]", "batchSize"),
    ),
    "batching without a batch": (
        lambda: service("refused", model(URI, maxBatchSize=0, dynamicBatching={})),
        ("spec.models[0].dynamicBatching", "maxBatchSize"),
    ),
    "two models of one name": (
        lambda: service("refused", model(URI), model(URI)),
        ("models", "duplicate"),
    ),
    "no models": (lambda: service("refused"), ("spec.models",)),
    "a GPU instance without a GPU": (
        lambda: service("refused", model(URI, instances=[{"kind": "GPU"}])),
        ("spec.models", "spec.gpu"),
    ),
    "a negative size": (
        lambda: service("refused", model(URI), serving={"replicas": -1}),
        ("spec.serving.replicas",),
    ),
    "bounds the wrong way round": (
        lambda: service(
            "refused",
            model(URI),
            autoscaling={
                "minReplicas": 3,
                "maxReplicas": 2,
                "metrics": [{"type": "CPU", "cpu": {"targetUtilization": 50}}],
            },
        ),
        ("spec.autoscaling.minReplicas", "maxReplicas"),
    ),
    "a learning rate that is no number": (
        lambda: service(
            "refused",
            trained("s3://data/some.npz", optimizer={"name": "SGD", "learningRate": "fast"}),
        ),
        ("spec.models[0].training.optimizer.learningRate",),
    ),
    "a name that is too long": (
        lambda: service("refused-" + "x" * 40, model(URI)),
        ("metadata.name", "at most 40"),
    ),
    "labels of the operator": (
        lambda: service(
            "refused", model(URI), serving={"podLabels": {"modelservice.io/name": "mine"}}
        ),
        ("spec.serving.podLabels", "must not start with"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_names_field_and_rule(live: Live, case: str) -> None:
    manifest, words = CASES[case]
    with pytest.raises(Refused) as refused:
        live.apply(manifest())
    for word in words:
        assert word in str(refused.value)
