"""The last word of a pod program: one JSON object that the kubelet puts into the pod's status.

Kubernetes cuts a termination message at 4,096 bytes, which would break the JSON, so it is made
short enough here: first the tensors go, then pins and the least telling details, at last the
sentence is shortened. The operator reads nothing else of a program that has ended.
"""

import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from modelservice_runtime.failure import Failure

LIMIT_BYTES = 4096
PATH = Path("/dev/termination-log")

_EXIT_TERMINATED = 128 + signal.SIGTERM
_TENSORS = ("inputs", "outputs")
_DISPENSABLE = ("timings", "metrics")

log = logging.getLogger(__name__)


def success(result: Mapping[str, Any]) -> str:
    """The message of a program that did its work; tensors are left out where they don't fit."""
    document: dict[str, Any] = {"ok": True, **result}
    if _fits(document):
        return _dump(document)
    document = {**_without(document, *_TENSORS), "truncated": True}
    if "models" in document:
        document["models"] = [_without(model, *_TENSORS) for model in document["models"]]
        if not _fits(document):
            document["models"] = [_without(model, "pin") for model in document["models"]]
    for key in _DISPENSABLE:
        if not _fits(document):
            document.pop(key, None)
    if not _fits(document):
        raise ValueError("result does not fit into a termination message")
    return _dump(document)


def failure(error: Failure) -> str:
    """The message of a program that failed; the sentence is shortened where it doesn't fit."""
    document: dict[str, Any] = {
        "ok": False,
        "reason": str(error.reason),
        "message": error.message,
        "heals": error.heals,
    }
    if error.model is not None:
        document["model"] = error.model
    while not _fits(document):
        # Half of what is too much: a character may take up to 12 bytes as JSON.
        excess = len(_dump(document).encode()) - LIMIT_BYTES
        document["message"] = document["message"][: -(excess // 12 + 2)] + "…"
    return _dump(document)


def run(program: Callable[[], Mapping[str, Any]], *, path: Path = PATH) -> NoReturn:
    """Run `program` as the whole of a container: its outcome becomes message and exit code.

    Anything but a `Failure` is a bug: its traceback goes to the log and the container crashes.
    """
    # The first process of a container ignores signals that it has no handler for.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        message = success(program())
    except Failure as error:
        log.error("%s", error)  # noqa: TRY400  # the traceback of an answer helps nobody
        path.write_text(failure(error))
        sys.exit(error.exit_code)
    path.write_text(message)
    sys.exit(0)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    sys.exit(_EXIT_TERMINATED)


def _without(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def _fits(document: Mapping[str, Any]) -> bool:
    return len(_dump(document).encode()) <= LIMIT_BYTES


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
