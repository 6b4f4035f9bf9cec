"""A cluster in memory for tests of the pure core: it keeps what the plan writes, and a test plays
the parts of kubelet, Job controller and trainer. No function of the operator is replaced."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from modelservice_operator.api import names, parse_service
from modelservice_operator.controller.delta import Change, delta, wanted_fields
from modelservice_operator.desired.plan import plan
from modelservice_operator.desired.platform import Images, Platform, Storage, Triton
from modelservice_operator.desired.situation import Situation, assess
from modelservice_operator.observed.pods import rfc3339
from modelservice_operator.status.derive import derive
from modelservice_operator.view import Manifest, Observed, View

START = 1_800_000_000.0
_SMALL = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
PLATFORM = Platform(
    images=Images(
        agent="example.org/agent:1",
        trainer="example.org/trainer:1",
        converter="example.org/converter:1",
        triton="triton:1",
    ),
    triton=Triton(backends=("python",), gpu=False),
    storage=Storage(uri="s3://models/", endpoint="http://s3.example.org"),
    resources=dict.fromkeys(("triton", "agent", "fetch", "trainer", "converter", "check"), _SMALL),
)
SHA = "a" * 64


def service(**spec: Any) -> Manifest:
    """A ModelService as the API server hands it out; by default one ONNX file of known digest."""
    models = [{"name": "m", "source": {"uri": "s3://models/m.onnx", "sha256": SHA}}]
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ModelService",
        "metadata": {"name": "svc", "namespace": "default", "uid": "uid-1", "generation": 1},
        "spec": {"models": models, "serving": {"replicas": 1}, **spec},
    }


def trained(**training: Any) -> list[Manifest]:
    """`spec.models` with one model that a training makes."""
    dataset = {"uri": "s3://data/d.npz"}
    return [{"name": "m", "training": {"recipe": "cnn", "dataset": dataset, **training}}]


def referring(namespace: str = "", **ref: Any) -> list[Manifest]:
    """`spec.models` with one model from the registry."""
    where = {"namespace": namespace} if namespace else {}
    return [{"name": "m", "versionRef": {**ref, **where}}]


def version(
    name: str,
    number: int,
    *,
    namespace: str = "default",
    model: str = "digits",
    labels: Manifest | None = None,
    **metrics: str,
) -> Manifest:
    """A ModelVersion as somebody published it; its bytes follow from its name."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "labels": labels or {},
            "creationTimestamp": rfc3339(START),
        },
        "spec": {
            "model": model,
            "version": number,
            "format": "ONNX",
            "artifact": {
                "uri": f"s3://models/{name}.onnx",
                "digest": f"sha256:{digest}",
                "size": 4096,
            },
            "lineage": {"metrics": metrics},
        },
        "status": {},
    }


def grant(*to: Manifest, namespace: str) -> Manifest:
    """A ModelGrant to all namespaces."""
    return {
        "metadata": {"name": "grant", "namespace": namespace, "uid": "uid-grant"},
        "spec": {"from": [{"allNamespaces": True}], "to": list(to)},
    }


@dataclass
class World:
    service: Manifest
    platform: Platform = PLATFORM
    now: float = START
    children: dict[tuple[str, str], Observed] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)
    versions: list[Manifest] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)  # names of other people's versions
    used: set[str] = field(default_factory=set)  # names of versions that somebody serves
    published: list[Manifest] = field(default_factory=list)  # what its versionRefs may mean
    grants: list[Manifest] = field(default_factory=list)
    progress: dict[str, Manifest] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    able: bool = False  # whether agents can change models: their fetch tells of its revision
    _count: int = 0

    def view(self) -> View:
        return View(
            service=self.service,
            children=self.children,
            pods=tuple(self.pods),
            versions=tuple(
                {**item, "metadata": {**item["metadata"], "uid": _uid(item)}}
                for item in self.versions
            ),
            taken=self.taken,
            used=self.used,
            published=tuple(self.published),
            grants=tuple(self.grants),
            progress=self.progress,
        )

    def look(self) -> Situation:
        return assess(
            parse_service(self.service), view=self.view(), platform=self.platform, now=self.now
        )

    def change(self) -> Change:
        situation = self.look()
        wanted = plan(situation, platform=self.platform, now=self.now)
        return delta(wanted, live=self.children, namespace="default", surplus=situation.surplus)

    def settle(self) -> dict[str, Any]:
        """Reconciles until nothing is left to write; the status that was written last."""
        for _ in range(20):
            change = self.change()
            for apply in change.applies:
                self._apply(apply.manifest, uid=apply.uid)
            for delete in change.deletes:
                self.writes.append(f"delete {delete.kind}/{delete.name}")
                if delete.kind == names.KIND_VERSION:
                    self.versions = [item for item in self.versions if _uid(item) != delete.uid]
                    continue
                del self.children[delete.kind, delete.name]
                self._collect()
            self._status()
            if not change:
                return dict(self.service["status"])
        raise AssertionError(f"does not settle: {change}")

    def condition(self, kind: str) -> tuple[str, str]:
        """(status, reason) of a condition of the status written last; empty where it is absent."""
        for item in self.service["status"]["conditions"]:
            if item["type"] == kind:
                return item["status"], item["reason"]
        return "", ""

    def edit(self, **spec: Any) -> None:
        """A user's change of the spec."""
        self.service["spec"] |= spec
        self.service["metadata"]["generation"] += 1

    # ---- the parts that the cluster plays

    def run_pods(self, *, ready: bool = True, room: int = 1000) -> None:
        """Deployment controller, scheduler and kubelet: pods as the Deployments ask, if there is
        `room` for so many. Pods that exist already become ready too."""
        for (kind, name), item in list(self.children.items()):
            if kind != "Deployment":
                continue
            revision = item.labels[names.LABEL_REVISION]
            own = [pod for pod in self.pods if _label(pod, names.LABEL_REVISION) == revision]
            wanted = item.owned["spec"]["replicas"]
            for pod in own[wanted:]:
                self.pods.remove(pod)
            for _ in range(wanted - len(own)):
                self.pods.append(self._pod(labels=item.owned["spec"]["template"]["metadata"]))
            own = [pod for pod in self.pods if _label(pod, names.LABEL_REVISION) == revision]
            for pod in own:
                self._place(pod, ready=ready, room=room)
            count = sum(_ready(pod) for pod in own)
            status = {"replicas": len(own), "availableReplicas": count}
            self.children[kind, name] = _with(item, status=status)

    def agents(self, *, count: int = 1000, **change: str) -> None:
        """Agents take over what is mounted, on so many pods; on the others `change` is told."""
        for pod in self.pods:
            name = f"svc-{_label(pod, names.LABEL_REVISION)}"
            mounted = self.children["ConfigMap", name].owned["data"]["models.json"]
            wanted = json.loads(mounted)["revision"]
            if count > 0:
                told: Manifest = {"revision": wanted, "change": {}}
            else:
                told = {"change": {"revision": wanted, **change} if change else {}}
            self.progress[pod["metadata"]["uid"]] = told
            count -= 1

    def end_job(self, name: str, *, container: str, code: int = 0, **message: Any) -> None:
        """Job controller and kubelet: the Job's pod ends with this message."""
        job = self.children["Job", name]
        pod = self._pod(labels={"labels": dict(job.labels)}, owner=job.uid)
        ended = {"exitCode": code, "message": json.dumps(message)}
        pod["status"] = {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"name": container, "state": {"terminated": ended}}],
        }
        self.pods.append(pod)
        verdict = "Failed" if code else "Complete"
        conditions = [{"type": verdict, "status": "True", "lastTransitionTime": rfc3339(self.now)}]
        self.children["Job", name] = _with(job, status={"conditions": conditions})

    def begin_job(self, name: str, *, first: str) -> None:
        """Job controller and kubelet: the init container `first` of the Job's pod runs."""
        job = self.children["Job", name]
        pod = self._pod(labels={"labels": dict(job.labels)}, owner=job.uid)
        running = {"name": first, "state": {"running": {}}}
        pod["status"]["initContainerStatuses"] = [running]
        self.pods.append(pod)

    def find_no_node(self, message: str) -> None:
        """Controllers and scheduler: there are pods, and no node for them, in these words."""
        self.run_pods(ready=False, room=0)
        owned = {ref["uid"] for pod in self.pods for ref in pod["metadata"]["ownerReferences"]}
        for name in self.jobs():
            job = self.children["Job", name]
            if job.uid not in owned:
                self.pods.append(self._pod(labels={"labels": dict(job.labels)}, owner=job.uid))
        for pod in self.pods:
            nowhere = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            pod["status"]["conditions"] = [{**nowhere, "message": message}]

    def jobs(self) -> list[str]:
        return sorted(name for kind, name in self.children if kind == "Job")

    def deployments(self) -> dict[str, int]:
        """Sizes by the Deployment's name."""
        return {
            name: item.owned["spec"]["replicas"]
            for (kind, name), item in self.children.items()
            if kind == "Deployment"
        }

    def fail_fetch(self, **message: Any) -> None:
        """Every pod that is not ready says this from its fetch container."""
        for pod in self.pods:
            if not _ready(pod):
                ended = {"exitCode": 43, "message": json.dumps({"ok": False, **message})}
                pod["status"]["initContainerStatuses"] = [
                    {"name": "fetch", "state": {"waiting": {}}, "lastState": {"terminated": ended}}
                ]

    def _apply(self, manifest: Manifest, *, uid: str | None) -> None:
        manifest = copy.deepcopy(manifest)
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self.writes.append(f"{'apply' if uid else 'create'} {kind}/{name}")
        if kind == "ModelVersion":
            self.versions.append(manifest)
            return
        old = self.children.get((kind, name))
        self._count += 1
        owned = wanted_fields(manifest)
        if old is not None and kind == "Job":  # a partial apply of what may change
            owned = {**old.owned, "spec": {**old.owned["spec"], **owned["spec"]}}
        self.children[kind, name] = Observed(
            kind=kind,
            name=name,
            uid=old.uid if old else f"child-{self._count}",
            resource_version=str(self._count),
            created=old.created if old else rfc3339(self.now),
            deleting=False,
            labels=owned.get("metadata", {}).get("labels", old.labels if old else {}),
            owned=owned,
            status=old.status if old else {},
        )

    def _status(self) -> None:
        self.service["status"] = derive(
            self.look(),
            view=self.view(),
            writes=(),
            previous=self.service.get("status", {}),
            now=self.now,
        )

    def _collect(self) -> None:
        """The garbage collector: pods whose Deployment or Job is gone go too."""
        revisions = {
            item.labels[names.LABEL_REVISION]
            for (kind, _), item in self.children.items()
            if kind == "Deployment"
        }
        jobs = {item.uid for (kind, _), item in self.children.items() if kind == "Job"}
        self.pods = [
            pod
            for pod in self.pods
            if _label(pod, names.LABEL_REVISION) in revisions
            or any(ref["uid"] in jobs for ref in pod["metadata"].get("ownerReferences", ()))
        ]

    def _pod(self, *, labels: Manifest, owner: str | None = None) -> Manifest:
        self._count += 1
        refs = [{"controller": True, "uid": owner, "kind": "Job", "name": "j"}] if owner else []
        return {
            "metadata": {
                "name": f"pod-{self._count}",
                "uid": f"pod-{self._count}",
                "creationTimestamp": rfc3339(self.now),
                "labels": labels["labels"],
                "ownerReferences": refs,
            },
            "status": {"phase": "Pending"},
        }

    def _place(self, pod: Manifest, *, ready: bool, room: int) -> None:
        placed = sum("nodeName" in other.get("spec", {}) for other in self.pods)
        if "nodeName" not in pod.get("spec", {}) and placed >= room:
            message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
            since = pod["status"].get("conditions", [{}])[0].get("lastTransitionTime")
            pod["status"]["conditions"] = [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": message,
                    "lastTransitionTime": since or rfc3339(self.now),
                }
            ]
            return
        state = "True" if ready or _ready(pod) else "False"
        pod["spec"] = {"nodeName": "node"}
        pod["status"] = {"phase": "Running"}
        pod["status"]["conditions"] = [{"type": "Ready", "status": state}]
        if self.able:
            told = json.dumps({"ok": True, "revision": _label(pod, names.LABEL_REVISION)})
            ended = {"terminated": {"exitCode": 0, "message": told}}
            pod["status"]["initContainerStatuses"] = [{"name": "fetch", "state": ended}]


def _uid(version: Manifest) -> str:
    """Of what a run published, which is kept as it was written, its name will do."""
    metadata = version["metadata"]
    return str(metadata.get("uid", metadata["name"]))


def _label(pod: Manifest, name: str) -> str | None:
    value = pod["metadata"]["labels"].get(name)
    return str(value) if value is not None else None


def _ready(pod: Manifest) -> bool:
    return any(
        item["type"] == "Ready" and item["status"] == "True"
        for item in pod["status"].get("conditions", ())
    )


def _with(item: Observed, *, status: Manifest) -> Observed:
    values = {name: getattr(item, name) for name in item.__dataclass_fields__}
    return Observed(**{**values, "status": status})
