"""Requests without a break, to see whether a change behind a Service loses one."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tritonclient.utils import InferenceServerException

from e2e.demo.inference import Send
from e2e.suite.live import MODEL
from e2e.suite.models import SAMPLES

TIMEOUT = 10.0  # seconds; an answer takes milliseconds

BODY = json.dumps(
    {
        "inputs": [
            {
                "name": "x",
                "datatype": "FP32",
                "shape": list(SAMPLES.shape),
                "data": SAMPLES.flatten().tolist(),
            }
        ]
    }
).encode()


@dataclass
class Record:
    """How often the model multiplied by which factor, and what went wrong."""

    factors: Counter[float] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@contextmanager
def traffic(address: str) -> Iterator[Record]:
    """Requests to `host:port`, one after the other, each on a connection of its own."""
    with _running(_send, address) as record:
        yield record


@contextmanager
def stream(send: Send, *, rate: float) -> Iterator[Record]:
    """So many requests a second, each sent at its time, over a connection that stays open."""
    with _running(_pour, send, rate) as record:
        yield record


@contextmanager
def _running(work: Callable[..., None], *arguments: object) -> Iterator[Record]:
    record, stop = Record(), threading.Event()
    sender = threading.Thread(target=work, args=(*arguments, record, stop), daemon=True)
    sender.start()
    try:
        yield record
    finally:
        stop.set()
        sender.join(timeout=2 * TIMEOUT)


def requests_for(seconds: float, *, address: str) -> Record:
    """Such requests for a while."""
    with traffic(address) as record:
        threading.Event().wait(seconds)
    return record


def _send(address: str, record: Record, stop: threading.Event) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://{address}/v2/models/{MODEL}/infer", data=BODY)
    while not stop.is_set():
        try:
            with opener.open(request, timeout=TIMEOUT) as response:
                answer = json.load(response)
        except (OSError, ValueError) as error:
            record.failures.append(repr(error))
            continue
        record.factors[_factor(answer)] += 1


def _pour(send: Send, rate: float, record: Record, stop: threading.Event) -> None:
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due += 1.0 / rate
        try:
            answer = send(SAMPLES)
        except (OSError, InferenceServerException) as error:
            record.failures.append(repr(error))
            continue
        record.factors[float(answer[-1, -1] / SAMPLES[-1, -1])] += 1


def _factor(answer: dict[str, list[dict[str, list[float]]]]) -> float:
    return answer["outputs"][0]["data"][-1] / float(SAMPLES[-1, -1])
