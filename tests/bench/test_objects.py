"""The bare client writes what the operator wrote, for another service."""

import json

from e2e.bench import objects
from e2e.bench.objects import Name, Template, Write


def test_names_lead_back_to_their_service() -> None:
    (first, second) = objects.batch(2, namespaces=("a", "b"))
    assert (first.namespace, second.namespace) == ("a", "b")
    assert objects.service_of(f"{second.name}-5d9c8f-x") == second.name


def test_a_template_is_filled_with_another_service() -> None:
    one, other = Name("recording", "specimen"), Name("team-1", "svc00007")
    values = objects._values(one, uid="1111")
    written = {"name": f"{values['serving']}", "owner": "specimen", "uid": "1111"}
    path = f"/apis/policy/v1/namespaces/recording/poddisruptionbudgets/{values['serving']}"
    write = Write("PATCH", path, json.dumps(written).encode(), "application/json")
    template = Template((objects._hollow(write, values=values),))
    (filled,) = template.filled(other, uid="2222")
    serving = objects._values(other, uid="2222")["serving"]
    assert json.loads(filled.body) == {"name": serving, "owner": "svc00007", "uid": "2222"}
    assert filled.path == f"/apis/policy/v1/namespaces/team-1/poddisruptionbudgets/{serving}"
    assert serving.startswith("svc00007-serving-")


def test_services_of_the_load_are_valid() -> None:
    from modelservice_operator.api import parse_service

    manifest = objects.service(Name("team-1", "svc00007"))
    manifest["metadata"] |= {"uid": "1", "generation": 1}
    assert parse_service(manifest).spec.models[0].name == "model"
