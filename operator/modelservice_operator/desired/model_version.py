"""The ModelVersion that a finished run publishes. It has no owner: versions outlive services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelservice_operator.api import Training, names
from modelservice_operator.desired import child_names
from modelservice_operator.desired.child import Child, Owner, Stage, labels
from modelservice_operator.desired.runs import Run, parameters

# The metric that a conversion tells: how far its numbers are from those of the file, at most.
DIFFERENCE: Final = "difference"
_SOURCE: Final = ("uri", "digest", "format", "signer")
_LONGEST: Final = 256  # what the CRD lets a parameter be


def model_version(run: Run, *, owner: Owner) -> Child:
    """From the result of a run (a termination message) to the record of the version."""
    result = run.verdict.result
    model = run.model.name
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_VERSION,
        "metadata": {
            "name": child_names.model_version(
                service=owner.name, model=model, number=run.next_number
            ),
            "namespace": owner.namespace,
            "labels": {
                **labels(owner=owner, component=run.noun),
                names.LABEL_MODEL: child_names.label_value(model),
            },
        },
        "spec": {
            "model": model,
            "version": run.next_number,
            "format": result["format"],
            "artifact": {"uri": result["uri"], "digest": result["digest"], "size": result["size"]},
            # a termination message has no room for the tensors of some models
            **{side: result[side] for side in ("inputs", "outputs") if result.get(side)},
            "lineage": _lineage(run, owner=owner),
        },
    }
    return Child(manifest=manifest, stage=Stage.RECORD, mode="create")


def _lineage(run: Run, *, owner: Owner) -> dict[str, Any]:
    made = _trained(run.training, result=run.verdict.result) if run.training else _converted(run)
    return {
        "service": owner.name,
        "run": run.hash,
        "job": run.job_name,
        **made,
        **({"code": {"image": run.image}} if run.image else {}),
    }


def _trained(training: Training, *, result: Mapping[str, Any]) -> dict[str, Any]:
    stated = {key: value for key, value in parameters(training).items() if key != "optimizer"}
    if training.architecture is not None:
        stated["architecture"] = training.architecture.summary[:_LONGEST]
    if training.optimizer is not None:
        chosen = training.optimizer.model_dump(by_alias=True, exclude_none=True)
        stated |= {"optimizer": chosen.pop("name"), **chosen}
    return {
        "dataset": dict(result["dataset"]),
        "parameters": dict(sorted(pair for item in stated.items() for pair in _flat(*item))),
        "metrics": {"loss": str(result["loss"]), **result.get("metrics", {})},
    }


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A parameter; one of several parts as one for each, the part `name` without a word more."""
    if not isinstance(value, Mapping):
        yield name, str(value)
        return
    for part, inner in value.items():
        yield from _flat(name if part == "name" else f"{name}.{part}", inner)


def _converted(run: Run) -> dict[str, Any]:
    result = run.verdict.result
    told = {key: str(result["source"][key]) for key in _SOURCE if result["source"].get(key)}
    return {"source": told, "metrics": {DIFFERENCE: str(result["difference"])}}
