"""Jobs of a service: `check`, which looks at a model before it takes capacity, and training (its
conversions: `conversion`). They are written once; a failed one that may try again is deleted and
made anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice_operator.api import Model, duration, names
from modelservice_operator.desired import child_names, pods
from modelservice_operator.desired.child import Child, Manifest, Owner, Stage, labels, metadata
from modelservice_operator.desired.platform import Platform
from modelservice_operator.desired.runs import run_document, secrets_of
from modelservice_operator.desired.serving_pod import DOCUMENT_DIR
from modelservice_operator.observed.jobs import EXIT_HEALS, EXIT_TERMINAL
from modelservice_operator.rollout.revisions import DOCUMENT_KEY
from modelservice_operator.view import Observed

CHECK = "check"  # container names; results are read from their termination messages
TRAIN = "train"
# Seconds a program tries again what heals before it gives its place back. A Secret that appears
# reaches a new pod at once, and a running one only after the kubelet's next round of a minute.
PATIENCE = "30"
TTL = 600  # seconds a finished training Job stays after its version is registered


def check(
    *,
    owner: Owner,
    check_hash: str,
    document: Mapping[str, Any],
    secrets: Sequence[str],
    claims: Sequence[str],
    storage: str,
    platform: Platform,
) -> tuple[Child, Child]:
    """The ConfigMap and the Job that resolve digests and tensors and compare them with the CR."""
    name = child_names.check_job(service=owner.name, check_hash=check_hash)
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(owner=owner, name=name, component=names.COMPONENT_CHECK),
        "data": {DOCUMENT_KEY: json.dumps(document, sort_keys=True, indent=1)},
    }
    mounts = {"models": "/models", "config": DOCUMENT_DIR, "tmp": "/tmp"}  # noqa: S108
    mounts |= pods.credential_mounts(secrets) | pods.claim_mounts(claims)
    container = pods.container(
        name=CHECK,
        image=platform.images.agent,
        command=["modelservice-check"],
        resources=pods.resources("check", platform=platform),
        mounts=mounts,
        read_only=mounts.keys() - {"models", "tmp"},
        platform=platform,
        env={
            **pods.source_environment(platform),
            **pods.room_environment(storage),
            "MODELSERVICE_PATIENCE": PATIENCE,
        },
    )
    volumes = [
        pods.scratch(name="models", size=storage),
        pods.scratch(name="tmp", size="1Gi"),
        {"name": "config", "configMap": {"name": name}},
        *pods.credential_volumes(secrets),
        *pods.claim_volumes(claims),
    ]
    made = job(
        owner=owner,
        name=name,
        component=names.COMPONENT_CHECK,
        pod=pod(container, volumes=volumes, platform=platform),
    )
    return (
        Child(manifest=config),
        Child(manifest=made, stage=Stage.WORKLOAD, mode="create"),
    )


def training(
    model: Model,
    *,
    owner: Owner,
    run: str,
    name: str,
    suspended: bool,
    finished: bool,
    platform: Platform,
) -> Child:
    """The Job of one run; `finished` (its version is registered) lets it be collected."""
    assert model.training is not None
    spec = model.training
    document = run_document(
        owner=owner,
        model=model.name,
        training=spec,
        run=run,
        platform=platform,
    )
    secrets = secrets_of(spec, platform=platform)
    mounts = {"tmp": "/tmp", "shm": "/dev/shm"} | pods.credential_mounts(secrets)  # noqa: S108
    container = pods.container(
        name=TRAIN,
        image=platform.images.trainer,
        command=["modelservice-train"],
        resources=pods.with_gpu(
            pods.resources("trainer", platform=platform, stated=spec.resources), gpu=spec.gpu
        ),
        mounts=mounts,
        read_only=mounts.keys() - {"tmp", "shm"},
        platform=platform,
        env={
            **pods.storage_environment(platform),
            "MODELSERVICE_PATIENCE": PATIENCE,
            "MODELSERVICE_RUN": json.dumps(document, sort_keys=True),
        },
    )
    container["ports"] = [
        {"name": "progress", "containerPort": names.PORT_PROGRESS, "protocol": "TCP"}
    ]
    volumes = [
        pods.scratch(name="tmp", size="20Gi"),
        pods.scratch(name="shm", size="256Mi", memory=True),
        *pods.credential_volumes(secrets),
    ]
    placed = pod(container, volumes=volumes, platform=platform)
    tolerations = pods.gpu_tolerations(spec.gpu)
    placed |= pods.gpu_affinity(spec.gpu)
    placed |= {"tolerations": tolerations} if tolerations else {}
    made = job(
        owner=owner,
        name=name,
        component=names.COMPONENT_TRAINING,
        pod=placed,
        model=child_names.label_value(model.name),
    )
    if spec.active_deadline is not None:
        made["spec"]["activeDeadlineSeconds"] = max(1, int(duration.seconds(spec.active_deadline)))
    return of_run(made, suspended=suspended, finished=finished)


def of_run(job: Manifest, *, suspended: bool, finished: bool) -> Child:
    """The Job of a run: it can be suspended, and is collected once its version is registered."""
    changing = {"ttlSecondsAfterFinished": TTL} if finished else {"suspend": suspended}
    job["spec"] |= changing
    mutable = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {key: job["metadata"][key] for key in ("name", "namespace")},
        "spec": changing,
    }
    return Child(manifest=job, stage=Stage.WORKLOAD, mode="create", mutable=mutable)


def image(job: Observed, *, container: str) -> str | None:
    """The image of a container of a live Job."""
    spec = job.owned.get("spec", {}).get("template", {}).get("spec", {})
    listed = (*spec.get("initContainers", ()), *spec.get("containers", ()))
    found = (str(item["image"]) for item in listed if item.get("name") == container)
    return next(found, None)


def pod(
    container: Manifest,
    *,
    volumes: list[Manifest],
    platform: Platform,
    before: Sequence[Manifest] = (),
) -> Manifest:
    """The pod of a Job; the containers `before` run first, one after the other."""
    return {
        "automountServiceAccountToken": False,
        "containers": [container],
        "enableServiceLinks": False,
        **({"initContainers": list(before)} if before else {}),
        **pods.pull_secrets(platform=platform),
        "restartPolicy": "Never",
        "securityContext": pods.pod_security(),
        "volumes": volumes,
    }


def job(*, owner: Owner, name: str, component: str, pod: Manifest, **more: str) -> Manifest:
    """A Job with this pod; `more` are labels."""
    own = labels(owner=owner, component=component, **more)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(owner=owner, name=name, component=component, **more),
        "spec": {
            "backoffLimit": 6,
            "podFailurePolicy": {
                "rules": [
                    # preempted or drained: not the program's fault, tried again without counting
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    # the program said why; trying the same again at once would say the same
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "operator": "In",
                            "values": [EXIT_TERMINAL, EXIT_HEALS],
                        },
                    },
                ]
            },
            "template": {
                "metadata": {"labels": {**own, names.LABEL_SERVICE_UID: owner.uid}},
                "spec": pod,
            },
        },
    }
