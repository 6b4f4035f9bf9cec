"""Pod Security: what the chart installs and what the operator makes is admitted where only
`restricted` pods are, without a warning.

Three looks at the same: the warnings that the API server sends to whoever writes; what it refuses
or notes in the audit log, whoever asked (the operator, the controllers of Deployments and Jobs);
and each live pod template once more, as a dry run, because the operator keeps no warnings.
"""

from collections.abc import Iterator
from typing import Any

from e2e import chart
from e2e.security import rights
from e2e.security.calls import Manifest
from e2e.security.figures import Figure, none_of
from e2e.security.stage import TEAM, Stage, collection
from modelservice_operator.kube import kinds

VIOLATIONS = "pod-security.kubernetes.io/audit-violations"
STRICT = "fieldValidation=Strict"
DRY = f"dryRun=All&{STRICT}"
SERVERS = ("batch.kubernetes.io/", "controller-uid", "job-name")  # labels that a Job's pods get


def install(stage: Stage) -> Iterator[Figure]:
    """Install the chart, listening to what the API server says."""
    wrong = []
    for manifest in stage.manifests:
        answer = stage.admin.send("POST", f"{collection(manifest)}?{STRICT}", body=manifest)
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        if not answer.ok:
            wrong.append(f"{name}: {answer.message}")
        wrong += [f"{name}: {warning}" for warning in answer.warnings]
    yield none_of(
        "the chart's objects refused or warned about", wrong, of=len(stage.manifests), least=10
    )


def templates(stage: Stage) -> Iterator[Figure]:
    """Every live pod template and its workload, as a dry run."""
    wrong, of = [], 0
    for namespace in (chart.NAMESPACE, TEAM):
        for kind in (kinds.DEPLOYMENT, kinds.JOB):
            for item in stage.admin.items(kind.collection(namespace)):
                of += 1
                workload = {**item, "apiVersion": kind.api_version, "kind": kind.kind}
                for path, body in (
                    (kind.collection(namespace), _again(workload)),
                    (kinds.POD.collection(namespace), _pod(workload)),
                ):
                    answer = stage.admin.send("POST", f"{path}?{DRY}", body=body)
                    told = [*answer.warnings, *([] if answer.ok else [answer.message])]
                    wrong += [f"{kind.kind} {item['metadata']['name']}: {text}" for text in told]
    yield none_of("pod templates refused or warned about", wrong, of=of, least=10)


def admitted(log: list[rights.Request]) -> Iterator[Figure]:
    """What the audit log says of pods, Deployments and Jobs."""
    made = [request for request in log if request.right == ("create", "/pods")]
    wrong = [
        f"{request.path}: {request.annotations.get(VIOLATIONS) or request.status}"
        for request in log
        if VIOLATIONS in request.annotations
        or (request.right == ("create", "/pods") and request.status >= 400)
    ]
    live = sum(request.status == 201 and "dryRun" not in request.path for request in made)
    yield none_of("pods made against Pod Security `restricted`", wrong, of=live, least=20)


def _again(workload: Manifest) -> Manifest:
    """The workload as if it were made anew, under another name."""
    spec: dict[str, Any] = dict(workload["spec"])
    if workload["kind"] == "Job":
        spec.pop("selector", None)
        spec["template"] = {**spec["template"], "metadata": _metadata(workload)}
    return {
        "apiVersion": workload["apiVersion"],
        "kind": workload["kind"],
        "metadata": {"generateName": "dry-"},
        "spec": spec,
    }


def _pod(workload: Manifest) -> Manifest:
    template = workload["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**_metadata(workload), "generateName": "dry-"},
        "spec": template["spec"],
    }


def _metadata(workload: Manifest) -> Manifest:
    metadata = workload["spec"]["template"].get("metadata", {})
    labels = metadata.get("labels", {})
    kept = {key: value for key, value in labels.items() if not key.startswith(SERVERS)}
    return {"labels": kept, "annotations": metadata.get("annotations", {})}
