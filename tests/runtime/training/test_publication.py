"""One run publishes once, whatever was killed, repeated or tampered with."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime.artifacts import publication
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.training.run import Run

OpenAt = Callable[[str], Storage]


class Pod:
    """A pod of the run, with a model of its own making."""

    def __init__(self, run: Run, output: Storage, directory: Path, *, model: bytes) -> None:
        self.run, self.output, self.scratch = run, output, directory
        self.artifact = directory / f"{model.decode()}.onnx"
        self.artifact.write_bytes(model)
        digest = publication.digest_of(self.artifact)
        self.place = output.child(publication.artifact_name(digest))
        self.result: dict[str, Any] = {
            "run": run.run,
            "uri": self.place.uri,
            "digest": digest,
            "size": len(model),
            "dataset": {"uri": run.dataset.uri, "digest": "sha256:d1"},
        }

    def commit(self) -> Mapping[str, Any]:
        return publication.commit(
            self.run.execution,
            output=self.output,
            artifact=self.artifact,
            result=self.result,
            lineage={"parameters": self.run.parameters},
            scratch=self.scratch,
        )

    def find(self) -> Mapping[str, Any] | None:
        return publication.find(self.run.execution, output=self.output, scratch=self.scratch)


@pytest.fixture
def output(storage: OpenAt, make_run: Callable[..., Run]) -> Storage:
    return storage(make_run().output.uri)


@pytest.fixture
def pod(make_run: Callable[..., Run], output: Storage, tmp_path: Path) -> Callable[[bytes], Pod]:
    return lambda model: Pod(make_run(), output, tmp_path, model=model)


def test_a_run_that_was_never_committed_is_not_found(pod: Callable[[bytes], Pod]) -> None:
    assert pod(b"first").find() is None


def test_a_repeated_run_ends_with_the_same_result(pod: Callable[[bytes], Pod]) -> None:
    first = pod(b"first")
    assert first.commit() == first.result
    assert pod(b"second").find() == first.result


def test_an_artifact_without_a_manifest_counts_for_nothing(pod: Callable[[bytes], Pod]) -> None:
    killed, again = pod(b"killed"), pod(b"again")
    killed.place.upload(killed.artifact)
    assert again.find() is None
    assert again.commit() == again.result == again.find()


def test_of_two_pods_at_once_the_first_to_commit_wins_for_both(
    pod: Callable[[bytes], Pod],
) -> None:
    fast, slow = pod(b"fast"), pod(b"slow")
    assert fast.commit() == fast.result
    assert slow.commit() == fast.result
    assert slow.find() == fast.result


def test_a_run_with_other_data_replaces_what_was_committed(pod: Callable[[bytes], Pod]) -> None:
    old, new = pod(b"old"), pod(b"new")
    old.commit()
    new.result["dataset"] = {**old.result["dataset"], "digest": "sha256:d2"}
    assert new.commit() == new.result == pod(b"third").find()


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"result": {}}',
        b'{"result": "done"}',
        b'{"result": {"run": "another", "uri": "s3://a/b", "digest": "sha256:00"}}',
        b'{"result": {"run": "6f2c0d", "uri": "s3://elsewhere/x", "digest": "sha256:00"}}',
    ],
)
def test_a_manifest_that_is_not_ours_is_replaced(
    pod: Callable[[bytes], Pod], output: Storage, manifest: bytes
) -> None:
    output.child("manifest.json").put_bytes(manifest)
    mine = pod(b"mine")
    assert mine.find() is None
    assert mine.commit() == mine.result == mine.find()


def test_a_manifest_that_leads_elsewhere_is_not_followed(
    pod: Callable[[bytes], Pod], output: Storage
) -> None:
    one = pod(b"one")
    one.result["uri"] = "s3://elsewhere/model.onnx"
    one.commit()
    assert one.find() is None


@pytest.mark.parametrize("tampered", [b"other bytes", None])
def test_an_artifact_that_does_not_match_is_trained_again(
    pod: Callable[[bytes], Pod], tampered: bytes | None, bucket: Any
) -> None:
    first = pod(b"first")
    first.commit()
    if tampered is None:
        bucket.delete(first.place.place.key)
    else:
        first.place.put_bytes(tampered)
    again = pod(b"again")
    assert again.find() is None
    assert again.commit() == again.result == again.find()


def test_the_manifest_is_canonical_and_tells_the_lineage(
    pod: Callable[[bytes], Pod], output: Storage
) -> None:
    one = pod(b"one")
    one.commit()
    data = output.child("manifest.json").get_bytes(limit=10_000)
    manifest = json.loads(data)
    assert manifest == {
        "apiVersion": "runtime.modelservice.io/v1",
        "result": one.result,
        "parameters": one.run.parameters,
    }
    assert data == json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


def test_what_is_trained_is_noted_before(pod: Callable[[bytes], Pod], output: Storage) -> None:
    publication.begin(pod(b"one").run.intent, output=output)
    intent = json.loads(output.child("run.json").get_bytes(limit=10_000))
    assert (intent["run"], intent["parameters"]["recipe"]) == ("6f2c0d", "linear")
