"""How good a model is on samples that it was not trained on; which metrics, the loss decides."""

import numpy as np

from modelservice_runtime.training.recipes import Loss


def measure(predictions: np.ndarray, targets: np.ndarray, *, loss: Loss) -> dict[str, float]:
    """Metrics of predictions as they are served (after softmax or sigmoid).

    CrossEntropy and BinaryCrossEntropy: `accuracy`, the share of right answers, and `precision`,
    `recall` and `f1`, each 0…1: of the class 1 where there are two, else the means over the
    classes that occur in the targets (macro averages). A class that is never predicted has a
    precision of 0.
    MSE: `mae`, the mean absolute error in the target's unit, and `r2`, the coefficient of
    determination over all outputs; r2 is left out where the targets do not vary.
    """
    match loss:
        case Loss.CROSS_ENTROPY:
            return _classification(predictions.argmax(axis=1), targets, classes=np.unique(targets))
        case Loss.BINARY_CROSS_ENTROPY:
            found, wanted = (predictions >= 0.5).ravel(), (targets >= 0.5).ravel()
            return _classification(found, wanted, classes=np.array([True]))
        case Loss.MSE:
            return _regression(predictions.astype(np.float64), targets.astype(np.float64))


def _classification(
    found: np.ndarray, wanted: np.ndarray, *, classes: np.ndarray
) -> dict[str, float]:
    scores = np.array([_scores(found == one, wanted == one) for one in classes])
    precision, recall, f1 = (float(score) for score in scores.mean(axis=0))
    accuracy = float(np.mean(found == wanted))
    return {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1}


def _scores(found: np.ndarray, wanted: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of one class; what has nothing to be measured by is 0."""
    right = float(np.sum(found & wanted))
    precision, recall = (right / max(1.0, float(np.sum(one))) for one in (found, wanted))
    return precision, recall, 2 * right / max(1.0, float(np.sum(found) + np.sum(wanted)))


def _regression(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    error = targets - predictions
    metrics = {"mae": float(np.mean(np.abs(error)))}
    variation = float(np.sum((targets - targets.mean(axis=0)) ** 2))
    if variation > 0:
        metrics["r2"] = 1 - float(np.sum(error**2)) / variation
    return metrics
