"""Where a new pod's time went, and which pod is timed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelservice_operator.rollout.revisions import Revision
from modelservice_operator.status.cold_start import cold_start, lengths
from modelservice_operator.view import Manifest, Observed

DAY = "2026-11-26T10"


def ended(start: str, finish: str, **message: Any) -> Manifest:
    return {
        "terminated": {"startedAt": start, "finishedAt": finish, "message": json.dumps(message)}
    }


def pod(
    name: str = "pod-1",
    *,
    minute: str = "00",
    ready: str = "20",
    restarts: int = 0,
    timings: object = None,
) -> Manifest:
    """Made at second 0, placed at 1, fetched from 3 to 9, Triton from 12, ready at `ready`."""
    at = f"{DAY}:{minute}"
    done = {"ok": True, **({"timings": timings} if timings is not None else {})}
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": f"{at}:00Z"},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": f"{at}:01Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": f"{at}:{ready}Z"},
            ],
            "initContainerStatuses": [
                {"name": "fetch", "state": ended(f"{at}:03Z", f"{at}:09Z", **done)},
                {"name": "agent", "restartCount": restarts, "state": {"running": {}}},
            ],
            "containerStatuses": [
                {"name": "triton", "state": {"running": {"startedAt": f"{at}:12Z"}}}
            ],
        },
    }


def revision(*pods: Manifest, counted: int | None = None) -> Revision:
    count = len(pods) if counted is None else counted
    deployment = Observed(
        kind="Deployment",
        name="svc-1",
        uid="uid",
        resource_version="1",
        created="",
        deleting=False,
        labels={},
        owned={},
        status={"availableReplicas": count},
    )
    return Revision(hash="1", number=1, data={}, deployment=deployment, pods=pods, carrier="1")


def test_each_phase_is_timed_by_who_sees_it() -> None:
    timings = {"fetch": 4.25, "verify": 0.5, "configure": 0.01}
    assert cold_start(revision(pod(timings=timings)), previous={}) == {
        "pod": "pod-1",
        "at": f"{DAY}:00:20Z",
        "total": "20s",
        "scheduled": "1s",
        "imagePull": "5s",  # 1 → 3 before fetch, 9 → 12 before Triton
        "fetch": "4.2s",
        "verify": "0.5s",
        "configure": "0s",
        "load": "8s",
        "slowest": "load",
    }


@pytest.mark.parametrize(
    "timings",
    [None, "long", {"fetch": "4"}, {"fetch": -1}, {"fetch": True}, {"fetch": 1e12}, {"load": 3}],
)
def test_without_times_of_its_own_fetch_is_as_long_as_its_container(timings: object) -> None:
    told = cold_start(revision(pod(timings=timings)), previous={})
    assert told is not None
    assert told["fetch"] == "6s"
    assert "verify" not in told


def test_the_histogram_gets_what_the_status_tells() -> None:
    told = cold_start(revision(pod()), previous={})
    assert told is not None
    assert lengths(told) == {"total": 20, "scheduled": 1, "imagePull": 5, "fetch": 6, "load": 8}


OLD = cold_start(revision(pod(), counted=1), previous={})


@pytest.mark.parametrize(
    ("pods", "counted"),
    [
        ([], 0),  # scaled to zero
        ([pod()], 1),
        ([pod(ready="59")], 1),  # the same pod, which was unready for a while
        ([pod("pod-2", minute="00", ready="40")], 1),  # made beside it
        ([pod("pod-2", minute="05")], 0),  # the Deployment does not count it yet
        ([pod("pod-2", minute="05", restarts=1)], 1),  # its times are those of a later start
    ],
)
def test_what_was_told_stays(pods: list[Manifest], counted: int) -> None:
    assert cold_start(revision(*pods, counted=counted), previous={"coldStart": OLD}) == OLD


def test_a_younger_pod_is_told_of() -> None:
    pods = [pod(), pod("pod-2", minute="05", ready="30")]
    told = cold_start(revision(*pods), previous={"coldStart": OLD})
    assert told is not None
    assert (told["pod"], told["total"]) == ("pod-2", "30s")


def test_nothing_is_told_of_a_pod_without_times() -> None:
    bare = pod()
    bare["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert cold_start(revision(bare), previous={}) is None
    assert cold_start(None, previous={}) is None
