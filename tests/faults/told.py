"""Runs that tests make up: what was changed, asked and seen, in the order in which it is told."""

from __future__ import annotations

from typing import Any, Literal

from e2e.faults.history import Change, History
from e2e.faults.plan import Plan
from e2e.faults.record import Manifest, Request, WatchEvent
from e2e.faults.run import Exit, Moment, Run

NAMESPACE = "plan-1"
UID = "uid-of-digits"
LABELS = {"modelservice.io/name": "digits", "modelservice.io/component": "serving"}


def owner(uid: str = UID, *, kind: str = "ModelService") -> Manifest:
    return {
        "apiVersion": "modelservice.io/v1alpha1",
        "kind": kind,
        "name": "digits",
        "uid": uid,
        "controller": True,
    }


def thing(kind: str, name: str, **more: Any) -> Manifest:
    """An object; `labels`, `owner`, `uid` and the like are its metadata, the rest is its body."""
    metadata: Manifest = {"name": name, "uid": more.pop("uid", f"uid-of-{kind}-{name}")}
    for key in ("labels", "annotations", "generation", "deletionTimestamp"):
        if key in more:
            metadata[key] = more.pop(key)
    if "owner" in more:
        metadata["ownerReferences"] = [more.pop("owner")]
    return {"kind": kind, "metadata": metadata, **more}


def service(*, generation: int = 1, uid: str = UID, **more: Any) -> Manifest:
    """The ModelService `digits`, by default of two pods."""
    spec = {
        "models": [{"name": "digits", "source": {"uri": "s3://models/a.onnx"}}],
        "serving": {"replicas": 2},
        **more.pop("spec", {}),
    }
    return thing("ModelService", "digits", uid=uid, generation=generation, spec=spec, **more)


def pod(name: str, *, ready: bool = True, uid: str = UID, **more: Any) -> Manifest:
    """A serving pod of `digits`."""
    labels = {**LABELS, "modelservice.io/service-uid": uid, **more.pop("labels", {})}
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"phase": "Running", "conditions": [condition]}
    return thing("Pod", name, labels=labels, status=status, **more)


def deployment(revision: str, *, replicas: int = 2, available: int = 0, **more: Any) -> Manifest:
    """The Deployment of a revision of `digits`."""
    return thing(
        "Deployment",
        f"digits-{revision}",
        labels={**LABELS, "modelservice.io/revision": revision},
        owner=more.pop("owner", owner()),
        spec={"replicas": replicas, "template": {"spec": {}}},
        status={"replicas": replicas, "availableReplicas": available},
        **more,
    )


def record(revision: str, *, uri: str = "s3://models/a.onnx") -> Manifest:
    """The ControllerRevision of a revision of `digits`."""
    return thing(
        "ControllerRevision",
        f"digits-{revision}",
        labels={**LABELS, "modelservice.io/revision": revision},
        owner=owner(),
        revision=1,
        data={"models": [{"name": "digits", "uri": uri, "digest": None}]},
    )


class Told:
    """Makes a run: each thing that is told happens a tenth of a second after the one before."""

    def __init__(self, *, workload: str = "serves") -> None:
        self.run = Run(
            plan=Plan(id="made/up", workload=workload, kind="none"),
            namespace=NAMESPACE,
            began=0.0,
            history=History(NAMESPACE),
        )
        self._at = 0.0
        self._version = 100

    def now(self) -> float:
        return self._at

    def passes(self, seconds: float) -> Told:
        self._at += seconds
        return self

    def added(self, *items: Manifest) -> Told:
        return self._changed("ADDED", *items)

    def modified(self, *items: Manifest) -> Told:
        return self._changed("MODIFIED", *items)

    def deleted(self, *items: Manifest) -> Told:
        return self._changed("DELETED", *items)

    def step(self, name: str) -> Told:
        self.run.moments.append(Moment(step=name, began=self._at, ended=None))
        return self

    def over(self) -> Told:
        """The last step is over."""
        step = self.run.moments.pop()
        self.run.moments.append(Moment(step=step.step, began=step.began, ended=self._at))
        return self

    def exits(self, status: int, *, expected: bool = False, process: int = 1) -> Told:
        self.run.exits.append(Exit(at=self._at, process=process, status=status, expected=expected))
        return self

    def sees(self, type: str, item: Manifest, *, process: int = 1, fault: str = "") -> Told:  # noqa: A002
        """The operator's watch gets an event."""
        self._tick()
        self.run.trace.events.append(
            WatchEvent(
                at=self._at,
                process=process,
                kind=item["kind"],
                type=type,
                object=self._versioned(item),
                fault=fault,
            )
        )
        return self

    def asks(self, verb: str, item: Manifest, **more: Any) -> Told:
        """The operator writes (or reads) an object; it is answered with the object."""
        self._tick()
        status = more.pop("status", 200)
        answer = self._versioned(item) if 200 <= status < 300 else None
        request: dict[str, Any] = {
            "at": self._at,
            "ended": self._at + 0.01,
            "process": 1,
            "verb": verb,
            "kind": item["kind"],
            "namespace": NAMESPACE,
            "name": item["metadata"]["name"],
            "subresource": "",
            "query": {},
            "body": item,
            "status": status,
            "told": status,
            "answer": answer,
            **more,
        }
        self.run.trace.requests.append(Request(**request))
        return self

    def _changed(self, type: Literal["ADDED", "MODIFIED", "DELETED"], *items: Manifest) -> Told:  # noqa: A002
        for item in items:
            self._tick()
            self.run.history.add(Change(self._at, type, item["kind"], self._versioned(item)))
        return self

    def _versioned(self, item: Manifest) -> Manifest:
        metadata = {**item["metadata"], "resourceVersion": str(self._version)}
        return {**item, "metadata": metadata}

    def _tick(self) -> None:
        self._at += 0.1
        self._version += 1
