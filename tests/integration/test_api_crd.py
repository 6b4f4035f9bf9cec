"""The CRDs in a real API server: accepted, and of one mind with the pydantic types.

The same corpus as in tests/api/test_corpus.py is sent as dry runs; what the server takes, refuses
and fills in must be what the types take, refuse and fill in.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.client import APPLY, MERGE, Client, Refused
from e2e.cluster.controlplane import ControlPlane
from modelservice_operator.api import crd, parse_grant, parse_service, parse_version, quantity
from tests.api import corpus
from tests.api.quantities import CANONICAL, ODD

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
GROUP = "/apis/modelservice.io/v1alpha1/namespaces/default"
PLURALS = {one.kind: one.plural for one in crd.DEFINITIONS}
PARSE = {"ModelService": parse_service, "ModelVersion": parse_version, "ModelGrant": parse_grant}


@dataclass(frozen=True)
class Server:
    """The real API server, with the CRDs of `crds/`."""

    client: Client

    def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any],
        *,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        return json.loads(self.client.text(method, path, body=body, content_type=content_type))

    def try_out(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """What the server would store, defaults filled in."""
        plural = PLURALS[manifest["kind"]]
        return self.send("POST", f"{GROUP}/{plural}?dryRun=All&fieldValidation=Strict", manifest)


@dataclass(frozen=True)
class Refusal:
    """The answer to a bad request: its message, and (field, message) for each cause."""

    message: str
    causes: list[tuple[str, str]]

    @classmethod
    def of(cls, refused: Refused) -> Refusal:
        status = json.loads(str(refused).partition(": ")[2])
        causes = status.get("details", {}).get("causes", ())
        return cls(status["message"], [(one.get("field", ""), one["message"]) for one in causes])


@pytest.fixture
def server(control_plane: ControlPlane) -> Server:
    return Server(control_plane.client)


@pytest.mark.parametrize("case", corpus.good(), ids=str)
def test_good_specs_are_taken_and_filled_in_alike(server: Server, case: corpus.Case) -> None:
    parse = PARSE[case.manifest["kind"]]
    stored = server.try_out(case.manifest)
    assert parse(stored).spec == parse(case.manifest).spec


@pytest.mark.parametrize("case", corpus.bad(), ids=str)
def test_bad_specs_are_refused_with_the_field_and_the_rule(
    server: Server, case: corpus.Case
) -> None:
    if case.late:
        server.try_out(case.manifest)
        return
    with pytest.raises(Refused) as refused:
        server.try_out(case.manifest)
    refusal = Refusal.of(refused.value)
    if case.unknown:
        field = case.field.replace("[nvidia.com/gpu]", ".nvidia.com/gpu")
        assert f'unknown field "{field}"' in refusal.message
    else:
        # Beside the one that is meant, rules may complain of what the break entails.
        causes = [(field.replace("[a]", ".a"), text) for field, text in refusal.causes]
        assert any(
            field == case.field and case.says.lower() in text.lower() for field, text in causes
        ), causes


def test_a_quantity_is_canonical_when_the_server_keeps_it_as_it_is(server: Server) -> None:
    given = [*CANONICAL, *CANONICAL.values(), *ODD.values()]
    containers = [
        {"name": f"c{index}", "image": "x", "resources": {"limits": {"memory": text}}}
        for index, text in enumerate(given)
    ]
    pod = {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": containers}}
    stored = server.send("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)
    kept = [one["resources"]["limits"]["memory"] for one in stored["spec"]["containers"]]
    assert kept == [quantity.canonical(text) for text in given]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_taken(server: Server, example: Path) -> None:
    for manifest in yaml.safe_load_all(example.read_text()):
        manifest["metadata"].pop("namespace", None)  # which is not there
        stored = server.try_out(manifest)
        parse = PARSE[manifest["kind"]]
        assert parse(stored).spec == parse(manifest).spec


def test_a_version_never_changes(server: Server) -> None:
    manifest = next(
        case.manifest for case in corpus.good() if case.manifest["kind"] == "ModelVersion"
    )
    server.send("POST", f"{GROUP}/modelversions", manifest)
    path = f"{GROUP}/modelversions/{manifest['metadata']['name']}"
    with pytest.raises(Refused, match="immutable: create another ModelVersion") as refused:
        server.send("PATCH", path, {"spec": {"format": "ONNX", "version": 2}}, content_type=MERGE)
    assert [field for field, _ in Refusal.of(refused.value).causes] == ["spec"]
    # Labels may change: they are how a user sorts versions.
    server.send("PATCH", path, {"metadata": {"labels": {"stage": "x"}}}, content_type=MERGE)
    server.send("DELETE", path, {})


@pytest.mark.parametrize("kind", ["ModelService", "ModelVersion"])
def test_every_field_of_a_status_is_kept(server: Server, kind: str) -> None:
    """One that the CRD does not hold would be dropped, and written again at each reconcile."""
    definition = next(one for one in crd.DEFINITIONS if one.kind == kind)
    good = next(one.manifest for one in corpus.good() if one.manifest["kind"] == definition.kind)
    manifest = {**good, "metadata": {"name": "kept"}}
    path = f"{GROUP}/{definition.plural}"
    server.send("POST", path, manifest)
    status = filled(crd.root(definition.model)["properties"]["status"])
    body = {"apiVersion": manifest["apiVersion"], "kind": definition.kind, "status": status}
    query = "fieldManager=test&force=true&fieldValidation=Strict"
    kept = server.send("PATCH", f"{path}/kept/status?{query}", body, content_type=APPLY)
    assert kept["status"] == status
    assert definition.model.model_validate({**manifest, "status": status})
    server.send("DELETE", f"{path}/kept", {})


def filled(schema: dict[str, Any]) -> Any:
    """A value with every field of the schema."""
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {name: filled(field) for name, field in schema["properties"].items()}
    if schema["type"] == "array":
        return [filled(schema["items"])]
    if schema["type"] == "object":
        return {"a": filled(schema["additionalProperties"])}
    if schema["type"] == "integer":
        return schema["maximum"]
    return "2026-01-01T00:00:00Z" if "format" in schema else "a" * schema.get("minLength", 1)


def test_the_scale_of_a_service_is_its_replicas(server: Server) -> None:
    manifest = copy.deepcopy(corpus.good()[0].manifest)
    manifest["metadata"]["name"] = "scaled"
    server.send("POST", f"{GROUP}/modelservices", manifest)
    path = f"{GROUP}/modelservices/scaled"
    server.send("PATCH", f"{path}/scale", {"spec": {"replicas": 3}}, content_type=MERGE)
    status = {"replicas": 2, "selector": "modelservice.io/name=scaled"}
    server.send("PATCH", f"{path}/status", {"status": status}, content_type=MERGE)
    scale = server.send("PATCH", f"{path}/scale", {}, content_type=MERGE)
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == status
    server.send("DELETE", path, {})
