"""A whole run, from what lies in storage to what lies there afterwards."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelservice_runtime import termination
from modelservice_runtime.artifacts.location import Location
from modelservice_runtime.artifacts.publication import digest_of
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.progress import Progress
from modelservice_runtime.training.run import Run
from modelservice_runtime.training.session import Session

pytestmark = pytest.mark.torch


class Pod:
    """A training pod without patience; `heard` is what /progress would have answered."""

    def __init__(self, run: Run, scratch: Path, open_at: Callable[[str], Storage]) -> None:
        self.run, self.heard = run, list[Progress]()
        scratch.mkdir(parents=True)
        self.session = Session(
            run=run,
            open=lambda location: open_at(location.uri),
            publish=self.heard.append,
            scratch=scratch,
            patience=0,
        )

    def execute(self) -> Mapping[str, Any]:
        return self.session.execute()

    @property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(progress.phase for progress in self.heard))


@pytest.fixture
def upload(
    storage: Callable[[str], Storage], make_run: Callable[..., Run], tmp_path: Path
) -> Callable[..., str]:
    """Puts arrays where the run's dataset is; returns their digest."""

    def put(**arrays: np.ndarray) -> str:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        place = storage(make_run().dataset.uri)
        place.put_bytes(buffer.getvalue())
        return place.download(tmp_path / "uploaded.npz").digest

    return put


@pytest.fixture
def pod(
    make_run: Callable[..., Run], storage: Callable[[str], Storage], tmp_path: Path
) -> Callable[..., Pod]:
    pods: list[Pod] = []

    def make(**changes: Any) -> Pod:
        pods.append(Pod(make_run(**changes), tmp_path / f"pod-{len(pods)}", storage))
        return pods[-1]

    return make


def test_a_run_leaves_an_artifact_a_manifest_and_a_message(
    pod: Callable[..., Pod],
    upload: Callable[..., str],
    line: dict[str, np.ndarray],
    storage: Callable[[str], Storage],
    tmp_path: Path,
) -> None:
    digest = upload(**line)
    one = pod(epochs=50)
    result = one.execute()
    assert result["dataset"] == {"uri": one.run.dataset.uri, "digest": digest}
    assert result["inputs"] == [{"name": "x", "dataType": "FP32", "shape": [-1, 10]}]
    assert result["outputs"] == [{"name": "y", "dataType": "FP32", "shape": [-1, 1]}]
    assert (result["run"], result["format"]) == ("6f2c0d", "ONNX")
    assert (result["epochs"], result["stopped"]) == (50, "Epochs")
    assert set(result["metrics"]) == {"mae", "r2", "testLoss"}

    artifact = tmp_path / "artifact"
    storage(result["uri"]).download(artifact)
    assert result["uri"].startswith(one.run.output.uri)
    assert (digest_of(artifact), artifact.stat().st_size) == (result["digest"], result["size"])

    manifest = json.loads(storage(one.run.output.uri).child("manifest.json").get_bytes(limit=9999))
    assert manifest["result"] == result
    assert manifest["parameters"] == one.run.parameters
    assert manifest["samples"] == {"train": 51, "test": 13}
    assert set(manifest["versions"]) == {"modelservice", "torch", "numpy"}
    assert json.loads(termination.success(result)) == {"ok": True, **result}


def test_progress_follows_the_run(
    pod: Callable[..., Pod], upload: Callable[..., str], line: dict[str, np.ndarray]
) -> None:
    upload(**line)
    one = pod(epochs=3)
    one.execute()
    assert one.phases == ["Loading", "Training", "Exporting", "Uploading", "Done"]
    training = [progress for progress in one.heard if progress.phase == "Training"]
    assert [(progress.epoch, progress.epochs) for progress in training] == [
        (0, 3),
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert set(training[-1].metrics) == {"mae", "r2", "testLoss"}
    assert training[-1].eta_seconds == 0


def test_a_repeated_run_trains_nothing_and_says_the_same(
    pod: Callable[..., Pod], upload: Callable[..., str], line: dict[str, np.ndarray]
) -> None:
    upload(**line)
    result = pod(epochs=5).execute()
    again = pod(epochs=5)
    assert again.execute() == result
    assert again.phases == ["Loading", "Done"]


def test_a_run_that_is_repeated_with_other_data_trains_again(
    pod: Callable[..., Pod], upload: Callable[..., str], line: dict[str, np.ndarray]
) -> None:
    upload(**line)
    first = pod(epochs=5).execute()
    upload(**(line | {"y": line["y"] + 1}))
    second = pod(epochs=5).execute()
    assert second["dataset"] != first["dataset"]
    assert second["digest"] != first["digest"]
    assert pod(epochs=5).execute() == second, "its manifest stands where the old one was"


def test_the_same_run_elsewhere_gives_the_same_bytes(
    pod: Callable[..., Pod], upload: Callable[..., str], line: dict[str, np.ndarray]
) -> None:
    upload(**line)
    other = {"uri": "s3://models/elsewhere/", "credentials": "/c"}
    assert pod(epochs=5).execute()["digest"] == pod(epochs=5, output=other).execute()["digest"]


def test_a_dataset_that_is_not_there_yet_is_waited_for(pod: Callable[..., Pod]) -> None:
    with pytest.raises(Failure) as caught:
        pod().execute()
    assert caught.value.reason is Reason.SOURCE_NOT_FOUND
    assert caught.value.heals


def test_a_dataset_of_another_digest_is_not_trained_on(
    pod: Callable[..., Pod], upload: Callable[..., str], line: dict[str, np.ndarray]
) -> None:
    digest = upload(**line)
    dataset = {**vars(pod().run.dataset), "sha256": "00" * 32, "credentials": "/c"}
    with pytest.raises(Failure) as caught:
        pod(dataset=dataset).execute()
    assert caught.value.reason is Reason.DATASET_DIGEST_MISMATCH
    assert digest in caught.value.message


def test_a_dataset_that_the_recipe_cannot_take_ends_the_run(
    pod: Callable[..., Pod], upload: Callable[..., str]
) -> None:
    upload(x=np.zeros((5, 3)), y=np.zeros(5))
    with pytest.raises(Failure, match="x has the shape") as caught:
        pod().execute()
    assert caught.value.reason is Reason.DATASET_INVALID


def test_an_output_that_cannot_be_written_is_known_before_training(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    denied = Failure(reason=Reason.ACCESS_DENIED, message="no")

    def refuse(location: Location) -> Storage:
        raise denied

    heard: list[Progress] = []
    session = Session(
        run=make_run(), open=refuse, publish=heard.append, scratch=tmp_path, patience=0
    )
    with pytest.raises(Failure) as caught:
        session.execute()
    assert caught.value is denied
    assert [progress.phase for progress in heard] == ["Loading"]
