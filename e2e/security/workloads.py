"""A life of an operator in which it does all that it ever does, so that the audit log shows every
right that it needs: create, train, update, scale, autoscale, suspend, delete; restarts and a change
of leaders; names that others hold; leftovers; a status that somebody else writes at the same time.

Adding a kind or a verb to the operator means adding a step here, or its right counts as unused.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import yaml

from e2e import chart
from e2e.security.calls import Caller, Manifest
from e2e.security.stage import TEAM, Stage, StuckError
from e2e.volumes import claim, volume
from modelservice_operator.api import names
from modelservice_operator.api.locations import claim_of
from modelservice_operator.kube import kinds

EXAMPLES = chart.ROOT / "examples"
RACES = 20
SHA = "0123456789abcdef" * 4


def model(uri: str = "s3://models/m.onnx", **more: Any) -> Manifest:
    """A model of known digest, so that no check has to run."""
    return {"name": "m", "source": {"uri": uri, "sha256": SHA}, **more}


def trained(name: str = "m", **more: Any) -> Manifest:
    """A model that a training makes."""
    training = {"recipe": "linear", "dataset": {"uri": "s3://data/d.npz"}, **more}
    return {"name": name, "training": training}


def service(name: str, *models: Manifest, namespace: str = TEAM, **spec: Any) -> Manifest:
    """A ModelService."""
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"models": list(models) or [model()], **spec},
    }


def apply(caller: Caller, manifest: Manifest) -> None:
    """Apply a ModelService or a ModelVersion, as kubectl would."""
    kind = kinds.BY_NAME[manifest["kind"]]
    metadata = manifest["metadata"]
    caller.apply(kind.path(namespace=metadata["namespace"], name=metadata["name"]), manifest)


def examples(stage: Stage) -> list[str]:
    """Apply every example and wait until it serves; the services' names."""
    found = []
    for path in sorted(EXAMPLES.glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            manifest["metadata"]["namespace"] = TEAM
            for one in manifest["spec"].get("models", ()):
                if "source" in one:
                    one["source"]["sha256"] = SHA
                    _claimed(stage, one["source"]["uri"])
                if "versionRef" in one:
                    one["versionRef"].pop("namespace", None)
            apply(stage.admin, manifest)
            if manifest["kind"] == "ModelService":
                found.append(manifest["metadata"]["name"])
    for name in found:
        stage.ready(name)
    return found


def _claimed(stage: Stage, uri: str) -> None:
    """The scheduler has pods wait for a claim that is not there."""
    name = claim_of(uri)
    if name is None:
        return
    root, held = "/api/v1", claim(name, volume=name)
    of_node = volume(name, folder="/models", of=name, namespace=TEAM)
    stage.admin.post(f"{root}/persistentvolumes", of_node)
    stage.admin.post(f"{root}/namespaces/{TEAM}/persistentvolumeclaims", held)


def ordinary(stage: Stage) -> None:
    """What users do to a service."""
    admin = stage.admin
    apply(admin, service("life", model("s3://models/1.onnx"), autoscaling=AUTOSCALING))
    stage.ready("life")
    for number in range(2, 6):  # old revisions are pruned after the second
        apply(
            admin,
            service("life", model(f"s3://models/{number}.onnx"), autoscaling=AUTOSCALING),
        )
        stage.ready("life")
    path = kinds.MODEL_SERVICE.path(namespace=TEAM, name="life")
    admin.patch(f"{path}/scale", {"spec": {"replicas": 3}})
    stage.wait("life has 3 pods", lambda: stage.service("life")["status"].get("replicas") == 3)
    apply(admin, service("life", model("s3://models/5.onnx")))
    stage.wait("its autoscaler is gone", lambda: not stage.children(kinds.AUTOSCALER, "life"))

    apply(admin, service("taught", trained()))
    stage.ready("taught")
    apply(admin, service("taught", trained(seed=1, retention={"keep": 1})))
    stage.ready("taught")
    stage.wait("the older version is gone", lambda: _versions(stage, "taught") == 1)
    apply(admin, service("grown", model("s3://models/m.keras")))
    stage.ready("grown")
    held = {"uri": "s3://data/d.npz", "secretRef": {"name": "play-held"}}
    apply(admin, service("paused", trained(dataset=held)))
    stage.wait("paused trains", lambda: stage.children(kinds.JOB, "paused"))
    apply(admin, service("paused", trained(dataset=held), suspend=True))
    stage.wait("paused is suspended", lambda: _suspended(stage, "paused"))
    apply(admin, service("paused", trained(seed=7, dataset=held)))
    stage.wait("the run that nobody wants is gone", lambda: _jobs(stage, "paused") == 1)


AUTOSCALING = {
    "maxReplicas": 4,
    "metrics": [{"type": "CPU", "cpu": {"targetUtilization": 60}}],
}


def _jobs(stage: Stage, name: str) -> int:
    return len(stage.children(kinds.JOB, name))


def _versions(stage: Stage, name: str) -> int:
    found = stage.admin.items(kinds.MODEL_VERSION.collection(TEAM))
    return sum(item["metadata"].get("labels", {}).get(names.LABEL_NAME) == name for item in found)


def _suspended(stage: Stage, name: str) -> bool:
    return any(job["spec"].get("suspend") for job in stage.children(kinds.JOB, name))


def conflicts(stage: Stage) -> None:
    """A name of each kind of children is held by somebody's object of that kind.

    Names are deterministic: a service that is made again wants the same ones.
    """
    admin = stage.admin
    for kind in kinds.CHILDREN:
        name = f"meets-{kind.plural[:6]}"
        wanted = service(name, trained() if kind is kinds.JOB else model())
        if kind is kinds.AUTOSCALER:
            wanted["spec"]["autoscaling"] = AUTOSCALING
        apply(admin, wanted)
        stage.wait(f"{name} has its {kind.plural}", partial(stage.children, kind, name))
        held = stage.children(kind, name)[0]
        admin.delete(kinds.MODEL_SERVICE.path(namespace=TEAM, name=name))
        path = kind.path(namespace=TEAM, name=held["metadata"]["name"])
        stage.gone(path)
        admin.post(kind.collection(TEAM), foreign(held))
        apply(admin, wanted)
        stage.says(name, "NameConflict")
        for one in (path, kinds.MODEL_SERVICE.path(namespace=TEAM, name=name)):
            admin.delete(f"{one}?propagationPolicy=Background")


def foreign(child: Manifest) -> Manifest:
    """Somebody's object of the name and kind of a child."""
    kept = {key: value for key, value in child.items() if key not in {"metadata", "status"}}
    kept["metadata"] = {
        "name": child["metadata"]["name"],
        "namespace": child["metadata"]["namespace"],
        "labels": {"somebody": "else"},
    }
    spec = kept.get("spec", {})
    for field in ("clusterIP", "clusterIPs"):
        spec.pop(field, None)
    if child["kind"] == "Job":
        spec.pop("selector", None)
        spec["template"]["metadata"] = {}
    return kept


def registered_by_another(stage: Stage) -> None:
    """The ModelVersion that a training would publish has the name of another service's."""
    version = {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": "named-a-b-1", "namespace": TEAM},
        "spec": {
            "model": "b",
            "version": 1,
            "format": "ONNX",
            "artifact": {"uri": "s3://models/b.onnx", "digest": f"sha256:{SHA}", "size": 1},
        },
    }
    apply(stage.admin, version)
    apply(stage.admin, service("named", trained("a-b")))
    stage.ready("named")


def raced(stage: Stage, *, seen: Callable[[], bool]) -> None:
    """Two leaders at once publish the same versions, until one of them is told so (`seen`)."""
    other = stage.operator("uncalled", arguments=["--leader-elect=false"])
    try:
        for number in range(RACES):
            apply(stage.admin, service(f"raced-{number}", trained()))
            stage.ready(f"raced-{number}")
            if seen():
                return
        raise StuckError(f"no ModelVersion was published twice in {RACES} races")
    finally:
        other.kill()
        other.wait()


def leftovers(stage: Stage) -> None:
    """Children that an earlier version of the operator called otherwise are removed."""
    admin = stage.admin
    apply(admin, service("leftovers"))
    stage.ready("leftovers")
    for kind in (kinds.SERVICE, kinds.DISRUPTION_BUDGET, kinds.NETWORK_POLICY):
        child = stage.children(kind, "leftovers")[0]
        old = foreign(child)
        old["metadata"] |= {
            "name": "leftovers-by-another-name",
            "labels": dict(child["metadata"]["labels"]),
            "ownerReferences": child["metadata"]["ownerReferences"],
        }
        admin.post(kind.collection(TEAM), old)
        path = kind.path(namespace=TEAM, name=old["metadata"]["name"])
        stage.gone(path)


def contended(stage: Stage, *, seen: Callable[[], bool]) -> None:
    """Somebody writes to services while the operator writes their status, until `seen`."""
    with _busy(stage.admin, name="contended"):
        for number in range(40):
            apply(stage.admin, service("contended", model(f"s3://models/{number}.onnx")))
            stage.wait(
                "contended was looked at",
                lambda: stage.condition("contended"),
            )
            if seen():
                return


@contextmanager
def _busy(admin: Caller, *, name: str) -> Iterator[None]:
    """Annotations of a service change as fast as the API server takes it."""
    stop = threading.Event()
    path = kinds.MODEL_SERVICE.path(namespace=TEAM, name=name)

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            admin.send(
                "PATCH",
                path,
                body={"metadata": {"annotations": {"example.com/count": str(number)}}},
                content_type="application/merge-patch+json",
            )

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def removed(stage: Stage) -> None:
    """Everything goes; nothing of the services stays."""
    for item in stage.admin.items(kinds.MODEL_SERVICE.collection(TEAM)):
        name = item["metadata"]["name"]
        stage.admin.delete(kinds.MODEL_SERVICE.path(namespace=TEAM, name=name))
    stage.wait("all pods are gone", lambda: not stage.admin.items(kinds.POD.collection(TEAM)))
