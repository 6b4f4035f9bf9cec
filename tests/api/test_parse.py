"""From live objects to types: what is ignored, what is said."""

import copy
from typing import Any

import pytest

from modelservice_operator.api import (
    InvalidSpec,
    ModelService,
    parse_service,
    parse_strictly,
    parse_version,
)
from tests.api import corpus


def service(**spec: Any) -> dict[str, Any]:
    manifest = next(one.manifest for one in corpus.good() if one.manifest["kind"] == "ModelService")
    return {**copy.deepcopy(manifest), "spec": {**copy.deepcopy(manifest["spec"]), **spec}}


def model(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "source": {"uri": "s3://bucket/a"}, **fields}


def test_fields_of_a_newer_version_are_ignored_in_live_objects_only() -> None:
    newer = service(weather={"fine": True}, models=[model(somethingNew={"size": 1})])
    assert parse_service(newer) == parse_service(service(models=[model()]))
    with pytest.raises(InvalidSpec, match=r"spec\.weather: is not a field of this API"):
        parse_strictly(newer, model=ModelService)


def test_a_status_of_another_version_is_no_reason_to_stall() -> None:
    assert parse_service({**service(), "status": {"conditions": "none"}}) == parse_service(
        service()
    )


def test_metadata_is_taken_as_the_server_sends_it() -> None:
    live = service()
    live["metadata"] |= {
        "namespace": "team",
        "uid": "1-2-3",
        "resourceVersion": "7",
        "generation": 2,
        "labels": {"a": "b"},
        "managedFields": [{"manager": "kubectl"}],
    }
    metadata = parse_service(live).metadata
    assert (metadata.namespace, metadata.uid, metadata.generation) == ("team", "1-2-3", 2)
    assert metadata.labels == {"a": "b"}


def test_equal_specs_compare_equal_however_they_are_written() -> None:
    def spelled(cpu: object, memory: str, deadline: str) -> ModelService:
        requests = {"cpu": cpu, "memory": memory}
        return parse_service(
            service(serving={"resources": {"requests": requests}, "progressDeadline": deadline})
        )

    assert spelled("500m", "1Gi", "1h30m") == spelled("0.5", "1024Mi", "90m")
    assert spelled(2, "1k", "30m") == spelled("2000m", "1000", "1800s")


def test_the_names_of_python_are_not_those_of_the_api() -> None:
    with pytest.raises(InvalidSpec, match="max_batch_size: is not a field"):
        parse_strictly(service(models=[model(max_batch_size=8)]), model=ModelService)


def test_each_problem_is_one_sentence_with_its_field() -> None:
    with pytest.raises(InvalidSpec) as refusal:
        parse_service(service(models=[model(maxBatchSize=-1), {"name": "b"}], suspend="yes"))
    assert str(refusal.value) == (
        "spec.models[0].maxBatchSize: must be greater than or equal to 0; "
        "spec.models[1]: a model needs exactly one of source, versionRef, training and ensemble: "
        "source serves a file, versionRef a version of the registry, training makes one, ensemble "
        "joins other models; "
        "spec.suspend: must be a valid boolean"
    )


def test_rules_of_one_object_are_all_told() -> None:
    batching = {"preferredBatchSizes": [2]}
    with pytest.raises(InvalidSpec) as refusal:
        parse_service(service(models=[{"name": "a", "dynamicBatching": batching}]))
    assert [problem.field for problem in refusal.value.problems] == [
        "spec.models[0]",
        "spec.models[0].dynamicBatching",
        "spec.models[0].dynamicBatching.preferredBatchSizes",
    ]


def test_a_message_stays_short_whatever_is_wrong() -> None:
    huge = "x" * 100_000
    labels = {f"{huge}{number}": huge for number in range(40)}
    bad = service(
        models=[model(maxBatchSize=huge) for _ in range(500)],
        serving={"podLabels": labels, "replicas": huge},
    )
    with pytest.raises(InvalidSpec) as refusal:
        parse_service(bad)
    message = str(refusal.value)
    assert len(message) < 2_000
    assert message.count(";") == 5
    assert message.endswith(" more")


def test_a_version_is_parsed_too() -> None:
    manifest = next(one.manifest for one in corpus.good() if one.manifest["kind"] == "ModelVersion")
    assert parse_version({**manifest, "status": 1}).spec.version == 1
    with pytest.raises(InvalidSpec, match=r"^kind: must be 'ModelVersion'$"):
        parse_version({**manifest, "kind": "ModelService"})
