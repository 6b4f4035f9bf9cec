"""Metrics as their definitions have them."""

import numpy as np
import pytest

from modelservice_runtime.training.metrics import measure
from modelservice_runtime.training.recipes import Loss


def test_accuracy_is_the_share_of_labels_that_score_highest() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    assert measure(scores, np.array([0, 1, 1, 1]), loss=Loss.CROSS_ENTROPY) == {"accuracy": 0.75}


def test_a_probability_of_one_half_and_more_is_a_yes() -> None:
    scores = np.array([[0.5], [0.49], [0.9]])
    answers = np.array([[1.0], [0.0], [0.0]])
    metrics = measure(scores, answers, loss=Loss.BINARY_CROSS_ENTROPY)
    assert metrics["accuracy"] == pytest.approx(2 / 3)


def test_mean_absolute_error_and_determination() -> None:
    metrics = measure(np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]]), loss=Loss.MSE)
    assert metrics == {"mae": 1.0, "r2": 0.0}
    perfect = measure(np.array([[2.0], [4.0]]), np.array([[2.0], [4.0]]), loss=Loss.MSE)
    assert perfect == {"mae": 0.0, "r2": 1.0}


def test_targets_that_do_not_vary_have_no_determination() -> None:
    assert measure(np.zeros((3, 1)), np.ones((3, 1)), loss=Loss.MSE) == {"mae": 1.0}
