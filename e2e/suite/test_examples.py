"""What users copy is applied as it stands, and answers as the same files do on this machine."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.chart import ROOT
from e2e.cluster.places import ADDRESS
from e2e.data import DATASETS
from e2e.demo.kinds import CLAIM, MODEL_VERSION, VOLUME
from e2e.demo.kubectl import Manifest
from e2e.site import File, site
from e2e.suite import asking, examples
from e2e.suite.conftest import Apply
from e2e.suite.examples import Case, sha256
from e2e.suite.live import Live
from e2e.suite.node import Node
from e2e.volumes import claim, volume
from modelservice_runtime.artifacts.sealing.command import program

EXAMPLES = ROOT / "examples"
# What is trained, and the metric that it reaches on samples that it was not trained on.
TRAINED = {
    "binary": ("accuracy", 0.85),
    "cnn-small": ("accuracy", 0.95),
    "iris": ("accuracy", 0.9),
    "linear": ("r2", 0.99),
    "mlp": ("r2", 0.9),
    "rnn": ("r2", 0.9),
}
ALONE = {  # below
    "modelversion",
    "onnx-from-https",
    "onnx-from-pvc",
    "onnx-from-registry",
    "sealed",
    "version-ref",
}
ELSEWHERE = {
    "digits": "`make demo` trains and asks it",
    "gpu": "no GPU is here to compute; test_gpus schedules it",
    "onnx-from-hugging-face": "the platform's hub, a value of the chart; tests/runtime serves one",
    "shared-version": "between namespaces of its own names; test_registry",
    "tensorrt": "as gpu",
}


def test_every_example_is_tried_or_said_why_not() -> None:
    here = {path.stem for path in EXAMPLES.glob("*.yaml")}
    assert here == examples.SERVED.keys() | TRAINED.keys() | ALONE | ELSEWHERE.keys()


def example(name: str) -> Manifest:
    """The example, with small requests, so that a handful of services fits two cores."""
    manifest: Manifest = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    spec = manifest["spec"]
    for one in (spec.get("serving"), *(item.get("training") for item in spec.get("models", ()))):
        if one is not None:
            one["resources"]["requests"] = {"cpu": "20m", "memory": "128Mi"}
    return manifest


def answers(live: Live, name: str, case: Case) -> None:
    """Wait until the service serves, and compare."""
    told = next(one for one in live.ready(name)["status"]["models"] if one["name"] == case.model)
    assert told.get("format", "") == case.format
    asking.answers(live, name, model=case.model, inputs=case.inputs, outputs=case.outputs)


@pytest.mark.parametrize("name", examples.SERVED)
def test_an_example_answers_as_its_files_do(name: str, live: Live, apply: Apply) -> None:
    case = examples.SERVED[name]()
    for uri, content in case.files.items():
        live.bucket.put(content, uri=uri)
    answers(live, apply(example(name)), case)


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_answers_as_the_file_that_it_made(name: str, live: Live, apply: Apply) -> None:
    parts = DATASETS[name](seed=0)
    live.bucket.put(parts.content(), uri=f"s3://data/{name}.npz")
    apply(example(name))
    (told,) = live.ready(name)["status"]["models"]
    (made,) = (one for one in live.kubectl.list(MODEL_VERSION) if one["spec"]["model"] == name)
    assert made["spec"]["version"] == told["version"]
    metric, least = TRAINED[name]
    assert float(made["spec"]["lineage"]["metrics"][metric]) >= least
    (tensor,) = told["inputs"]
    inputs = {tensor["name"]: parts.held[0][: examples.BATCH]}
    outputs = examples.run(live.bucket.read(made["spec"]["artifact"]["uri"]), inputs)
    answers(live, name, Case({}, name, "ONNX", inputs, outputs))


@pytest.mark.embedded
def test_a_file_of_a_claim(live: Live, apply: Apply, models_claim: Path) -> None:
    case = examples.one_classifier()
    folder = models_claim / "classifier"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "model.onnx").write_bytes(case.files[examples.CLASSIFIER])
    (folder / "model.onnx").chmod(0o644)
    answers(live, apply(example("onnx-from-pvc")), case)


@pytest.fixture
def models_claim(live: Live, node: Node) -> Iterator[Path]:
    """The folder behind the claim `models`."""
    with node.folder(f"examples-{live.namespace}") as folder:
        name = f"{live.namespace}-examples"
        live.apply(
            volume(name, folder=str(folder), of="models", namespace=live.namespace),
            claim("models", volume=name),
        )
        yield folder
        live.kubectl.delete(CLAIM, "models")
        live.kubectl.delete(VOLUME, name)


@pytest.mark.embedded
@pytest.mark.parametrize("name", ["onnx-from-https", "onnx-from-registry"])
def test_a_file_of_a_server(name: str, live: Live, apply: Apply, tmp_path: Path) -> None:
    case = examples.one_classifier()
    content = case.files[examples.CLASSIFIER]
    manifest = example(name)
    source = manifest["spec"]["models"][0]["source"]
    source["secretRef"] = {"name": "authority"}
    with site(tmp_path, host=ADDRESS) as server:
        server.put("/classifier/model.onnx", File(content))
        pushed = examples.artifact(content, title="model.onnx")
        server.put("/v2/models/classifier/manifests/v1", File(pushed))
        server.put(f"/v2/models/classifier/manifests/{sha256(pushed)}", File(pushed))
        server.put(f"/v2/models/classifier/blobs/{sha256(content)}", File(content))
        source["uri"] = re.sub(r"//[a-z.]+/", f"//{ADDRESS}:{server.port}/", source["uri"])
        live.apply(_secret("authority", "ca.crt", server.authority))
        answers(live, apply(manifest), case)


def test_a_version_of_the_registry(live: Live, apply: Apply) -> None:
    case = examples.one_classifier()
    (content,) = case.files.values()
    live.bucket.put(content, uri=examples.CLASSIFIER)
    version = example("modelversion")
    version["spec"]["artifact"] |= {
        "digest": sha256(content),
        "size": len(content),
    }
    live.apply(version)
    answers(live, apply(example("version-ref")), case)


def test_a_sealed_model(live: Live, apply: Apply, tmp_path: Path) -> None:
    uri = "s3://models/digits/3.onnx.zst.sealed"
    case = examples.one_classifier(uri=uri, name="digits")
    model, output = tmp_path / "digits.onnx", tmp_path / "3.onnx.zst.sealed"
    model.write_bytes(case.files[uri])
    signing, encryption = tmp_path / "team.key", tmp_path / "digits.key"
    keys = ["--sign-key", str(signing), "--encrypt-key", str(encryption)]
    for arguments in (
        ["keygen", "signing", str(signing)],
        ["keygen", "encryption", str(encryption)],
        ["seal", str(model), "--name", "digits-3", *keys, "--output", str(output)],
    ):
        assert program(arguments, environ={}) == 0
    for file, place in ((output, uri), (tmp_path / f"{output.name}.sig", f"{uri}.sig")):
        live.bucket.put(file.read_bytes(), uri=place)
    live.apply(
        _secret("digits-key", "key", encryption),
        _secret("model-signers", "team.key.pub", tmp_path / "team.key.pub"),
    )
    answers(live, apply(example("sealed")), case)


def _secret(name: str, key: str, file: Path) -> dict[str, Any]:
    data = {key: base64.b64encode(file.read_bytes()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
