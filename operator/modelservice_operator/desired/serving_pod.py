"""The pod template of a revision: fetch, agent, Triton. Rendered once, then kept.

Order matters: `fetch` writes Triton's repository and ends; `agent` is a native sidecar, so it
runs before Triton and is stopped after it; `triton` is the one main container.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelservice_operator.api import ModelServiceSpec, Serving, names, quantity
from modelservice_operator.desired import pods
from modelservice_operator.desired.child import Owner, labels
from modelservice_operator.desired.model_set import ModelEntry, claims, secrets
from modelservice_operator.desired.platform import Platform

Manifest = dict[str, Any]

DOCUMENT_DIR = "/etc/modelservice/revision"
RUN_DIR = "/run/modelservice"
KEY_FILE = f"{RUN_DIR}/restricted-key"
SHARED_MEMORY = "256Mi"  # tensors of Triton's Python backend pass through /dev/shm
RESPONSE_CACHE = "64Mi"  # memory that Triton takes at its start where answers are kept
EXIT_TIMEOUT = 20  # seconds Triton takes at most to finish what it runs
GRACE_PERIOD = 90  # seconds: more than drain and exit time-out together
# APIs that change or expose the server: closed to all who do not have the pod's own key
RESTRICTED = "model-repository,shared-memory,logging,trace"
HEADER = "x-modelservice-key"
MODELS = {"models": "/models", "run": RUN_DIR, "config": DOCUMENT_DIR, "tmp": "/tmp"}  # noqa: S108


def template(
    spec: ModelServiceSpec,
    *,
    owner: Owner,
    revision: str,
    entries: Sequence[ModelEntry],
    platform: Platform,
) -> Manifest:
    """The pod template, complete: equal input gives equal bytes."""
    serving = spec.serving
    opened, mounted = secrets(entries), claims(entries)
    own = labels(owner=owner, component="serving", revision=revision)
    return {
        "metadata": {
            "labels": {**(serving.pod_labels or {}), **own, names.LABEL_SERVICE_UID: owner.uid},
            **({"annotations": dict(serving.pod_annotations)} if serving.pod_annotations else {}),
        },
        "spec": {
            **pods.gpu_affinity(spec.gpu),
            "automountServiceAccountToken": False,
            "initContainers": [
                _fetch(spec, platform=platform, secrets=opened, claims=mounted),
                _agent(spec, platform=platform, secrets=opened, claims=mounted),
            ],
            "containers": [_triton(spec, platform=platform)],
            "enableServiceLinks": False,  # else each Service of the namespace adds variables
            **pods.pull_secrets(
                platform=platform, stated=[ref.name for ref in serving.image_pull_secrets or ()]
            ),
            **({"nodeSelector": dict(serving.node_selector)} if serving.node_selector else {}),
            **_named(serving),
            "securityContext": pods.pod_security(),
            "terminationGracePeriodSeconds": GRACE_PERIOD,
            **_tolerations(spec),
            "volumes": [
                pods.scratch(name="models", size=storage_size(spec, platform=platform)),
                pods.scratch(name="run", size="1Mi", memory=True),
                pods.scratch(name="shm", size=SHARED_MEMORY, memory=True),
                pods.scratch(name="tmp", size="1Gi"),
                {"name": "config", "configMap": {"name": f"{owner.name}-{revision}"}},
                *pods.credential_volumes(opened),
                *pods.claim_volumes(mounted),
            ],
        },
    }


def storage_size(spec: ModelServiceSpec, *, platform: Platform) -> str:
    stated = spec.serving.model_storage
    return stated.size if stated is not None else platform.model_storage


def _fetch(
    spec: ModelServiceSpec, *, platform: Platform, secrets: Sequence[str], claims: Sequence[str]
) -> Manifest:
    mounts = {**MODELS, **pods.credential_mounts(secrets), **pods.claim_mounts(claims)}
    return pods.container(
        name="fetch",
        image=platform.images.agent,
        command=["modelservice-fetch"],
        resources=pods.resources("fetch", platform=platform),
        mounts=mounts,
        read_only=mounts.keys() - {"models", "run", "tmp"},
        platform=platform,
        env=_bringing(spec, platform=platform),
        extra_env=[_TRITON_CPUS],
    )


# How many threads a model may use: what is written for Triton depends on Triton's limit.
_TRITON_CPUS = {
    "name": "MODELSERVICE_TRITON_CPUS",
    "valueFrom": {
        "resourceFieldRef": {"containerName": "triton", "resource": "limits.cpu", "divisor": "1"}
    },
}

# Documents that the operator pushes are for one pod each.
_POD_UID = {
    "name": "MODELSERVICE_POD_UID",
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.uid"}},
}


def _bringing(spec: ModelServiceSpec, *, platform: Platform) -> dict[str, str]:
    """What a program that brings models is told of its surroundings."""
    return {
        **pods.source_environment(platform),
        **pods.room_environment(storage_size(spec, platform=platform)),
    }


def _agent(
    spec: ModelServiceSpec, *, platform: Platform, secrets: Sequence[str], claims: Sequence[str]
) -> Manifest:
    # It brings models too, when they change.
    mounts = {**MODELS, **pods.credential_mounts(secrets), **pods.claim_mounts(claims)}
    agent = pods.container(
        name="agent",
        image=platform.images.agent,
        command=["modelservice-agent"],
        resources=pods.resources("agent", platform=platform),
        mounts=mounts,
        read_only=mounts.keys() - {"models", "tmp"},
        platform=platform,
        env=_bringing(spec, platform=platform),
        extra_env=[_TRITON_CPUS, _POD_UID],
    )
    return {
        **agent,
        "restartPolicy": "Always",  # this is what makes an init container a native sidecar
        "ports": [
            _port(names.PORT_NAME_METRICS, names.PORT_METRICS),
            _port("probes", names.PORT_AGENT),
            _port("admin", names.PORT_ADMIN),
        ],
        # Triton starts once this has passed; before, a refused readiness probe is no event
        "startupProbe": _probe("/healthz", port=names.PORT_AGENT, period=1, failures=60),
        "livenessProbe": _probe("/healthz", port=names.PORT_AGENT, period=10, failures=6),
        "readinessProbe": _probe("/readyz", port=names.PORT_AGENT, period=1, failures=1),
    }


def _triton(spec: ModelServiceSpec, *, platform: Platform) -> Manifest:
    mounts = {
        "models": "/models",
        "run": RUN_DIR,
        "shm": "/dev/shm",  # noqa: S108
        "tmp": "/tmp",  # noqa: S108
    }
    # The key is in a memory volume of this pod, never in its spec: a shell puts it on the command
    # line, then gives way to Triton.
    script = (
        f'key=$(cat {KEY_FILE}) && exec tritonserver "$@" '
        f'--http-restricted-api="{RESTRICTED}:{HEADER}=$key" '
        f'--grpc-restricted-protocol="{RESTRICTED}:{HEADER}=$key"'
    )
    triton = pods.container(
        name="triton",
        image=platform.images.triton,
        command=["/bin/sh", "-c", script, "tritonserver"],
        resources=_triton_resources(spec, platform=platform),
        mounts=mounts,
        read_only=("models", "run"),
        platform=platform,
    )
    return {
        **triton,
        "args": [
            "--model-repository=/models",
            "--model-control-mode=explicit",
            # the strict default calls the whole server unready while any model loads
            "--strict-readiness=false",
            f"--http-port={names.PORT_HTTP}",
            f"--grpc-port={names.PORT_GRPC}",
            "--metrics-address=127.0.0.1",
            f"--metrics-port={names.PORT_TRITON_METRICS}",
            f"--exit-timeout-secs={EXIT_TIMEOUT}",
            *_flags(spec),
        ],
        "ports": [
            _port(names.PORT_NAME_HTTP, names.PORT_HTTP),
            _port(names.PORT_NAME_GRPC, names.PORT_GRPC),
        ],
        "lifecycle": {
            "preStop": {"httpGet": {"path": "/drain", "port": names.PORT_AGENT, "scheme": "HTTP"}}
        },
        "startupProbe": _probe("/v2/health/live", port=names.PORT_HTTP, period=1, failures=300),
        "livenessProbe": _probe("/v2/health/live", port=names.PORT_HTTP, period=10, failures=6),
    }


def _flags(spec: ModelServiceSpec) -> Iterator[str]:
    """Of Triton's flags those that few need: what is in a template is never taken back."""
    if _caches(spec):
        yield f"--cache-config=local,size={int(quantity.parse(_cache_size(spec)))}"
    if any(model.is_rate_limited for model in spec.models):
        yield "--rate-limit=execution_count"


def _caches(spec: ModelServiceSpec) -> bool:
    return any(model.caches for model in spec.models)


def _cache_size(spec: ModelServiceSpec) -> str:
    return spec.serving.response_cache_size or RESPONSE_CACHE


def _triton_resources(spec: ModelServiceSpec, *, platform: Platform) -> Manifest:
    """The platform's defaults, what the user states over them, shared memory, GPUs."""
    resources = pods.resources("triton", platform=platform, stated=spec.serving.resources)
    memory = resources.get("limits", {}).get("memory")
    if memory is not None:
        # /dev/shm counts as memory of the container that writes it
        beside = [SHARED_MEMORY, *([_cache_size(spec)] if _caches(spec) else [])]
        resources["limits"]["memory"] = quantity.total(memory, *beside)
    return pods.with_gpu(resources, gpu=spec.gpu)


def _named(serving: Serving) -> Manifest:
    stated = {
        "priorityClassName": serving.priority_class_name,
        "serviceAccountName": serving.service_account_name,
    }
    return {key: value for key, value in stated.items() if value}


def _tolerations(spec: ModelServiceSpec) -> Manifest:
    stated = [
        item.model_dump(by_alias=True, exclude_none=True) for item in spec.serving.tolerations or ()
    ]
    tolerations = [*stated, *pods.gpu_tolerations(spec.gpu)]
    return {"tolerations": tolerations} if tolerations else {}


def _port(name: str, number: int) -> Manifest:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _probe(path: str, *, port: int, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 5,
        "successThreshold": 1,
    }
