"""What the store keeps of a live object. Pure, and on the hot path of every event.

The heart is `owned`: the live object projected onto the fields that our field manager owns, as
the API server records them in metadata.managedFields. A field that somebody took over falls out
of it, a field that we no longer want is still in it, and what others added never was: so a child
is right when this equals its wanted manifest, and no hash annotation is needed.

FieldsV1, in the words of k8s.io/apimachinery: `f:<name>` a field, `k:{…}` the list item with these
keys, `v:…` the item of a set with this value, `i:<n>` an index, `.` the item itself, `{}` the
whole value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, reduce
from typing import Any, Final

from modelservice_operator.api import names

Manifest = dict[str, Any]

_NOTHING: Final[Manifest] = {}
_CONDITION: Final = ("type", "status", "reason", "message", "lastTransitionTime")
_CONTAINER: Final = (
    "name",
    "ready",
    "started",
    "restartCount",
    "state",
    "lastState",
)
_POD_STATUS: Final = ("phase", "reason", "message", "podIP", "startTime")
# What decisions read of a child's status. What is not here may change without a reconcile: an
# autoscaler's current metrics do so every 15 s, a disruption budget's counts with every pod.
_STATUS: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
    ),
    "HorizontalPodAutoscaler": ("observedGeneration", "currentReplicas", "desiredReplicas"),
    "Job": ("active", "ready", "succeeded", "failed", "startTime", "completionTime"),
}


def owned(obj: Manifest) -> Manifest:
    """The part of a live object that our field manager owns; without names, kinds and status."""
    trees = [
        entry.get("fieldsV1") or _NOTHING
        for entry in obj["metadata"].get("managedFields") or ()
        if entry.get("manager") == names.MANAGER and not entry.get("subresource")
    ]
    # More than one where an object was made by POST and a part of it is applied since.
    return _fields(obj, tree=reduce(_union, trees)) if trees else {}


def child(kind: str, obj: Manifest) -> Manifest:
    """A child: `owned` and the `status` that decisions read.

    `status.generation` is the object's metadata.generation, to be held against
    observedGeneration.
    """
    metadata = obj["metadata"]
    return {
        "created": metadata.get("creationTimestamp", ""),
        "deleting": "deletionTimestamp" in metadata,
        "labels": metadata.get("labels") or {},
        "owned": _owned_revision(obj) if kind == "ControllerRevision" else owned(obj),
        "status": _child_status(kind, obj=obj),
    }


def service(obj: Manifest) -> Manifest:
    """A ModelService; of its labels only the one that children inherit.

    `written` is when we last wrote its status, by the API server's clock.
    """
    metadata = obj["metadata"]
    kept = _pick(
        metadata,
        (
            "name",
            "namespace",
            "uid",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
        ),
    )
    labels = metadata.get("labels") or {}
    kept["labels"] = _pick(labels, (names.LABEL_QUEUE,))
    written = [
        entry["time"]
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") == names.MANAGER and entry.get("subresource") and "time" in entry
    ]
    return {**_whole(obj, metadata=kept), **({"written": written[0]} if written else {})}


def version(obj: Manifest) -> Manifest:
    """A ModelVersion, whole but for annotations and managedFields."""
    kept = _pick(
        obj["metadata"],
        (
            "name",
            "namespace",
            "uid",
            "labels",
            "creationTimestamp",
            "deletionTimestamp",
        ),
    )
    return _whole(obj, metadata=kept)


def grant(obj: Manifest) -> Manifest:
    """A ModelGrant: where it is and what it allows."""
    return {
        "metadata": _pick(obj["metadata"], ("name", "namespace", "uid")),
        "spec": obj.get("spec") or {},
    }


def pod(obj: Manifest) -> Manifest:
    """A pod: who it belongs to, where it is, and what its containers say."""
    metadata = obj["metadata"]
    kept = _pick(metadata, ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"))
    kept["labels"] = {
        key: value
        for key, value in (metadata.get("labels") or {}).items()
        if key.startswith(f"{names.GROUP}/")
    }
    kept["ownerReferences"] = [
        _pick(ref, ("kind", "name", "uid", "controller"))
        for ref in metadata.get("ownerReferences") or ()
        if ref.get("controller")
    ]
    live = obj.get("status") or _NOTHING
    status = _pick(live, _POD_STATUS)
    status["conditions"] = _conditions(live)
    for statuses in ("initContainerStatuses", "containerStatuses"):
        status[statuses] = [_pick(item, _CONTAINER) for item in live.get(statuses) or ()]
    spec = _pick(obj.get("spec") or _NOTHING, ("nodeName",))
    return {"metadata": kept, "spec": spec, "status": status}


_TRIMS: Final[Mapping[str, Callable[[Manifest], Manifest]]] = {
    names.KIND_SERVICE: service,
    names.KIND_VERSION: version,
    names.KIND_GRANT: grant,
    "Pod": pod,
}


def trim(kind: str, obj: Manifest) -> Manifest:
    """What the store keeps of an object of a watched kind; `obj` is left as it is.

    Without its resourceVersion, which the store keeps beside it: a change of that alone is none.
    """
    special = _TRIMS.get(kind)
    return special(obj) if special is not None else child(kind, obj)


def _whole(obj: Manifest, *, metadata: Manifest) -> Manifest:
    return {
        "metadata": metadata,
        "spec": obj.get("spec") or {},
        "status": obj.get("status") or {},
    }


def _owned_revision(obj: Manifest) -> Manifest:
    # Written once by POST, whose managedFields say nothing that is not in the object.
    return {
        "metadata": {"labels": obj["metadata"].get("labels") or {}},
        "data": obj.get("data"),
        "revision": obj.get("revision"),
    }


def _child_status(kind: str, *, obj: Manifest) -> Manifest:
    wanted = _STATUS.get(kind)
    if wanted is None:
        return {}
    live = obj.get("status") or _NOTHING
    status = _pick(live, wanted)
    status["generation"] = obj["metadata"].get("generation", 0)
    status["conditions"] = _conditions(live)
    return status


def _conditions(status: Manifest) -> list[Manifest]:
    # without lastUpdateTime, lastHeartbeatTime and lastProbeTime: they move on their own
    return [_pick(item, _CONDITION) for item in status.get("conditions") or ()]


def _pick(source: Manifest, wanted: Iterable[str]) -> Manifest:
    return {key: source[key] for key in wanted if key in source}


def _fields(live: Manifest, *, tree: Manifest) -> Manifest:
    """`live` (a map) with only the fields that `tree` names."""
    result: Manifest = {}
    for element, below in tree.items():
        if element[:2] != "f:":
            continue
        name = element[2:]
        if name in live:
            value = live[name]
            result[name] = _value(value, tree=below) if below else value
    return result


def _value(live: Any, *, tree: Manifest) -> Any:
    if isinstance(live, dict):
        return _fields(live, tree=tree)
    if isinstance(live, list):
        return _items(live, tree=tree)
    return live


def _items(live: list[Any], *, tree: Manifest) -> list[Any]:
    """The items of `live` that `tree` selects, in the order in which they are live."""
    chosen: dict[int, Any] = {}
    for element, below in tree.items():
        if element == ".":
            continue
        index = _find(live, element=element)
        if index is not None:
            item = live[index]
            chosen[index] = _value(item, tree=below) if below else item
    return [chosen[index] for index in sorted(chosen)]


def _find(live: list[Any], *, element: str) -> int | None:
    kind, text = element[0], element[2:]
    wanted = _decoded(text)
    for index, item in enumerate(live):
        if kind == "k":
            if all(item.get(key) == value for key, value in wanted.items()):
                return index
        elif (kind == "v" and item == wanted) or (kind == "i" and index == wanted):
            return index
    return None


@lru_cache(maxsize=4096)
def _decoded(text: str) -> Any:
    # The same few keys come with every event: a container's name, a port, our own uid.
    return json.loads(text)


def _union(one: Manifest, other: Manifest) -> Manifest:
    """The fields of either tree."""
    if not one or not other:
        return {}  # one of them owns the whole value
    result = {**one, **other}
    for element in one.keys() & other.keys():
        result[element] = _union(one[element], other[element])
    return result
