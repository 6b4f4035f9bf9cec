"""The numbers before and after: a converted model is run beside TensorFlow's, on random inputs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from modelservice_runtime import container
from modelservice_runtime.conversion import samples
from modelservice_runtime.conversion.loaded import Arrays, Loaded, cannot
from modelservice_runtime.conversion.told import ERRORS, first_line
from modelservice_runtime.failure import Failure, Reason

BATCHES = (1, 2, 3, 5)
# Lengths that other axes of any length are tried with: a few steps, words, pixels.
LENGTHS = (8, 32, 64, 224)

# onnxruntime's errors have no class in common but Exception.
_ENGINE: tuple[type[Exception], ...] = (
    *(ValueError, RuntimeError),
    *(
        one
        for one in vars(onnxruntime_pybind11_state).values()
        if isinstance(one, type) and issubclass(one, Exception)
    ),
)


@dataclass(frozen=True)
class Agreement:
    """largest: difference between any two values. samples: how many inputs were compared."""

    largest: float
    samples: int


def compare(loaded: Loaded, target: Path) -> Agreement:
    """Run both. Raises `Failure` with `ConversionDiffers` unless they agree within 1e-5."""
    session = _session(target)
    length = _length(loaded)
    generator = np.random.default_rng(0)
    largest, compared = 0.0, 0
    for batch, long in (*((batch, length) for batch in BATCHES), (2, 2 * length)):
        if long != length and not samples.has_lengths(loaded.inputs):
            continue
        given = samples.arrays(loaded.inputs, batch=batch, length=long, generator=generator)
        try:
            expected = loaded.run(given)
        except ERRORS as error:
            if long != length:
                continue  # it takes the one length: nothing says that it takes others
            raise cannot(
                f"TensorFlow itself cannot run it on a batch of {batch} ({first_line(error)}). "
                "Save it with the batch that it takes"
            ) from None
        found = _answer(session, given=given)
        for one in samples.differences(found, expected):
            raise _differs(f"in its output {one.output}, {one.told}")
        largest = max(largest, samples.largest(found, expected))
        compared += 1
    return Agreement(largest=largest, samples=compared)


def _answer(session: onnxruntime.InferenceSession, *, given: Arrays) -> Arrays:
    names = [one.name for one in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, given), strict=True))
    except _ENGINE as error:
        raise _differs(f"onnxruntime cannot run it ({first_line(error)})") from None


def _session(target: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = container.cpus()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(target), options, providers=["CPUExecutionProvider"]
        )
    except _ENGINE as error:
        raise cannot(f"onnxruntime does not load what became of it ({first_line(error)})") from None


def _length(loaded: Loaded) -> int:
    """The first length that TensorFlow itself can run the model with, and that gives numbers."""
    generator = np.random.default_rng(1)
    problem, fallback = "", None
    for length in LENGTHS:
        given = samples.arrays(loaded.inputs, batch=1, length=length, generator=generator)
        try:
            found = loaded.run(given)
        except ERRORS as error:
            problem = problem or first_line(error)
            continue
        # What pools nothing answers with infinities, and two engines differ in those.
        if all(samples.tells(one) for one in found.values()):
            return length
        fallback = length if fallback is None else fallback
    if fallback is not None:
        return fallback
    raise cannot(
        f"TensorFlow itself cannot run it on random inputs ({problem}). Save it with the lengths "
        "of its axes"
    )


def _differs(problem: str) -> Failure:
    return Failure(
        reason=Reason.CONVERSION_DIFFERS,
        message=f"The converted model does not compute what the original does: {problem}; "
        f"{samples.TOLERANCE:g} is allowed. Export the model to ONNX by yourself.",
    )
