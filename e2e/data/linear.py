"""A regression whose answer is known, and the recipe `linear` once more in plain numpy.

Ten inputs, one output, a little noise. The noise makes the fitted weights differ from `WEIGHTS`
by a known order (noise / √samples), so that a model that is right is told from one that was given
the answer; `trained_locally` is what the service's predictions are compared with.
"""

import numpy as np

from e2e.data.parts import Parts

WEIGHTS = np.array([1.5, -2.0, 0.5, 0.0, 3.0, -1.0, 2.5, -0.5, 1.0, -3.0])
BIAS = 0.75
NOISE = 0.1

_TRAIN, _TEST, _HELD_OUT = 800, 100, 100


def parts(*, seed: int) -> Parts:
    """800 samples to train, 100 to measure, 100 held out."""
    generator = np.random.default_rng(seed)
    samples = _TRAIN + _TEST + _HELD_OUT
    x = generator.standard_normal((samples, len(WEIGHTS)))
    y = x @ WEIGHTS + BIAS + NOISE * generator.standard_normal(samples)
    x32, y32 = x.astype(np.float32), y.astype(np.float32)[:, np.newaxis]
    first, second = _TRAIN, _TRAIN + _TEST
    return Parts(
        train=(x32[:first], y32[:first]),
        test=(x32[first:second], y32[first:second]),
        held=(x32[second:], y32[second:]),
    )


def trained_locally(
    x: np.ndarray, y: np.ndarray, *, learning_rate: float = 0.01, epochs: int = 1000
) -> tuple[np.ndarray, float]:
    """Weights [10] and bias of the same training by hand: MSE, full-batch gradient descent.

    It starts at zero and the trainer at random weights; after 1,000 epochs both are at the
    least-squares solution within 1e-4, because the inputs are standardised and independent.
    """
    weights, bias = np.zeros(x.shape[1]), 0.0
    targets = y.reshape(-1).astype(np.float64)
    for _ in range(epochs):
        error = x @ weights + bias - targets
        weights -= learning_rate * 2 * (x.T @ error) / len(x)
        bias -= learning_rate * 2 * float(error.mean())
    return weights, bias
