"""The chart carries the generated CRDs unchanged, upgrades them and keeps them at uninstall."""

from __future__ import annotations

from pathlib import Path

import yaml

from e2e.chart import CHART, ROOT, Manifest, manifests

GENERATED = ROOT / "crds"
POLICY = "helm.sh/resource-policy"


def crds(helm: Path, *arguments: str) -> dict[str, Manifest]:
    return {
        d["metadata"]["name"]: d
        for d in manifests(helm, *arguments)
        if d["kind"] == "CustomResourceDefinition"
    }


def test_copies_are_byte_equal() -> None:
    copies = {path.name: path.read_bytes() for path in (CHART / "files" / "crds").iterdir()}
    assert copies == {path.name: path.read_bytes() for path in GENERATED.iterdir()}
    assert len(copies) == 3


def test_helm_does_not_install_them_a_second_time() -> None:
    assert not (CHART / "crds").exists()


def test_rendered_definitions_are_the_generated_ones(helm: Path) -> None:
    rendered = crds(helm)
    for path in GENERATED.iterdir():
        generated = yaml.safe_load(path.read_text())
        definition = rendered.pop(generated["metadata"]["name"])
        assert definition["spec"] == generated["spec"]
        assert definition["metadata"]["annotations"][POLICY] == "keep"
        assert definition["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert not rendered


def test_keeping_and_installing_are_choices(helm: Path) -> None:
    for definition in crds(helm, "--set=crds.keep=false").values():
        assert POLICY not in definition["metadata"].get("annotations", {})
    assert not crds(helm, "--set=crds.install=false")
