"""The end state of a namespace without what differs from run to run, so that two can be compared.

Times, versions and addresses go. uids become the names of what they stand for, the namespace's name
becomes one word. A revision's hash has the namespace in it (where a training's artifact lies) and
becomes a hash of what its ControllerRevision says; that of a Deployment whose pods have reloaded,
and whose own record is gone, is called after what they serve. Pods have random names: they are
counted.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from e2e.faults.oracles.objects import LOADED, REVISION, labels, uid
from e2e.faults.record import Manifest
from e2e.faults.workload import Objects

State = dict[str, Any]

# Made by controllers that are not the operator, for reasons of their own.
_LEFT_OUT = frozenset({"ReplicaSet", "Event", "EndpointSlice", "Endpoints", "Lease"})
_GIVEN = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
_METADATA = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
_NOTES = (
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "modelservice.io/serves-since",
)
_MOMENTS = frozenset(
    {"lastTransitionTime", "lastUpdateTime", "lastProbeTime", "lastHeartbeatTime", "coldStart"}
)


def normalised(objects: Objects, *, namespace: str) -> State:
    """Comparable with `==`; `difference` tells in words what is not equal."""
    kept = {key: item for key, item in sorted(objects.items()) if _counts(key)}
    text = json.dumps(
        {
            f"{kind}/{name}": _plain(kind, item)
            for (kind, name), item in kept.items()
            if kind != "Pod"
        },
        sort_keys=True,
    )
    pods = json.dumps(sorted(_pod(item) for (kind, _), item in kept.items() if kind == "Pod"))
    text, pods = (_renamed(part, kept=kept, namespace=namespace) for part in (text, pods))
    state: State = json.loads(text)
    _rank(state)
    state["pods"] = dict(sorted(Counter(json.loads(pods)).items()))
    return state


def _rank(state: State) -> None:
    """Revisions are numbered on for as long as there are some: what counts is their order."""
    records = [item for key, item in state.items() if key.startswith("ControllerRevision/")]
    ranks = sorted({item.get("revision", 0) for item in records})
    for item in records:
        item["revision"] = f"{ranks.index(item.get('revision', 0)) + 1} of {len(ranks)}"


def difference(state: State, wanted: State) -> list[str]:
    """What `state` has, lacks or says otherwise, a line each."""
    return list(_unlike(state, wanted, path=""))


def _counts(key: tuple[str, str]) -> bool:
    return key[0] not in _LEFT_OUT and key not in _GIVEN


def _plain(kind: str, item: Manifest) -> Manifest:
    item = copy.deepcopy(item)
    metadata = item["metadata"]
    generation = metadata.get("generation")
    for key in _METADATA:
        metadata.pop(key, None)
    notes = metadata.get("annotations", {})
    for key in _NOTES:
        notes.pop(key, None)
    if not notes:
        metadata.pop("annotations", None)
    status = item.pop("status", None)
    if isinstance(status, dict):
        status = _status(kind, status=status, generation=generation)
    if status:
        item["status"] = status
    if kind == "Service":
        for key in ("clusterIP", "clusterIPs"):
            item.get("spec", {}).pop(key, None)
    if kind == "ConfigMap" and "data" in item:
        # documents: what is in them is compared, not how the text is broken into lines
        item["data"] = {key: _document(value) for key, value in item["data"].items()}
    return item


def _status(kind: str, *, status: Manifest, generation: int | None) -> Manifest:
    if kind in {"Deployment", "Job", "PodDisruptionBudget", "HorizontalPodAutoscaler"}:
        # Other controllers' words: what counts in them are the sizes and how a Job ended.
        kept = ("replicas", "availableReplicas", "succeeded", "failed")
        told = {key: status[key] for key in kept if key in status and kind in {"Deployment", "Job"}}
        if kind == "Job":
            told["conditions"] = sorted(
                item["type"] for item in status.get("conditions", ()) if item["status"] == "True"
            )
        return told
    if kind == "ModelVersion" and status == {"users": 0}:
        return {}  # one that was served for a moment only is never told of; either means nobody
    return dict(_timeless(status, generation=generation))


def _timeless(value: Any, *, generation: int | None) -> Any:
    if isinstance(value, list):
        return [_timeless(item, generation=generation) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if key not in _MOMENTS}
    if "observedGeneration" in kept:
        behind = kept["observedGeneration"] != generation
        kept["observedGeneration"] = "behind" if behind else "current"
    return {key: _timeless(item, generation=generation) for key, item in kept.items()}


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pod(item: Manifest) -> str:
    labels = item["metadata"].get("labels", {})
    conditions = item.get("status", {}).get("conditions", ())
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return " ".join(
        [
            str(labels.get("modelservice.io/name", "")),
            str(labels.get("modelservice.io/component", "")),
            str(labels.get(REVISION, labels.get("modelservice.io/model", ""))),
            str(labels.get("modelservice.io/service-uid", "")),
            str(item.get("status", {}).get("phase", "")),
            "ready" if ready else "not ready",
            "leaving" if "deletionTimestamp" in item["metadata"] else "",
        ]
    ).strip()


def _renamed(text: str, *, kept: Objects, namespace: str) -> str:
    """Words for uids, revisions' hashes and the namespace."""
    words = {uid(item): f"uid of {kind} {name}" for (kind, name), item in kept.items()}
    words |= _singletons(kept)
    plain = _unplaced(_replaced(text, words=words), namespace=namespace)
    return _replaced(plain, words=_revisions(kept, words=words, namespace=namespace))


def _revisions(kept: Objects, *, words: Mapping[str, str], namespace: str) -> dict[str, str]:
    found = {}
    for (kind, _), item in kept.items():
        revision = item["metadata"].get("labels", {}).get(REVISION)
        if kind != "ControllerRevision" or not revision:
            continue
        text = _replaced(json.dumps(item.get("data"), sort_keys=True), words=words)
        text = _unplaced(text, namespace=namespace).replace(revision, "REVISION")
        found[revision] = f"revision-{sha256(text.encode()).hexdigest()[:8]}"
    return {**_carriers(kept, revisions=found), **found}


def _carriers(kept: Objects, *, revisions: Mapping[str, str]) -> dict[str, str]:
    """Deployments that serve a revision which is not their own."""
    return {
        labels(item)[REVISION]: f"carrier-of-{revisions[loaded]}"
        for (kind, _), item in kept.items()
        if kind == "Deployment"
        and (loaded := item["metadata"].get("annotations", {}).get(LOADED)) in revisions
    }


def _unplaced(text: str, *, namespace: str) -> str:
    return re.sub(rf"(?<![A-Za-z0-9-]){re.escape(namespace)}(?![A-Za-z0-9-])", "NAMESPACE", text)


def _singletons(kept: Objects) -> dict[str, str]:
    """Names that carry a hash of the namespace, which is another one in each run."""
    found = {}
    for kind, name in kept:
        if kind in {"PodDisruptionBudget", "NetworkPolicy", "HorizontalPodAutoscaler"}:
            stem, _, mark = name.rpartition("-")
            if len(mark) == 5 and set(mark) <= set("0123456789abcdef"):
                found[name] = f"{stem}-HASH"
    return found


def _replaced(text: str, *, words: Mapping[str, str]) -> str:
    # the longest first: one name may be the beginning of another
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, words[word])
    return text


def _unlike(state: Any, wanted: Any, *, path: str) -> Iterator[str]:
    if isinstance(state, dict) and isinstance(wanted, dict):
        for key in sorted(state.keys() | wanted.keys()):
            where = f"{path}.{key}" if path else str(key)
            if key not in state:
                yield f"{where} is missing"
            elif key not in wanted:
                yield f"{where} is there: {_short(state[key])}"
            else:
                yield from _unlike(state[key], wanted[key], path=where)
    elif isinstance(state, list) and isinstance(wanted, list) and len(state) == len(wanted):
        for index, (one, other) in enumerate(zip(state, wanted, strict=True)):
            yield from _unlike(one, other, path=f"{path}[{index}]")
    elif state != wanted:
        yield f"{path} is {_short(state)} and not {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 160 else f"{text[:160]}…"
