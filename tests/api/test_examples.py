"""What users copy must be right to the last field."""

from pathlib import Path

import pytest
import yaml

from modelservice_operator.api import ModelGrant, ModelService, ModelVersion, parse_strictly

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
TYPES = {"ModelService": ModelService, "ModelVersion": ModelVersion, "ModelGrant": ModelGrant}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_says_what_it_shows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for manifest in yaml.safe_load_all(text):
        parse_strictly(manifest, model=TYPES[manifest["kind"]])
    assert text.startswith("# ")


def test_the_examples_are_all_there() -> None:
    assert {path.stem for path in EXAMPLES} >= {
        "autoscaling-cpu",
        "digits",
        "ensemble",
        "gpu",
        "linear",
        "modelversion",
        "onnx-from-https",
        "onnx-from-hugging-face",
        "onnx-from-pvc",
        "onnx-from-registry",
        "onnx-from-s3",
        "python-model",
        "safetensors",
        "sealed",
        "shared-version",
        "tensorrt",
        "torch-export",
        "torchscript",
        "version-ref",
    }
