"""A model that is signed, compressed and encrypted is served, and one that is not right is not."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.demo.kubectl import Manifest, condition
from e2e.suite.conftest import Apply
from e2e.suite.live import MODEL, Live, model, service
from e2e.suite.models import scaling
from modelservice_runtime.artifacts.sealing.command import program

KEYS, SIGNERS = "scaling-key", "model-signers"
TRUST = {"requireSignature": True, "publicKeys": {"secretRef": {"name": SIGNERS}}}

Seal = Callable[..., Manifest]


@pytest.fixture(scope="module")
def desk(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where keys are; the namespace has those that its pods need."""
    folder = tmp_path_factory.mktemp("desk")
    for kind, name in (("signing", "team"), ("signing", "stranger"), ("encryption", "key")):
        assert program(["keygen", kind, str(folder / name)], environ={}) == 0
    live.apply(
        secret(KEYS, key=(folder / "key").read_bytes()),
        secret(SIGNERS, team=(folder / "team.pub").read_bytes()),
    )
    return folder


@pytest.fixture
def seal(live: Live, desk: Path) -> Seal:
    """Seals the model that multiplies by a factor, and stores it with its signature."""

    def sealed(factor: float, *, signer: str = "team", key: str | None = None) -> Manifest:
        file, output = desk / f"scaling-{factor:g}.onnx", desk / f"scaling-{factor:g}.sealed"
        file.write_bytes(scaling(factor))
        arguments = ["seal", str(file), "--output", str(output)]
        arguments += ["--encrypt-key", str(desk / "key"), "--sign-key", str(desk / signer)]
        assert program(arguments, environ={}) == 0
        uri = live.uri(f"{key or output.name}-{signer}")
        live.bucket.put(output.read_bytes(), uri=uri)
        live.bucket.put(output.with_name(f"{output.name}.sig").read_bytes(), uri=f"{uri}.sig")
        return model(uri, source={"encryption": {"secretRef": {"name": KEYS}}})

    return sealed


def secret(name: str, **data: bytes) -> Manifest:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}


def sealed_service(name: str, entry: Manifest, **more: Any) -> Manifest:
    return service(name, entry, trust=TRUST, **more)


def test_a_sealed_model_is_served_and_its_signer_named(
    live: Live, apply: Apply, seal: Seal
) -> None:
    name = apply(sealed_service("sealed", seal(3)))
    live.ready(name)
    assert live.serves(name, 3)
    status = live.told(name, "Trusted", status="True", reason="Verified")["status"]
    (served,) = [item for item in status["models"] if item["name"] == MODEL]
    assert served["signer"].startswith("team sha256:")
    assert served["verifiedAt"].endswith("Z")


def test_a_stranger_is_refused_and_the_old_model_serves_on(
    live: Live, apply: Apply, seal: Seal
) -> None:
    name = apply(sealed_service("strange", seal(3)))
    live.ready(name)
    live.apply(sealed_service(name, seal(4, signer="stranger")))
    told = live.told(name, "Trusted", status="False", reason="SignerUnknown")
    assert "spec.trust.publicKeys" in condition(told, "Ready")["message"]
    assert live.serves(name, 3)
    live.apply(sealed_service(name, seal(4)))
    live.ready(name)
    assert live.serves(name, 4)


def test_a_key_that_comes_later_is_taken_up(
    live: Live, apply: Apply, seal: Seal, desk: Path
) -> None:
    entry = seal(3)
    entry["source"]["encryption"]["secretRef"]["name"] = "later-key"
    name = apply(sealed_service("keyless", entry))
    waiting = live.told(name, "Ready", status="False", reason="SecretMissing")
    assert "later-key" in condition(waiting, "Ready")["message"]
    live.apply(secret("later-key", key=(desk / "key").read_bytes()))
    live.ready(name)
    assert live.serves(name, 3)


def test_an_artifact_that_was_cut_stalls(live: Live, apply: Apply, seal: Seal) -> None:
    entry = seal(5, key="cut")
    uri = entry["source"]["uri"]
    live.bucket.put(b"MSSEALED" + bytes(100), uri=uri)
    name = apply(sealed_service("cut", entry))
    stalled = live.told(name, "Stalled", status="True", reason="ArtifactDamaged")
    assert uri in condition(stalled, "Stalled")["message"]
    assert live.pods(name) == []
