"""The scheduler's words become sentences without numbers that change from minute to minute."""

from __future__ import annotations

import pytest

from modelservice_operator.api import Gpu
from modelservice_operator.status.scheduling import claim_without_volume, missing_claim, no_node

FULL = (
    "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
    "2 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: 3 No preemption victims."
)


def test_it_says_what_to_do_about_gpus() -> None:
    text = no_node(FULL, gpu=Gpu(count=2, products=("NVIDIA-A100",)))
    assert "too few free nvidia.com/gpu for 2 a pod" in text
    assert "no GPU of NVIDIA-A100" in text


def test_counts_of_nodes_do_not_change_the_text() -> None:
    other = FULL.replace("0/3", "0/90").replace("2 Ins", "70 Ins").replace("1 node", "20 node")
    assert no_node(FULL, gpu=None) == no_node(other, gpu=None)


def test_what_the_scheduler_tried_besides_is_left_out() -> None:
    """Of Kubernetes 1.36, with dynamic resources."""
    text = no_node(
        "0/4 nodes are available: 4 Insufficient cpu. no new claims to deallocate, preemption: 0/4 "
        "nodes are available: 4 Preemption is not helpful for scheduling.",
        gpu=None,
    )
    assert text == "No node fits. The scheduler says: Insufficient cpu."


def test_unknown_words_are_passed_on() -> None:
    assert "something new" in no_node("something new", gpu=None)


@pytest.mark.parametrize(
    ("message", "claim", "unbound"),
    [
        (
            '0/3 nodes are available: persistentvolumeclaim "models.a" not found. preemption: 0/3 '
            "nodes are available: 3 Preemption is not helpful for scheduling.",
            "models.a",
            False,
        ),
        ('persistentvolumeclaim "models" not found', "models", False),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", None, True),
        (
            "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.",
            None,
            True,
        ),
        ("0/1 nodes are available: 1 node(s) had volume node affinity conflict.", None, False),
        (FULL, None, False),
    ],
)
def test_a_claim_that_is_the_cause_is_recognised(
    message: str, claim: str | None, unbound: bool
) -> None:
    assert missing_claim(message) == claim
    assert claim_without_volume(message) is unbound
