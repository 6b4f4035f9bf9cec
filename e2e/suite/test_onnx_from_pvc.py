"""A file on a volume becomes an API; the volume is read by what brings the model only."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.demo.kinds import CLAIM, VOLUME
from e2e.demo.kubectl import condition
from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, service
from e2e.suite.models import scaling
from e2e.suite.node import Node
from e2e.volumes import claim, volume


@pytest.fixture
def folder(node: Node, live: Live) -> Iterator[Path]:
    """A folder of the node that the volume of this run shows."""
    with node.folder(f"volume-{live.namespace}") as made:
        yield made


@pytest.fixture
def models(live: Live, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a claim that is not there yet; it and its volume go after the test.

    Each test has its own, since a claim that goes is there until its last pod is gone.
    """
    name = f"{live.namespace}-{zlib.crc32(request.node.name.encode()):08x}"
    yield name
    live.kubectl.delete(CLAIM, name)
    live.kubectl.delete(VOLUME, name)


@pytest.mark.embedded
def test_a_model_of_a_claim_is_served_once_the_claim_is_there(
    live: Live, apply: Apply, models: str, folder: Path
) -> None:
    (folder / "scaling.onnx").write_bytes(scaling(3))
    (folder / "scaling.onnx").chmod(0o644)
    name = apply(service("from-pvc", model(f"pvc://{models}/scaling.onnx")))
    waiting = live.told(name, "Ready", status="False", reason="ClaimMissing")
    assert models in condition(waiting, "Ready")["message"]

    live.apply(
        volume(models, folder=str(folder), of=models, namespace=live.namespace),
        claim(models, volume=models),
    )
    live.ready(name)
    assert live.serves(name, 3)
    (pod,) = live.pods(name)
    mounting = {
        container["name"]
        for container in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
        for mount in container["volumeMounts"]
        if mount["mountPath"].startswith("/mnt/claims/")
    }
    assert mounting == {"fetch", "agent"}


@pytest.mark.embedded
def test_a_link_on_a_claim_does_not_lead_out_of_it(
    live: Live, apply: Apply, models: str, folder: Path
) -> None:
    (folder / "m.onnx").symlink_to("/etc/passwd")
    live.apply(
        volume(models, folder=str(folder), of=models, namespace=live.namespace),
        claim(models, volume=models),
    )
    name = apply(service("from-link", model(f"pvc://{models}/m.onnx")))
    live.told(name, "Ready", status="False", reason="SourceRefused")
