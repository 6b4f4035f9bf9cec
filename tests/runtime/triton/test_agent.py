"""The agent as a process of the pod: probes, loading, a crash of Triton, drain, SIGTERM."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelservice_runtime.places import Places
from modelservice_runtime.triton import agent, keeper
from tests.runtime.examples import document, model_entry
from tests.runtime.s3 import free_port
from tests.runtime.triton.fake import KEY, FakeTriton

WANTED = json.dumps(document(model_entry(name="one"), model_entry(name="two", version=2)))
ENVIRON = {"MODELSERVICE_DRAIN_ENDPOINT_SECONDS": "0"}


@dataclass(frozen=True)
class Pod:
    """A running agent, its Triton (not started), and a client."""

    triton: FakeTriton
    ports: agent.Ports
    agent: asyncio.Task[None]
    session: aiohttp.ClientSession

    async def get(self, path: str, *, port: int | None = None) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{port or self.ports.probes}{path}") as got:
            return got.status, await got.text()

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a state that the agent reaches by itself."""
        async with asyncio.timeout(5):
            while not await true():
                pass  # each look is a request, which lets the agent work

    async def is_ready(self) -> bool:
        return (await self.get("/readyz"))[0] == 200

    async def is_unready(self) -> bool:
        return not await self.is_ready()

    async def models(self) -> list[Any]:
        async with self.session.get(f"http://127.0.0.1:{self.ports.probes}/models") as answer:
            return list((await answer.json())["models"])


@pytest.fixture
async def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pod]:
    monkeypatch.setattr(keeper, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(keeper, "_FIRST_WAIT_SECONDS", 0.01)
    key = tmp_path / "key"
    key.write_text(KEY)
    ports = agent.Ports(*(free_port() for _ in range(6)))
    triton = FakeTriton(http=ports.triton, grpc=ports.triton_grpc, metrics=ports.triton_metrics)
    places = Places(document=tmp_path / "models.json", models=tmp_path / "models", key=key)
    places.models.mkdir()
    places.document.write_text(WANTED)
    task = asyncio.create_task(agent.run(places=places, environ=ENVIRON, ports=ports))
    async with aiohttp.ClientSession() as session:
        one = Pod(triton=triton, ports=ports, agent=task, session=session)

        async def is_up() -> bool:
            try:
                return (await one.get("/healthz"))[0] == 200
            except aiohttp.ClientError:
                return False

        await one.until(is_up)
        yield one
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def serving(pod: Pod) -> AsyncIterator[Pod]:
    """A pod whose models are loaded."""
    await pod.triton.start()
    await pod.until(pod.is_ready)
    yield pod
    await pod.triton.kill()


async def test_the_agent_is_up_before_triton(pod: Pod) -> None:
    assert await pod.get("/healthz") == (200, "ok\n")
    assert await pod.get("/readyz") == (503, "Triton does not answer.\n")
    assert {model["state"] for model in await pod.models()} == {"Waiting"}


async def test_models_are_loaded_with_the_key_and_the_pod_becomes_ready(serving: Pod) -> None:
    assert serving.triton.keys == [KEY, KEY]
    assert [(model["name"], model["version"]) for model in await serving.models()] == [
        ("one", 1),
        ("two", 2),
    ]
    assert {model["state"] for model in await serving.models()} == {"Ready"}


async def test_a_crashed_triton_is_loaded_again(serving: Pod) -> None:
    await serving.triton.kill()
    await serving.until(serving.is_unready)
    await serving.triton.start()
    await serving.until(serving.is_ready)
    assert set(serving.triton.ready) == {"one", "two"}


async def test_a_refusal_is_kept_without_the_key_and_overcome(pod: Pod) -> None:
    pod.triton.broken["two"] = f"failed to load 'two': {KEY}\nbad file\n\nAt:\n  model.py(3)"
    await pod.triton.start()

    async def is_refused() -> bool:
        return (await pod.models())[1]["state"] == "Failed"

    await pod.until(is_refused)
    assert (await pod.models())[1]["message"] == "failed to load 'two': … bad file"
    status, text = await pod.get("/readyz")
    assert status == 503
    assert "two version 2 is" in text
    pod.triton.broken.clear()
    await pod.until(pod.is_ready)
    await pod.triton.kill()


async def test_a_drained_pod_is_not_ready_any_more(serving: Pod) -> None:
    assert await serving.get("/drain") == (200, "drained\n")
    assert await serving.get("/readyz") == (503, "The pod is being drained.\n")
    assert await serving.get("/healthz") == (200, "ok\n")


async def samples(pod: Pod) -> dict[tuple[str, str], float]:
    status, text = await pod.get("/metrics", port=pod.ports.metrics)
    assert status == 200
    return {
        (sample.name, sample.labels.get("model", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_one_scrape_has_tritons_metrics_and_ours(serving: Pod) -> None:
    got = await samples(serving)
    assert got["nv_inference_count_total", ""] == 7
    assert got["modelservice_triton_up", ""] == 1
    assert got["modelservice_draining", ""] == 0
    assert got["modelservice_model_ready", "one"] == 1
    assert got["modelservice_model_loads_total", "two"] == 1
    assert got["modelservice_model_load_failures_total", "two"] == 0
    assert got["modelservice_model_load_seconds", "two"] >= 0


async def test_without_triton_a_scrape_says_so(pod: Pod) -> None:
    got = await samples(pod)
    assert got["modelservice_triton_up", ""] == 0
    assert got["modelservice_model_ready", "one"] == 0
    assert ("nv_inference_count_total", "") not in got


async def test_sigterm_ends_it_at_once_even_in_a_drain(
    serving: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain = asyncio.create_task(serving.get("/drain"))
    await serving.until(serving.is_unready)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(1):
        await serving.agent
    with pytest.raises(aiohttp.ClientError):
        await drain
