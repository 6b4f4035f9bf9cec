"""Other models in a pod that serves: fetch, agent and a small Triton, with files from a real S3."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import onnx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelservice_runtime.artifacts import fetch
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.places import Places
from modelservice_runtime.triton import agent, keeper, reload
from modelservice_runtime.triton.repository import Repository
from tests.runtime.examples import document, linear, model_entry
from tests.runtime.s3 import LOOPBACK, S3, free_port
from tests.runtime.triton import pushing
from tests.runtime.triton.fake import KEY, FakeTriton

ENVIRON = {
    "MODELSERVICE_DRAIN_ENDPOINT_SECONDS": "0",
    "MODELSERVICE_PATIENCE": "0",
    "MODELSERVICE_POD_UID": pushing.POD,
}


def policy(networks: Iterable[str]) -> Network:
    return LOOPBACK


@dataclass(frozen=True)
class Pod:
    """A pod that serves `m` version 1 as revision `r1`."""

    s3: S3
    places: Places
    triton: FakeTriton
    ports: agent.Ports
    session: aiohttp.ClientSession
    agents: list[asyncio.Task[None]] = field(default_factory=list)

    def entry(self, name: str = "m", *, version: int, key: str, **fields: Any) -> Any:
        """A model with bytes of its own in the store."""
        model = linear()
        model.doc_string = key
        uri = self.s3.put(key, model.SerializeToString())
        digest = "sha256:" + sha256(model)
        secret = str(self.s3.secret())
        return model_entry(
            name=name, version=version, uri=uri, digest=digest, credentials=secret, **fields
        )

    def mount(self, *models: Any, revision: str, **fields: Any) -> None:
        self.places.document.write_text(json.dumps(document(*models, revision=revision, **fields)))

    async def push(self, *models: Any, revision: str, sequence: int) -> int:
        told = json.dumps(document(*models, revision=revision, sequence=sequence)).encode()
        url = f"http://127.0.0.1:{self.ports.admin}/document"
        async with self.session.post(url, data=told, headers=pushing.headers(told)) as answer:
            return answer.status

    async def looked(self) -> None:
        """Wait until the agent has had time to see what is mounted."""
        for _ in range(20):
            await self.models()
            await asyncio.sleep(0.01)

    async def documents(self) -> dict[str, float]:
        """What the agent's metrics say of documents, by origin."""
        url = f"http://127.0.0.1:{self.ports.metrics}/metrics"
        async with self.session.get(url) as answer:
            text = await answer.text()
        return {
            sample.labels["origin"]: sample.value
            for family in text_string_to_metric_families(text)
            if family.name == "modelservice_agent_documents"
            for sample in family.samples
        }

    async def run(self) -> asyncio.Task[None]:
        """A new agent process on what is there."""
        task = asyncio.create_task(
            agent.run(places=self.places, environ=ENVIRON, policy=policy, ports=self.ports)
        )
        async with asyncio.timeout(10):
            while not await is_up(self):
                pass
        return task

    async def restart(self) -> None:
        """The container ends and starts again; its volume stays."""
        self.agents[-1].cancel()
        await asyncio.wait([self.agents[-1]])
        self.agents.append(await self.run())

    async def models(self) -> Any:
        async with self.session.get(f"http://127.0.0.1:{self.ports.probes}/models") as answer:
            return await answer.json()

    async def ready(self) -> int:
        async with self.session.get(f"http://127.0.0.1:{self.ports.probes}/readyz") as answer:
            return answer.status

    async def until(self, true: Callable[[Any], bool]) -> Any:
        """Wait until `/models` answers so; its answer."""
        async with asyncio.timeout(10):
            while not true(told := await self.models()):
                pass  # each look is a request, which lets the agent work
            return told

    async def in_force(self, revision: str) -> Any:
        return await self.until(lambda told: told["revision"] == revision and not told["change"])

    async def failed(self) -> Any:
        return (await self.until(lambda told: told["change"].get("phase") == "Failed"))["change"]

    def folders(self) -> set[str]:
        root = self.places.models
        return {str(one.relative_to(root)) for one in root.glob("*/*") if one.is_dir()}


def sha256(model: onnx.ModelProto) -> str:
    return hashlib.sha256(model.SerializeToString()).hexdigest()


@pytest.fixture
async def pod(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pod]:
    for module in (keeper, reload):
        monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
        monkeypatch.setattr(module, "_FIRST_WAIT_SECONDS", 0.01)
    places = Places(
        document=tmp_path / "models.json", models=tmp_path / "models", key=tmp_path / "key"
    )
    places.models.mkdir()
    ports = agent.Ports(*(free_port() for _ in range(6)))
    triton = FakeTriton(
        http=ports.triton,
        grpc=ports.triton_grpc,
        metrics=ports.triton_metrics,
        models=places.models,
    )
    async with aiohttp.ClientSession() as session:
        one = Pod(s3=s3, places=places, triton=triton, ports=ports, session=session)
        one.mount(one.entry(version=1, key="one.onnx"), revision="r1")
        places.key.write_text(KEY)
        await asyncio.to_thread(fetch.program, ENVIRON, places=places, policy=policy, port=0)
        await triton.start()
        pushing.publish(places.push_keys, pushing.KEY)
        one.agents.append(await one.run())
        yield one
        one.agents[-1].cancel()
        await asyncio.wait([one.agents[-1]])
        await triton.kill()


async def is_up(pod: Pod) -> bool:
    try:
        return await pod.ready() == 200
    except aiohttp.ClientError:
        return False


async def test_a_new_version_comes_beside_the_old_one_which_serves_until_then(pod: Pod) -> None:
    pod.triton.gate.clear()
    pod.mount(pod.entry(version=2, key="two.onnx"), revision="r2")
    told = await pod.until(lambda told: pod.triton.loading == "m")

    assert (told["revision"], told["change"]["revision"]) == ("r1", "r2")
    assert pod.folders() == {"m/1", "m/2"}
    assert await pod.ready() == 200

    pod.triton.gate.set()
    states = set()
    while (await pod.models())["revision"] != "r2":
        states.add(await pod.ready())
    states.add(await pod.ready())

    assert states == {200}
    told = await pod.in_force("r2")
    assert [(one["version"], one["state"]) for one in told["models"]] == [(2, "Ready")]
    assert pod.triton.ready == {"m": {2}}
    assert set(pod.triton.keys) == {KEY}
    await pod.until(lambda told: pod.folders() == {"m/2"})


async def test_another_configuration_of_the_same_version_is_loaded(pod: Pod) -> None:
    pod.mount(pod.entry(version=1, key="one.onnx", maxBatchSize=8), revision="r2")
    await pod.in_force("r2")
    assert "max_batch_size: 8" in (pod.places.models / "m/config.pbtxt").read_text()
    assert len(pod.triton.keys) == 2


async def test_what_did_not_change_is_not_loaded_again(pod: Pod) -> None:
    pod.mount(
        pod.entry(version=1, key="one.onnx"),
        pod.entry("n", version=1, key="other.onnx"),
        revision="r2",
    )
    told = await pod.in_force("r2")
    assert [one["name"] for one in told["models"]] == ["m", "n"]
    assert set(pod.triton.ready) == {"m", "n"}
    assert len(pod.triton.keys) == 2

    pod.mount(pod.entry("n", version=1, key="other.onnx"), revision="r3")
    await pod.in_force("r3")
    await pod.until(lambda told: set(pod.triton.ready) == {"n"})
    await pod.until(lambda told: pod.folders() == {"n/1"})


async def test_a_model_that_triton_refuses_leaves_all_as_it_was(pod: Pod) -> None:
    """The harm: half of a service's models are new, and the other half is gone."""
    pod.triton.broken["n/1"] = "out of memory"
    before = (pod.places.models / "m/config.pbtxt").read_text()
    pod.mount(
        pod.entry(version=2, key="two.onnx"),
        pod.entry("n", version=1, key="other.onnx"),
        revision="r2",
    )
    told = await pod.failed()

    assert (told["reason"], told["revision"]) == ("LoadFailed", "r2")
    assert told["message"] == "n: out of memory"
    await pod.until(lambda told: pod.triton.ready == {"m": {1}})
    assert (await pod.models())["revision"] == "r1"
    config = pod.places.models / "m/config.pbtxt"
    await pod.until(lambda told: config.read_text() == before)  # it may be tried again by now

    pod.triton.broken.clear()  # it is tried again
    await pod.in_force("r2")
    assert pod.triton.ready == {"m": {2}, "n": {1}}


async def test_a_model_that_cannot_be_brought_changes_nothing(pod: Pod) -> None:
    entry = pod.entry(version=2, key="two.onnx")
    pod.mount({**entry, "uri": "s3://models/missing.onnx"}, revision="r2")
    told = await pod.failed()
    assert told["reason"] == "SourceNotFound"
    assert await pod.ready() == 200

    pod.mount(pod.entry(version=1, key="one.onnx"), revision="r1")  # the user gives up
    await pod.in_force("r1")
    await pod.until(lambda told: pod.folders() == {"m/1"})
    assert len(pod.triton.keys) == 1


async def test_bytes_that_are_loaded_are_never_written_over(pod: Pod) -> None:
    before = (pod.places.models / "m/1/model.onnx").read_bytes()
    pod.mount(pod.entry(version=1, key="two.onnx"), revision="r2")
    assert (await pod.failed())["reason"] == "ReloadRefused"
    assert (pod.places.models / "m/1/model.onnx").read_bytes() == before


async def test_an_ensemble_does_not_change_together_with_its_models(pod: Pod) -> None:
    steps = [{"model": "m", "inputs": {"x": "raw"}, "outputs": {"y": "out"}}]
    whole = {"name": "whole", "version": 1, "maxBatchSize": 0, "ensemble": {"steps": steps}}
    pod.mount(pod.entry(version=1, key="one.onnx"), whole, revision="r2")
    await pod.in_force("r2")

    steps[0]["outputs"] = {"y": "renamed"}
    pod.mount(pod.entry(version=2, key="two.onnx"), whole, revision="r3")
    told = await pod.failed()
    assert told["reason"] == "ReloadRefused"
    assert pod.triton.ready == {"m": {1}, "whole": {1}}

    pod.mount(pod.entry(version=1, key="one.onnx"), whole, revision="r4")
    await pod.in_force("r4")
    assert "renamed" in (pod.places.models / "whole/config.pbtxt").read_text()


async def test_answers_that_an_ensemble_keeps_do_not_outlive_its_models(pod: Pod) -> None:
    """Triton keeps them by the ensemble's version, which is 1 for ever."""
    steps = [{"model": "m", "inputs": {"x": "raw"}, "outputs": {"y": "out"}}]
    whole = {"name": "whole", "version": 1, "maxBatchSize": 0, "ensemble": {"steps": steps}}
    cached = {**whole, "responseCache": True}
    pod.mount(pod.entry(version=1, key="one.onnx"), cached, revision="r2")
    await pod.in_force("r2")
    pod.mount(pod.entry(version=2, key="two.onnx"), cached, revision="r3")
    told = await pod.failed()
    assert (told["reason"], "answers that it keeps" in told["message"]) == ("ReloadRefused", True)
    assert pod.triton.ready == {"m": {1}, "whole": {1}}


async def test_other_labels_come_beside_the_old_ones(pod: Pod) -> None:
    folder = pod.places.models / "m"
    for revision, label in (("r2", "cat"), ("r3", "dog")):
        entry = pod.entry(version=1, key="one.onnx", maxBatchSize=8, labels={"y": [label]})
        pod.mount(entry, revision=revision)
        await pod.in_force(revision)
        async with asyncio.timeout(10):
            while len(list(folder.glob("labels-*"))) > 1:
                await pod.models()  # which lets the agent tidy up
        (file,) = folder.glob("labels-*")
        assert file.read_text() == f"{label}\n"
        assert file.name in (folder / "config.pbtxt").read_text()


async def test_a_mount_that_says_nothing_is_left_alone(pod: Pod) -> None:
    for text in ("", "{", "[]", "{}", '{"apiVersion": "runtime.modelservice.io/v9"}'):
        pod.places.document.write_text(text)
        await pod.models()
    pod.places.document.unlink()
    await pod.models()
    assert await pod.ready() == 200
    pod.mount(pod.entry(version=2, key="two.onnx"), revision="r2")
    await pod.in_force("r2")


async def test_there_must_be_room_for_both(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (pod.places.models / "m/1/model.onnx").stat().st_size
    executor = (pod.places.models / "m/1/model.py").stat().st_size
    room = str(2 * size + executor - 1)
    monkeypatch.setitem(ENVIRON, "MODELSERVICE_MODEL_STORAGE_BYTES", room)
    pod.mount(pod.entry(version=2, key="two.onnx"), revision="r2")
    assert (await pod.failed())["reason"] == "StorageFull"
    monkeypatch.setitem(ENVIRON, "MODELSERVICE_MODEL_STORAGE_BYTES", str(10 * size + executor))
    await pod.in_force("r2")


async def test_a_pushed_document_is_taken_over_before_the_mount_brings_it(pod: Pod) -> None:
    entry = pod.entry(version=2, key="two.onnx")
    assert await pod.push(entry, revision="r2", sequence=100) == 202
    await pod.in_force("r2")
    assert pod.triton.ready == {"m": {2}}

    pod.mount(entry, revision="r2", sequence=100)
    await pod.looked()
    assert (await pod.models())["revision"] == "r2"
    assert await pod.documents() == {"push": 1, "mount": 0}


async def test_a_pod_that_was_not_pushed_anything_repairs_itself(pod: Pod) -> None:
    pod.mount(pod.entry(version=2, key="two.onnx"), revision="r2", sequence=100)
    await pod.in_force("r2")
    assert await pod.documents() == {"push": 0, "mount": 1}


async def test_a_mount_that_lags_does_not_take_a_pod_back(pod: Pod) -> None:
    """A to B to A: the mount shows A, then B, then A, each a while after the push."""
    first, second = pod.entry(version=1, key="one.onnx"), pod.entry(version=2, key="two.onnx")
    again = pod.entry(version=3, key="one.onnx")
    await pod.push(second, revision="r2", sequence=100)
    await pod.in_force("r2")
    await pod.push(again, revision="r1", sequence=101)
    await pod.in_force("r1")
    assert pod.triton.ready == {"m": {3}}

    for mounted in (
        {"revision": "r1"},
        {"revision": "r2", "sequence": 100},
        {"revision": "r1", "sequence": 101},
    ):
        entry = {"r1": again, "r2": second}[mounted["revision"]]
        pod.mount(entry if "sequence" in mounted else first, **mounted)
        await pod.looked()
        told = await pod.models()
        assert (told["revision"], told["change"]) == ("r1", {})
    assert pod.triton.ready == {"m": {3}}
    assert await pod.documents() == {"push": 2, "mount": 0}

    pod.mount(second, revision="r2", sequence=102)  # and now it brings news
    await pod.until(lambda told: told["change"].get("revision") == "r2" or told["revision"] == "r2")


async def test_an_agent_that_starts_anew_does_not_go_back(pod: Pod) -> None:
    """The harm: the agent is killed while its mount lags, and one pod serves the old model."""
    entry = pod.entry(version=2, key="two.onnx")
    await pod.push(entry, revision="r2", sequence=100)
    await pod.in_force("r2")
    await pod.restart()
    await pod.looked()
    assert (await pod.models())["revision"] == "r2"
    assert await pod.push(entry, revision="r0", sequence=99) == 409


async def test_a_push_that_an_agent_did_not_live_to_carry_out_is_made_again(pod: Pod) -> None:
    """What is mounted is of before; another push, or the mount, brings it on."""
    entry = pod.entry(version=2, key="two.onnx")
    pod.triton.gate.clear()
    await pod.push(entry, revision="r2", sequence=100)
    await pod.until(lambda told: pod.triton.loading == "m")
    pod.triton.gate.set()
    pod.triton.broken["m/2"] = "killed amid it"
    await pod.restart()
    assert (await pod.models())["revision"] == "r1"
    pod.triton.broken.clear()
    assert await pod.push(entry, revision="r2", sequence=100) == 202
    await pod.in_force("r2")


async def test_containers_that_start_anew_do_not_go_back_either(pod: Pod) -> None:
    """A node that restarts: fetch runs again on the volume."""
    await pod.push(pod.entry(version=2, key="two.onnx"), revision="r2", sequence=100)
    await pod.in_force("r2")
    told = await asyncio.to_thread(fetch.program, ENVIRON, places=pod.places, policy=policy, port=0)
    assert told["revision"] == "r2"
    assert "m/2" in pod.folders()


async def test_an_operator_of_before_the_sequence_is_followed_again(pod: Pod) -> None:
    """The harm: the operator is rolled back, and pods listen to nobody any more."""
    entry = pod.entry(version=2, key="two.onnx")
    pod.mount(entry, revision="r2", sequence=100)
    await pod.in_force("r2")
    pod.mount(entry, revision="r2")
    await pod.looked()
    pod.mount(entry, pod.entry("n", version=1, key="other.onnx"), revision="r3")
    await pod.in_force("r3")


def test_a_try_of_a_process_that_ended_is_undone(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    repository.configure("old", text="as it was")
    repository.switch("old", text="first try")
    repository.switch("old", text="second try")
    repository.switch("new", text="a try")
    Repository(tmp_path).put_all_back()
    assert (repository.config("old"), repository.config("new")) == ("as it was", None)

    repository.switch("old", text="good")
    repository.settle("old")
    repository.put_all_back()
    assert repository.config("old") == "good"
