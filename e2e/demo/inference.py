"""Requests to a served model through tritonclient, as a user's program sends them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http

TYPES = {"float32": "FP32", "int64": "INT64"}
TIMEOUT = 30.0  # seconds for one answer
Send = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Question:
    """What is asked: a model's name, and those of its one input and its one output."""

    model: str
    input: str
    output: str


@dataclass(frozen=True)
class Answers:
    """Predictions in the order of the requests, and the seconds that each request took."""

    predictions: np.ndarray
    seconds: np.ndarray

    def milliseconds(self, percentile: float) -> float:
        """A percentile of the latency."""
        return float(np.percentile(self.seconds, percentile)) * 1000


def over_http(address: str, *, question: Question) -> Send:
    """Sends arrays over HTTP, on one connection."""
    client = tritonclient.http.InferenceServerClient(address, network_timeout=TIMEOUT)
    return _sender(client.infer, library=tritonclient.http, question=question)


def over_grpc(address: str, *, question: Question) -> Send:
    """Sends arrays over gRPC, on one channel."""
    client = tritonclient.grpc.InferenceServerClient(address)
    infer = partial(client.infer, client_timeout=TIMEOUT)
    return _sender(infer, library=tritonclient.grpc, question=question)


def ask(send: Send, *, samples: np.ndarray) -> Answers:
    """One request a sample, one after the other; the first one twice, to open the connection."""
    send(samples[:1])
    predictions, seconds = [], []
    for index in range(len(samples)):
        begun = time.perf_counter()
        predictions.append(send(samples[index : index + 1]))
        seconds.append(time.perf_counter() - begun)
    return Answers(predictions=np.concatenate(predictions), seconds=np.array(seconds))


def _sender(infer: Callable[..., Any], *, library: Any, question: Question) -> Send:
    outputs = [library.InferRequestedOutput(question.output)]

    def send(samples: np.ndarray) -> np.ndarray:
        tensor = library.InferInput(question.input, list(samples.shape), TYPES[str(samples.dtype)])
        tensor.set_data_from_numpy(samples)
        answer = infer(question.model, [tensor], outputs=outputs)
        predicted: np.ndarray = answer.as_numpy(question.output)
        return predicted

    return send
