"""What somebody gets from the operator who may create ModelServices in one namespace, and nothing
else: the confused-deputy questions, each asked of the real operator.

An attempt is either refused by the API server, or stalls with a reason, or is harmless; and the
objects that were aimed at are afterwards what they were before, to the byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.security.calls import Caller, Manifest
from e2e.security.figures import Figure, none_of
from e2e.security.stage import RESTRICTED, TEAM, Stage, StuckError
from e2e.security.workloads import model, service
from modelservice_operator.kube import kinds
from modelservice_operator.kube.kinds import Kind

TENANT = "team-b"
ATTEMPTS = Path(__file__).with_name("attempts.yaml")
MALLORY = "mallory"
CORE = "/api/v1/namespaces"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"
VICTIM = "victim"
FORGED = "example.com/forged"
# Containers that read from storage; not the one that loads what a user wants converted.
CREDENTIALED = frozenset({"fetch", "agent", "check", "train", "acquire", "publish"})
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class Attempt:
    """A ModelService that asks for what its user may not have. `said` is a part of the refusal."""

    what: str
    manifest: Manifest
    said: str


def attempts(answer: str) -> list[Attempt]:
    """Those of attempts.yaml that are to be answered so (`refused`, `stalled`)."""
    listed = yaml.safe_load(ATTEMPTS.read_text())[answer]
    return [Attempt(one["what"], _manifest(one), one["said"]) for one in listed]


def _manifest(attempt: Manifest) -> Manifest:
    one = {**model(), **attempt.get("model", {})}
    one["source"] = {**one["source"], **attempt.get("source", {})}
    made = service(attempt.get("name", "attempt"), one, namespace=TENANT)
    made["spec"] |= attempt.get("spec", {})
    made["spec"] |= {"serving": attempt["serving"]} if "serving" in attempt else {}
    return made


def _named(name: str) -> Manifest:
    return service(name, namespace=TENANT)


def measure(stage: Stage) -> Iterator[Figure]:
    """Everything that Mallory tries."""
    mallory = _mallory(stage)
    refused, stalled = attempts("refused"), attempts("stalled")
    yield none_of(
        "attempts to get more than a ModelService may ask for",
        _refused(mallory, refused),
        of=len(refused),
        least=20,
    )
    yield none_of(
        "labels or annotations taken that the platform does not permit",
        _stalled(stage, mallory, stalled),
        of=len(stalled),
        least=4,
    )
    yield from _conflicts(stage, mallory)
    yield from _markings(stage, mallory)
    yield from _strangers(stage, mallory)
    yield from _pods(stage)


def _mallory(stage: Stage) -> Caller:
    stage.rig.namespace(TENANT, labels=RESTRICTED)
    rule = {"apiGroups": ["modelservice.io"], "resources": ["modelservices"], "verbs": VERBS}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [rule]}
    metadata = {"name": "model-services", "namespace": TENANT}
    stage.admin.post(f"{RBAC}/{TENANT}/roles", {**role, "metadata": metadata})
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": "model-services",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MALLORY}],
    }
    stage.admin.post(f"{RBAC}/{TENANT}/rolebindings", binding)
    return stage.user(MALLORY)


def _refused(mallory: Caller, attempts: Sequence[Attempt]) -> Iterator[str]:
    path = f"{kinds.MODEL_SERVICE.collection(TENANT)}?fieldValidation=Strict&dryRun=All"
    honest = mallory.send("POST", path, body=_named("honest"))
    if not honest.ok:
        yield f"an honest ModelService is refused too: {honest.message}"
    for attempt in attempts:
        answer = mallory.send("POST", path, body=attempt.manifest)
        if answer.ok or attempt.said not in answer.message:
            yield f"{attempt.what}: {answer.status} {answer.message}"


def _stalled(stage: Stage, mallory: Caller, attempts: Sequence[Attempt]) -> Iterator[str]:
    path = kinds.MODEL_SERVICE.path(namespace=TENANT, name="attempt")
    for attempt in attempts:
        mallory.apply(path, attempt.manifest)
        stage.wait(
            "the attempt was looked at", lambda: stage.condition("attempt", namespace=TENANT)
        )
        found = stage.condition("attempt", "Stalled", namespace=TENANT)
        if found.get("reason") != "InvalidSpec" or attempt.said not in found.get("message", ""):
            yield f"{attempt.what}: {found}"
        made = [
            f"{kind.kind} {child['metadata']['name']}"
            for kind in kinds.CHILDREN
            for child in stage.children(kind, "attempt", namespace=TENANT)
        ]
        yield from (f"{attempt.what}: {one} was made" for one in made)
        mallory.delete(path)
        stage.gone(path)


def _conflicts(stage: Stage, mallory: Caller) -> Iterator[Figure]:
    """Names of others' objects: the Service by its plain name, which is Mallory's to choose."""
    aims = ((kinds.SERVICE, "payments"), (kinds.SERVICE, "kubernetes"))
    wrong = []
    for kind, name in aims:
        ports = [{"name": "web", "port": 80, "protocol": "TCP"}]
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": TENANT, "labels": {"app": name}},
            "spec": {"selector": {"app": name}, "ports": ports},
        }
        stage.admin.post(kind.collection(TENANT), body)
        before = _bytes(stage, kind, name)
        path = kinds.MODEL_SERVICE.path(namespace=TENANT, name=name)
        mallory.apply(path, _named(name))
        stage.says(name, "NameConflict", namespace=TENANT)
        mallory.delete(path)
        stage.gone(path)
        if _bytes(stage, kind, name) != before:
            wrong.append(f"{kind.kind} {name} is not what it was")
    yield none_of("objects of others changed through their name", wrong, of=len(aims))


def _bytes(stage: Stage, kind: Kind, name: str) -> Manifest | None:
    return stage.admin.get(kind.path(namespace=TENANT, name=name))


def _markings(stage: Stage, mallory: Caller) -> Iterator[Figure]:
    """What a user writes on the ModelService itself: nothing of it reaches a child."""
    marks = {
        "app": "payments",
        "app.kubernetes.io/managed-by": "Helm",
        "modelservice.io/name": "victim",
        "modelservice.io/service-uid": "0",
    }
    marked = _named("marked")
    marked["metadata"] |= {"labels": marks, "annotations": {"sidecar.istio.io/inject": "true"}}
    forged = {"selector": "app=payments", "replicas": 7, "url": "http://evil", "conditions": []}
    path = kinds.MODEL_SERVICE.path(namespace=TENANT, name="marked")
    mallory.apply(path, {**marked, "status": forged})
    stage.ready("marked", namespace=TENANT)
    status = stage.service("marked", namespace=TENANT)["status"]
    wrong = [f"status.{key} is forged" for key, value in forged.items() if status.get(key) == value]
    children = [
        child
        for kind in (*kinds.CHILDREN, kinds.POD)
        for child in stage.children(kind, "marked", namespace=TENANT)
    ]
    for child in children:
        found = child["metadata"].get("labels", {}) | child["metadata"].get("annotations", {})
        wrong += [
            f"{child['kind']} has {key}"
            for key in ("app", "sidecar.istio.io/inject")
            if key in found
        ]
    writes = mallory.send(
        "PATCH",
        f"{path}/status",
        body={"status": forged},
        content_type="application/merge-patch+json",
    )
    if writes.ok:
        wrong.append("a status was written by its user")
    yield none_of("marks of a user that reach children or status", wrong, of=len(children), least=6)


def _strangers(stage: Stage, mallory: Caller) -> Iterator[Figure]:
    """Objects of another namespace that claim to belong to a service.

    Somebody who may make pods or ConfigMaps there knows the service's uid, or guessed it.
    """
    path = kinds.MODEL_SERVICE.path(namespace=TENANT, name=VICTIM)
    mallory.apply(path, _named(VICTIM))
    stage.ready(VICTIM, namespace=TENANT)
    (pod,) = stage.children(kinds.POD, VICTIM, namespace=TENANT)
    (config,) = stage.children(kinds.CONFIG_MAP, VICTIM, namespace=TENANT)
    stage.admin.post(kinds.CONFIG_MAP.collection(TEAM), _elsewhere(config, data={"a": "forged"}))
    spec = {**pod["spec"], "schedulerName": "nobody"}
    for field in ("nodeName", "serviceAccountName", "serviceAccount"):
        spec.pop(field, None)
    stage.admin.post(kinds.POD.collection(TEAM), _elsewhere(pod, spec=spec))
    forged = kinds.POD.path(namespace=TEAM, name=pod["metadata"]["name"])
    waiting = {"name": "triton", "ready": False, "restartCount": 0, "image": "x", "imageID": ""}
    waiting["state"] = {"waiting": {"reason": "ErrImagePull"}}
    stage.admin.patch(f"{forged}/status", {"status": {"containerStatuses": [waiting]}})

    mallory.patch(path, {"spec": {"serving": {"replicas": 2}}})
    wrong = []
    try:
        stage.wait("the victim is served by 2 pods", lambda: _unmoved(stage), seconds=10.0)
    except StuckError:
        status = stage.service(VICTIM, namespace=TENANT)["status"]
        wrong = [f"{one['type']}: {one['message']}" for one in status["conditions"]]
    for kind in (kinds.POD, kinds.CONFIG_MAP):
        stage.admin.send("DELETE", f"{kind.collection(TEAM)}?labelSelector={FORGED}%3Dyes")
    yield none_of("services moved by objects of another namespace", wrong, of=2)


def _unmoved(stage: Stage) -> bool:
    status = stage.service(VICTIM, namespace=TENANT)["status"]
    ready = stage.condition(VICTIM, namespace=TENANT).get("status") == "True"
    return ready and status.get("readyReplicas") == 2


def _elsewhere(child: Manifest, **content: Any) -> Manifest:
    """The same object in another namespace, with the labels and the owner of the real one."""
    metadata = child["metadata"]
    return {
        "apiVersion": child["apiVersion"],
        "kind": child["kind"],
        "metadata": {
            "name": metadata["name"],
            "namespace": TEAM,
            "labels": {**metadata["labels"], FORGED: "yes"},
            "ownerReferences": metadata["ownerReferences"] if child["kind"] == "ConfigMap" else [],
        },
        **content,
    }


def _pods(stage: Stage) -> Iterator[Figure]:
    """What is in the pods that the operator makes of ModelServices."""
    wrong = []
    pods = [
        pod
        for namespace in (TEAM, TENANT)
        for pod in stage.admin.items(kinds.POD.collection(namespace))
    ]
    for pod in pods:
        name, spec = pod["metadata"]["name"], pod["spec"]
        wrong += [f"{name}: {problem}" for problem in _too_much(spec)]
    yield none_of("pods that get more than they need", wrong, of=len(pods), least=8)


READ_ONLY = {"readOnly": True}


def _too_much(spec: Manifest) -> Iterator[str]:
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token for the Kubernetes API"
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    secrets = set()
    for volume in spec.get("volumes", ()):
        (source,) = volume.keys() - {"name"}
        if source in {"secret", "persistentVolumeClaim"}:
            secrets.add(volume["name"])
        if source not in {"configMap", "emptyDir", "secret", "persistentVolumeClaim"}:
            yield f"a volume of type {source}"
        if not volume.get("persistentVolumeClaim", READ_ONLY).get("readOnly"):
            yield f"the claim of {volume['name']} to write to"
    for container in [*spec.get("initContainers", ()), *spec["containers"]]:
        seen = {mount["name"] for mount in container.get("volumeMounts", ())} & secrets
        if seen and container["name"] not in CREDENTIALED:
            yield f"container {container['name']} has the Secrets of {sorted(seen)}"
        if container.get("envFrom") or any(
            "secretKeyRef" in variable.get("valueFrom", {}) for variable in container.get("env", ())
        ):
            yield f"container {container['name']} has a Secret in its environment"
