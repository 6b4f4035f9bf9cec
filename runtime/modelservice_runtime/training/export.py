"""From a trained network to `model.onnx`, which another engine runs before anybody relies on it.

The file is written from the layers and their weights, as one of weights alone is; torch's own
exporter is not needed (docs/decisions/0018).
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from modelservice_runtime.artifacts import onnx_model
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import architecture_graph
from modelservice_runtime.tensors import ANY, Signature
from modelservice_runtime.training import verify
from modelservice_runtime.training.networks import with_head
from modelservice_runtime.training.recipes import Loss, Recipe

_CHECKED_BATCHES = (1, 3)
_CHECKED_STEPS = (4, 7)  # of sequences of any length, in the batches


def export(network: nn.Module, *, recipe: Recipe, loss: Loss, target: Path) -> Signature:
    """Write the recipe's network (on the CPU) as it is served, with a dynamic batch axis.

    Returns its tensors as they are read from the file. Raises `Failure` with `TrainingFailed` when
    the file computes something else than the network.
    """
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    content = architecture_graph.write(recipe.architecture, loss=loss, weights=weights)
    target.write_bytes(content)
    check(with_head(network, loss=loss), recipe=recipe, target=target)
    return onnx_model.read(target)


def check(network: nn.Module, *, recipe: Recipe, target: Path) -> None:
    """Raise `Failure` unless `target` computes what the network (with its head) does, within
    1e-5."""
    generator = np.random.default_rng(0)
    cases: dict[str, np.ndarray] = {}
    for index, (batch, steps) in enumerate(zip(_CHECKED_BATCHES, _CHECKED_STEPS, strict=True)):
        shape = (steps if length == ANY else length for length in recipe.sample_shape)
        x = generator.random((batch, *shape), dtype=np.float32)
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
