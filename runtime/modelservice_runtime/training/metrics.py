"""How good a model is on samples that it was not trained on; which metrics, the loss decides."""

import numpy as np

from modelservice_runtime.training.recipes import Loss


def measure(predictions: np.ndarray, targets: np.ndarray, *, loss: Loss) -> dict[str, float]:
    """Metrics of predictions as they are served (after softmax or sigmoid).

    CrossEntropy and BinaryCrossEntropy: `accuracy`, the share of right answers, 0…1.
    MSE: `mae`, the mean absolute error in the target's unit, and `r2`, the coefficient of
    determination over all outputs; r2 is left out where the targets do not vary.
    """
    match loss:
        case Loss.CROSS_ENTROPY:
            return {"accuracy": float(np.mean(predictions.argmax(axis=1) == targets))}
        case Loss.BINARY_CROSS_ENTROPY:
            return {"accuracy": float(np.mean((predictions >= 0.5) == (targets >= 0.5)))}
        case Loss.MSE:
            return _regression(predictions.astype(np.float64), targets.astype(np.float64))


def _regression(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    error = targets - predictions
    metrics = {"mae": float(np.mean(np.abs(error)))}
    variation = float(np.sum((targets - targets.mean(axis=0)) ** 2))
    if variation > 0:
        metrics["r2"] = 1 - float(np.sum(error**2)) / variation
    return metrics
