"""What the tests do with the cluster: apply services, wait for conditions, ask for predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e.demo import inference
from e2e.demo.bucket import MODELS, Bucket
from e2e.demo.inference import Question, Send
from e2e.demo.kinds import MODEL_SERVICE, POD, Kind
from e2e.demo.kubectl import Kubectl, Manifest, Objects, condition
from e2e.demo.reach import HTTP, reach
from e2e.demo.surroundings import Surroundings
from e2e.suite.models import SAMPLES, scaling

MODEL = "scaling"
QUESTION = Question(model=MODEL, input="x", output="y")
PATIENCE = 240.0  # seconds; an idle machine needs about 20 for a service
# Small, so that a handful of services fits two cores.
RESOURCES = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}


@dataclass(frozen=True)
class Live:
    """The cluster and this run's namespace, which is also its folder in the store."""

    around: Surroundings
    kubectl: Kubectl
    bucket: Bucket

    @property
    def namespace(self) -> str:
        return self.kubectl.namespace

    def uri(self, key: str) -> str:
        """A place in the store for this run alone."""
        return f"s3://{MODELS}/{self.namespace}/{key}"

    def scaling(self, factor: float) -> str:
        """The URI of a model that multiplies by `factor`."""
        uri = self.uri(f"scaling-{factor:g}.onnx")
        self.bucket.put(scaling(factor), uri=uri)
        return uri

    def apply(self, *manifests: Manifest, force: bool = False) -> None:
        self.kubectl.apply(*manifests, force=force)

    def ready(self, name: str, *, seconds: float = PATIENCE) -> Manifest:
        """The service once its current spec is served."""
        return self.kubectl.wait(MODEL_SERVICE, name, is_ready, seconds=seconds)

    def told(
        self,
        name: str,
        kind: str,
        *,
        status: str,
        reason: str | None = None,
        seconds: float = PATIENCE,
    ) -> Manifest:
        """The service once this condition, on its current spec, has this status (and reason)."""

        def holds(service: Manifest) -> bool:
            found = condition(service, kind)
            return (
                _seen(service)
                and found.get("status") == status
                and reason in {None, found.get("reason")}
            )

        return self.kubectl.wait(MODEL_SERVICE, name, holds, seconds=seconds)

    def pods(self, name: str, *, component: str = "serving") -> list[Manifest]:
        """The pods of a service that are not on their way out, oldest first."""
        found = self.kubectl.list(POD, selector=pods_of(name, component=component))
        staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(staying, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def children(self, kind: Kind, name: str) -> list[Manifest]:
        """The objects of a kind that a service owns."""
        return self.kubectl.list(kind, selector=f"modelservice.io/name={name}")

    def factor(self, name: str) -> float:
        """What the served model multiplies by, asked over HTTP."""
        with reach(self.kubectl, name, ports=[HTTP]) as (address,):
            return factor(inference.over_http(address, question=QUESTION))

    def serves(self, name: str, wanted: float) -> bool:
        """Whether the service answers as the model `scaling(wanted)`."""
        return abs(self.factor(name) - wanted) < 1e-6

    def remove(self, *names: str) -> None:
        """Delete services and wait for their pods to go: others need their room."""
        for name in names:
            self.kubectl.delete(MODEL_SERVICE, name)
        for name in names:
            self.kubectl.wait_all(POD, empty, selector=f"modelservice.io/name={name}")


def service(name: str, *models: Manifest, **spec: Any) -> Manifest:
    """A ModelService; `spec` is merged over small defaults."""
    serving = {"resources": RESOURCES, **spec.pop("serving", {})}
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name},
        "spec": {"models": list(models), "serving": serving, **spec},
    }


def model(uri: str, **more: Any) -> Manifest:
    """An entry of spec.models with a file as its source."""
    source = {"uri": uri, **more.pop("source", {})}
    return {"name": MODEL, "source": source, "maxBatchSize": 8, **more}


def trained(uri: str, **training: Any) -> Manifest:
    """An entry of spec.models that the recipe `linear` trains."""
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    return {
        "name": "line",
        "training": {
            "recipe": "linear",
            "dataset": {"uri": uri},
            "resources": resources,
            **training,
        },
    }


def is_ready(service: Manifest) -> bool:
    return _seen(service) and condition(service, "Ready").get("status") == "True"


def factor(send: Send) -> float:
    """By how much the model behind `send` multiplies; fails where it does not."""
    answer = send(SAMPLES)
    chosen = float(answer[-1, -1] / SAMPLES[-1, -1])
    np.testing.assert_allclose(answer, chosen * SAMPLES, rtol=1e-6)
    return chosen


def pods_of(name: str, *, component: str) -> str:
    return f"modelservice.io/name={name},modelservice.io/component={component}"


def empty(objects: Objects) -> bool:
    return not objects


def uids(objects: Sequence[Manifest]) -> set[str]:
    return {str(item["metadata"]["uid"]) for item in objects}


def restarts(pod: Manifest) -> int:
    """Of all containers of a pod."""
    status = pod["status"]
    statuses = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    return sum(int(item["restartCount"]) for item in statuses)


def _seen(service: Manifest) -> bool:
    status = service.get("status", {})
    return bool(status.get("observedGeneration") == service["metadata"]["generation"])
