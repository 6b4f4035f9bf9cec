"""The ModelVersion that a finished run publishes. It has no owner: versions outlive services."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.desired import child_names
from modelservice_operator.desired.child import Child, Owner, Stage, labels
from modelservice_operator.desired.runs import Run, parameters


def model_version(run: Run, *, owner: Owner) -> Child:
    """From the trainer's result (its termination message) to the record of the version."""
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
                **labels(owner=owner, component="training"),
                names.LABEL_MODEL: child_names.label_value(model),
            },
        },
        "spec": {
            "model": model,
            "version": run.next_number,
            "format": result["format"],
            "artifact": {"uri": result["uri"], "digest": result["digest"], "size": result["size"]},
            "inputs": result["inputs"],
            "outputs": result["outputs"],
            "lineage": _lineage(run, owner=owner),
        },
    }
    return Child(manifest=manifest, stage=Stage.RECORD, mode="create")


def _lineage(run: Run, *, owner: Owner) -> dict[str, Any]:
    result = run.verdict.result
    stated = {key: value for key, value in parameters(run.training).items() if key != "optimizer"}
    if run.training.optimizer is not None:
        chosen = run.training.optimizer.model_dump(by_alias=True, exclude_none=True)
        stated |= {"optimizer": chosen.pop("name"), **chosen}
    return {
        "service": owner.name,
        "run": run.hash,
        "job": run.job_name,
        "dataset": dict(result["dataset"]),
        "parameters": {key: str(value) for key, value in sorted(stated.items())},
        "metrics": {"loss": str(result["loss"]), **result.get("metrics", {})},
        **({"code": {"image": run.image}} if run.image else {}),
    }
