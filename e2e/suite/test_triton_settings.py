"""What a spec says of queues, sequences, warm-up and cache is what Triton does."""

import re
import urllib.request

import numpy as np
import pytest
import tritonclient.http

from e2e.demo.kubectl import Manifest
from e2e.demo.reach import HTTP, reach
from e2e.suite.live import MODEL, Live, model, service
from e2e.suite.models import SAMPLES, sequence

METRICS = 8002
WARMUPS = 3
CONTROLS = [
    {"kind": "Start", "input": "START"},
    {"kind": "Ready", "input": "READY"},
    {"kind": "CorrelationID", "input": "CORRID"},
]
STRATEGIES: dict[str, Manifest] = {
    "direct": {"direct": {"maxQueueDelay": "1ms"}},
    "oldest": {"strategy": "Oldest", "oldest": {"maxCandidateSequences": 8}},
}


@pytest.fixture(scope="module")
def tuned(live: Live) -> str:
    """The name of a service with a queue, a warm-up, a cache and a rate limiter."""
    policy = {"timeoutAction": "Reject", "defaultTimeout": "10s", "maxQueueSize": 100}
    settings = {
        "dynamicBatching": {
            "priorityLevels": 2,
            "defaultPriorityLevel": 2,
            "queuePolicy": policy,
            "priorityQueuePolicies": [{"level": 1, "policy": {"maxQueueSize": 10}}],
        },
        "warmup": {"batchSize": 2, "count": WARMUPS, "inputs": [{"name": "x", "data": "Random"}]},
        "responseCache": {"enable": True},
        "instances": [{"rateLimiter": {"resources": [{"name": "R", "count": 1}]}}],
        "parameters": {"note": 'any "text"'},
    }
    live.apply(service("tuned", model(live.scaling(2), **settings)))
    live.ready("tuned")
    return "tuned"


@pytest.fixture(scope="module")
def sequences(live: Live) -> str:
    """The name of a service with a model of sequences for each strategy, warmed up."""
    uri = live.uri("sequence.onnx")
    live.bucket.put(sequence(), uri=uri)
    models = [
        {
            **model(uri, sequenceBatching={**strategy, "controls": CONTROLS}, warmup={"count": 2}),
            "name": name,
        }
        for name, strategy in STRATEGIES.items()
    ]
    live.apply(service("sequences", *models))
    live.ready("sequences")
    return "sequences"


def test_a_model_is_warm_before_it_is_ready_and_equal_requests_are_kept(
    live: Live, tuned: str
) -> None:
    with reach(live.kubectl, tuned, ports=[HTTP, METRICS]) as (address, metrics):
        assert counted(metrics, "nv_inference_exec_count") == WARMUPS
        answers = [ask(address, priority=priority) for priority in (1, 2, 0)]
        assert counted(metrics, "nv_inference_exec_count") == WARMUPS + 1
        assert counted(metrics, "nv_cache_num_hits_per_model") == 2
    for answer in answers:
        np.testing.assert_allclose(answer, 2 * SAMPLES)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_model_is_told_of_its_sequence(live: Live, sequences: str, strategy: str) -> None:
    x = SAMPLES[:1]
    with reach(live.kubectl, sequences, ports=[HTTP]) as (address,):
        client = tritonclient.http.InferenceServerClient(address)
        answers = [
            client.infer(
                strategy,
                [tensor(x)],
                sequence_id=7,
                sequence_start=start,
                sequence_end=end,
            ).as_numpy("y")
            for start, end in ((True, False), (False, False), (False, True))
        ]
    np.testing.assert_allclose(answers, [x + 17, 0 * x + 17, 0 * x + 17])


def tensor(samples: np.ndarray) -> tritonclient.http.InferInput:
    one = tritonclient.http.InferInput("x", list(samples.shape), "FP32")
    one.set_data_from_numpy(samples)
    return one


def ask(address: str, *, priority: int) -> np.ndarray:
    client = tritonclient.http.InferenceServerClient(address)
    answer: np.ndarray = client.infer(MODEL, [tensor(SAMPLES)], priority=priority).as_numpy("y")
    return answer


def counted(address: str, name: str) -> int:
    """A counter of Triton's for the one model, from the pod's metrics."""
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(rf'^{name}{{model="{MODEL}",version="1"}} (\d+)', text, re.MULTILINE)
    assert found is not None, text
    return int(found[1])
