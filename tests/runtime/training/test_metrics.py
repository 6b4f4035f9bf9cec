"""Metrics as their definitions have them."""

import numpy as np
import pytest

from modelservice_runtime.training.metrics import measure
from modelservice_runtime.training.recipes import Loss


def test_accuracy_is_the_share_of_labels_that_score_highest() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    assert measure(scores, np.array([0, 1, 1, 1]), loss=Loss.CROSS_ENTROPY)["accuracy"] == 0.75


def test_of_several_classes_the_scores_are_means_over_those_that_occur() -> None:
    """Found 0, 1, 0, 3 where 0, 1, 1, 1 are right: class 0 has a precision of 1/2 and a recall of
    1, class 1 of 1 and 1/3; class 3 does not occur."""
    scores = np.eye(4)[[0, 1, 0, 3]]
    metrics = measure(scores, np.array([0, 1, 1, 1]), loss=Loss.CROSS_ENTROPY)
    assert metrics == {
        "accuracy": 0.5,
        "precision": pytest.approx((1 / 2 + 1) / 2),
        "recall": pytest.approx((1 + 1 / 3) / 2),
        "f1": pytest.approx((2 / 3 + 1 / 2) / 2),
    }


def test_a_probability_of_one_half_and_more_is_a_yes() -> None:
    scores = np.array([[0.5], [0.49], [0.9]])
    answers = np.array([[1.0], [0.0], [0.0]])
    metrics = measure(scores, answers, loss=Loss.BINARY_CROSS_ENTROPY)
    assert metrics == {
        "accuracy": pytest.approx(2 / 3),
        "precision": pytest.approx(1 / 2),
        "recall": pytest.approx(1),
        "f1": pytest.approx(2 / 3),
    }


def test_what_nothing_is_found_of_scores_zero() -> None:
    metrics = measure(np.zeros((2, 1)), np.ones((2, 1)), loss=Loss.BINARY_CROSS_ENTROPY)
    assert metrics == {"accuracy": 0.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_mean_absolute_error_and_determination() -> None:
    metrics = measure(np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]]), loss=Loss.MSE)
    assert metrics == {"mae": 1.0, "r2": 0.0}
    perfect = measure(np.array([[2.0], [4.0]]), np.array([[2.0], [4.0]]), loss=Loss.MSE)
    assert perfect == {"mae": 0.0, "r2": 1.0}


def test_targets_that_do_not_vary_have_no_determination() -> None:
    assert measure(np.zeros((3, 1)), np.ones((3, 1)), loss=Loss.MSE) == {"mae": 1.0}
