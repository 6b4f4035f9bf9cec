"""The document is the contract between an operator and agents that are two versions apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime.document import Document, DynamicBatching, Instances, Step
from modelservice_runtime.tensors import Tensor
from tests.runtime.examples import document, model_entry

FULL = model_entry(
    digest="sha256:" + "0" * 64,
    maxBatchSize=32,
    dynamicBatching={"preferredBatchSizes": [8, 16], "maxQueueDelayMicroseconds": 500},
    instances=[{"count": 2, "kind": "GPU"}, {"count": 1, "kind": "CPU"}],
    inputs=[{"name": "image", "dataType": "FP32", "shape": [-1, 1, 28, 28]}],
)


def test_every_field_is_read(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text(
        json.dumps(
            document(
                FULL,
                triton={"backends": ["onnxruntime", "python"], "gpu": True, "gpus": 2},
                network={"allowedNetworks": ["10.0.0.0/8"]},
            )
        )
    )
    got = Document.read(path)
    assert (got.namespace, got.service, got.revision) == ("default", "digits", "5d9c8f0a12")
    assert got.backends == {"onnxruntime", "python"}
    assert (got.gpu, got.gpus, got.allowed_networks) == (True, 2, ("10.0.0.0/8",))
    model = got.models[0]
    assert model.dynamic_batching == DynamicBatching((8, 16), 500)
    assert model.instances == (Instances(2, "GPU"), Instances(1, "CPU"))
    assert model.instance_count == 3
    assert model.inputs == (Tensor("image", "FP32", (-1, 1, 28, 28)),)
    assert (model.outputs, model.format, model.recipe) == (None, None, None)
    assert model.folder(Path("/models")) == Path("/models/digits/1")


def test_what_the_user_says_of_the_file_is_read() -> None:
    stated = document(model_entry(format="TorchScript", recipe="cnn"))
    model = Document.parse(stated).models[0]
    assert (model.format, model.recipe) == ("TorchScript", "cnn")


@pytest.mark.parametrize(
    ("security", "allowed"), [({"allowPythonModels": True}, True), ({}, False)]
)
def test_code_of_users_is_allowed_by_the_platform_alone(
    security: dict[str, bool], allowed: bool
) -> None:
    assert Document.parse(document(FULL, security=security)).python_models is allowed
    assert not Document.parse(document(FULL)).python_models


def test_what_a_newer_operator_adds_is_ignored() -> None:
    newer = document({**FULL, "somethingNew": {"size": 1}}, signature="abc")
    newer["triton"]["cache"] = {"size": 1}
    assert Document.parse(newer) == Document.parse(document(FULL))


def test_what_an_older_operator_leaves_out_has_a_meaning() -> None:
    old = model_entry()
    for field in ("maxBatchSize", "dynamicBatching", "instances", "inputs", "outputs", "digest"):
        del old[field]
    wanted = document(old)
    for field in ("revision", "triton", "network"):
        del wanted[field]
    got = Document.parse(wanted)
    assert (got.revision, got.backends, got.gpus, got.allowed_networks) == (None, set(), None, ())
    assert (got.models[0].max_batch_size, got.models[0].instance_count) == (0, 1)


def ensemble_entry(name: str, *members: str) -> dict[str, Any]:
    steps = [{"model": one, "inputs": {"x": "a"}, "outputs": {"y": "b"}} for one in members]
    return {"name": name, "version": 1, "maxBatchSize": 0, "ensemble": {"steps": steps}}


def test_an_ensemble_has_no_file_and_stands_behind_its_members() -> None:
    wanted = document(
        ensemble_entry("outer", "inner", "b"),
        ensemble_entry("inner", "a", "b"),
        model_entry(name="b"),
        model_entry(name="a"),
    )
    models = Document.parse(wanted).models
    assert [model.name for model in models] == ["b", "a", "inner", "outer"]
    assert models[2].steps[0] == Step(model="a", inputs={"x": "a"}, outputs={"y": "b"})
    assert models[3].members == {"inner", "b"}
    assert (models[3].uri, models[3].digest) == ("", None)


@pytest.mark.parametrize("member", ["a", "b", "gone"])
def test_an_ensemble_that_cannot_be_loaded_is_refused(member: str) -> None:
    wanted = document(ensemble_entry("a", member), ensemble_entry("b", "a"))
    with pytest.raises(ValueError, match="are missing, or run each other"):
        Document.parse(wanted)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", ".hidden", "a" * 64, "a\n"])
def test_a_name_never_becomes_another_folder(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a model"):
        Document.parse(document(model_entry(name=name)))


def test_another_api_version_is_refused() -> None:
    with pytest.raises(ValueError, match="apiVersion"):
        Document.parse(document(apiVersion="runtime.modelservice.io/v9"))
