"""From a trained network to `model.onnx`: the one place that knows torch's exporter.

The file is run once more by a different engine before anybody relies on it.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.tensors import Signature
from modelservice_runtime.training import verify
from modelservice_runtime.training.recipes import Recipe

_OPSET = 17
_CHECKED_BATCHES = (1, 3)


def export(network: nn.Module, *, recipe: Recipe, target: Path) -> Signature:
    """Write the network (on the CPU, in eval mode, with its head) with a dynamic batch axis.

    Returns its tensors as they are read from the file. Raises `Failure` with `TrainingFailed` when
    the file computes something else than the network.
    """
    example = torch.zeros((2, *recipe.sample_shape))
    axes = {recipe.input.name: {0: "batch"}, recipe.output.name: {0: "batch"}}
    with warnings.catch_warnings():
        # torch 2.9 deprecates this exporter, which reads a traced graph. The one that replaces it
        # (dynamo=True) was wrong or failed with torch 2.6 and needs onnxscript; the recipes'
        # graphs are plain enough for either.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (example,),
            str(target),
            dynamo=False,
            opset_version=_OPSET,
            input_names=[recipe.input.name],
            output_names=[recipe.output.name],
            dynamic_axes=axes,
        )
    check(network, recipe=recipe, target=target)
    return onnx_model.read(target)


def check(network: nn.Module, *, recipe: Recipe, target: Path) -> None:
    """Raise `Failure` unless `target` computes what the network does, within 1e-5."""
    generator = np.random.default_rng(0)
    cases: dict[str, np.ndarray] = {}
    for index, batch in enumerate(_CHECKED_BATCHES):
        x = generator.random((batch, *recipe.sample_shape), dtype=np.float32)
        with torch.inference_mode():
            cases |= {f"x{index}": x, f"y{index}": network(torch.from_numpy(x)).numpy()}
    path = target.with_suffix(".cases.npz")
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **cases)
    outcome = subprocess.run(
        [sys.executable, "-P", verify.__file__, str(target), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    path.unlink()
    if outcome.returncode < 0:
        # Killed from outside (memory, most likely): nothing is known about the model.
        raise ChildProcessError(f"the check of the export was ended by {-outcome.returncode}")
    if outcome.returncode == 0:
        return
    problem = outcome.stdout
    if outcome.returncode != verify.EXIT_DIFFERS:
        problem = (outcome.stderr.strip().splitlines() or ["no message"])[-1][:300]
    raise Failure(
        reason=Reason.TRAINING_FAILED,
        message=f"The exported model does not compute what was trained ({problem}). The trainer "
        "image's versions of torch and ONNX do not work together; use the image of a release.",
    )
