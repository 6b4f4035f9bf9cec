"""What a finished training is told as: the result (the termination message) and its lineage."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelservice_runtime.artifacts import publication
from modelservice_runtime.tensors import Signature
from modelservice_runtime.training.dataset import Dataset
from modelservice_runtime.training.decimals import decimal
from modelservice_runtime.training.loop import Trained
from modelservice_runtime.training.report import decimals
from modelservice_runtime.training.run import Run


@dataclass(frozen=True)
class Outcome:
    """result: what the operator makes a ModelVersion of. lineage: what else the manifest keeps."""

    result: Mapping[str, Any]
    lineage: Mapping[str, Any]


def describe(
    run: Run,
    *,
    dataset: Dataset,
    dataset_digest: str,
    trained: Trained,
    artifact: Path,
    signature: Signature,
) -> Outcome:
    """The outcome of the run whose exported model is the file `artifact`."""
    digest = publication.digest_of(artifact)
    result = {
        "run": run.run,
        "uri": f"{run.output.uri}{publication.artifact_name(digest)}",
        "digest": digest,
        "size": artifact.stat().st_size,
        "format": "ONNX",
        "inputs": [tensor.document() for tensor in signature.inputs],
        "outputs": [tensor.document() for tensor in signature.outputs],
        "epochs": trained.epochs,
        "bestEpoch": trained.best_epoch,
        "loss": decimal(trained.loss),
        "metrics": decimals(trained.metrics),
        "dataset": {"uri": run.dataset.uri, "digest": dataset_digest},
        "stopped": trained.stopped,
        "seconds": round(trained.seconds, 3),
    }
    lineage = {
        "parameters": run.parameters,
        "samples": {"train": len(dataset.train), "test": len(dataset.test)},
        "versions": _versions(),
    }
    return Outcome(result=result, lineage=lineage)


def _versions() -> dict[str, str]:
    try:
        own = version("modelservice-operator")
    except PackageNotFoundError:
        own = "source"
    return {"modelservice": own, "torch": torch.__version__, "numpy": np.__version__}
