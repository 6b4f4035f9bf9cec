"""Run an exported model in another engine and compare: a program of its own, without torch.

    export → python -P verify.py MODEL CASES.npz

A fresh process is what the model meets when it is served, and what onnxruntime writes to stderr
(Debian's build: a thousand lines about schemas) stays out of the training's log.
`CASES.npz` has the inputs `x0, x1, …` and what the network made of them, `y0, y1, …`. This is run
as a plain file and imports nothing of the package.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

EXIT_DIFFERS = 3
TOLERANCE = 1e-5


def main(model: Path, cases: Path) -> int:
    """0, or `EXIT_DIFFERS` with the difference on stdout."""
    infer = _engine(model)
    with np.load(cases, allow_pickle=False) as arrays:
        for index in range(len(arrays.files) // 2):
            expected = arrays[f"y{index}"]
            difference = _difference(infer(arrays[f"x{index}"]), expected)
            if difference is not None:
                sys.stdout.write(f"{difference} in a batch of {len(expected)}")
                return EXIT_DIFFERS
    return 0


def _engine(model: Path) -> Callable[[np.ndarray], np.ndarray]:
    """onnxruntime where the image has it, else ONNX's own (slow) reference implementation."""
    engine: Any
    try:
        import onnxruntime  # noqa: PLC0415  # optional
    except ModuleNotFoundError:
        from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # in its stead

        engine = ReferenceEvaluator(str(model))
        name = engine.input_names[0]
    else:
        engine = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        name = engine.get_inputs()[0].name
    return lambda x: np.asarray(engine.run(None, {name: x})[0])


def _difference(found: np.ndarray, expected: np.ndarray) -> str | None:
    if found.shape != expected.shape:
        return f"shape {list(found.shape)} for {list(expected.shape)}"
    if not np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE):
        return f"a difference of {np.abs(found - expected).max():.1e}"
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
