"""Nothing that a user writes breaks out of where it belongs: commands and arguments are the same
for everybody, variables mean what was written, labels and names are what Kubernetes takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api import parse_service
from modelservice_operator.api.scalars import LABEL_VALUE_REGEX
from tests.world import SHA, World, service

WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(LABEL_VALUE_REGEX)

model_names = st.from_regex(WORD, fullmatch=True)
secret_names = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?(\.[a-z0-9]{1,9}){0,3}", fullmatch=True
)
uris = st.one_of(
    st.from_regex(
        r"s3://[a-z0-9][a-z0-9.-]{1,20}[a-z0-9](/[A-Za-z0-9!_*()=+@:,~$&;-]{1,20}){1,4}",
        fullmatch=True,
    ),
    st.sampled_from(
        [
            "s3://data/$(MODELSERVICE_S3_ENDPOINT)/x",
            "s3://data/$$(HOME)",
            "s3://data/$",
            "s3://data/$(",
            "s3://data/&&:;(id)",
            "s3://data/--log-file=x",
        ]
    ),
)
tensors = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(min_size=1, max_size=30),
            "dataType": st.just("FP32"),
            "shape": st.just([-1, 2]),
        }
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one["name"],
)
sources = st.fixed_dictionaries(
    {
        "name": model_names,
        "source": st.fixed_dictionaries(
            {
                "uri": uris,
                "sha256": st.just(SHA),
                "secretRef": st.fixed_dictionaries({"name": secret_names}),
            }
        ),
        "inputs": tensors,
    }
)
trainings = st.fixed_dictionaries(
    {
        "name": model_names,
        "training": st.fixed_dictionaries(
            {
                "recipe": st.just("linear"),
                "dataset": st.fixed_dictionaries(
                    {"uri": uris, "secretRef": st.fixed_dictionaries({"name": secret_names})}
                ),
            }
        ),
    }
)


def pods(world: World) -> Iterator[dict[str, Any]]:
    """The pod templates of everything that the operator wants to write."""
    for apply in world.change().applies:
        template = apply.manifest.get("spec", {}).get("template")
        if template:
            yield template


def containers(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]


def commands(world: World) -> list[tuple[str, list[str], list[str]]]:
    return [
        (container["name"], container["command"], container.get("args", []))
        for template in pods(world)
        for container in containers(template)
    ]


def as_the_kubelet_reads(value: str, variables: Mapping[str, str]) -> str:
    """Kubernetes' expansion of variables in `env`, `command` and `args`."""

    def one(match: re.Match[str]) -> str:
        text = match.group()
        if text == "$$":
            return "$"
        return variables.get(text[2:-1], text)

    return re.sub(r"\$\$|\$\([^)]*\)", one, value)


PLAIN_SOURCE = World(service=service())
PLAIN_TRAINING = World(
    service=service(
        models=[{"name": "m", "training": {"recipe": "linear", "dataset": {"uri": "s3://data/x"}}}]
    )
)


@given(model=sources)
def test_what_serves_runs_the_same_commands_for_everybody(model: dict[str, Any]) -> None:
    world = World(service=service(models=[model]))
    assert commands(world) == commands(PLAIN_SOURCE)
    _names_are_sound(world)


@given(model=trainings)
def test_what_trains_runs_the_same_command_and_reads_what_was_written(
    model: dict[str, Any],
) -> None:
    world = World(service=service(models=[model]))
    assert commands(world) == commands(PLAIN_TRAINING)
    _names_are_sound(world)
    for template in pods(world):
        for container in containers(template):
            variables = {one["name"]: one.get("value", "") for one in container.get("env", ())}
            if "MODELSERVICE_RUN" not in variables:
                continue
            text = as_the_kubelet_reads(variables["MODELSERVICE_RUN"], {"HOME": "x", **variables})
            run = json.loads(text)
            wanted = parse_service(world.service).spec.models[0]
            assert wanted.training is not None
            assert run["dataset"]["uri"] == wanted.training.dataset.uri
            assert run["model"] == wanted.name


@given(model=sources)
def test_a_document_says_what_the_spec_says(model: dict[str, Any]) -> None:
    world = World(service=service(models=[model]))
    documents = [
        json.loads(text)
        for apply in world.change().applies
        if apply.manifest["kind"] == "ConfigMap"
        for text in apply.manifest["data"].values()
    ]
    (document,) = documents
    (entry,) = document["models"]
    assert (entry["name"], entry["uri"]) == (model["name"], model["source"]["uri"])
    assert entry["inputs"] == model["inputs"]


def _names_are_sound(world: World) -> None:
    for apply in world.change().applies:
        metadata = apply.manifest["metadata"]
        assert DNS_LABEL.fullmatch(metadata["name"]), metadata["name"]
        assert metadata["namespace"] == "default"
        assert all(
            LABEL.fullmatch(value) and len(value) < 64 for value in metadata["labels"].values()
        )
    for template in pods(world):
        volumes = [volume["name"] for volume in template["spec"]["volumes"]]
        assert all(DNS_LABEL.fullmatch(name) for name in volumes)
        assert len(set(volumes)) == len(volumes)
        paths = [
            mount["mountPath"]
            for container in containers(template)
            for mount in container["volumeMounts"]
        ]
        assert all(".." not in path.split("/") for path in paths)
        assert all(":" not in path for path in paths)
