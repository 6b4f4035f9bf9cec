"""The operator reads a running program's progress over HTTP."""

import json
import urllib.error
import urllib.request

import pytest

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.progress import Progress, ProgressServer


def get(server: ProgressServer, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}") as answer:
        return bytes(answer.read())


def test_the_latest_progress_is_answered() -> None:
    with ProgressServer(host="127.0.0.1", port=0) as server:
        assert json.loads(get(server, "/progress")) == {"phase": "Loading"}
        server.publish(
            Progress(
                phase="Training",
                epoch=3,
                epochs=20,
                loss="0.2",
                metrics={"accuracy": "0.93"},
                eta_seconds=12,
            )
        )
        assert json.loads(get(server, "/progress")) == {
            "phase": "Training",
            "epoch": 3,
            "epochs": 20,
            "loss": "0.2",
            "metrics": {"accuracy": "0.93"},
            "etaSeconds": 12,
        }


def test_waiting_tells_the_reason() -> None:
    failure = Failure(reason=Reason.SECRET_MISSING, message="Create the Secret s.")
    assert json.loads(Progress.waiting(failure).to_json()) == {
        "phase": "Waiting",
        "reason": "SecretMissing",
        "message": "Create the Secret s.",
    }


def test_probes_are_answered_and_other_paths_are_not() -> None:
    with ProgressServer(host="127.0.0.1", port=0) as server:
        assert get(server, "/healthz") == b"ok\n"
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            get(server, "/etc/passwd")
        caught.value.close()
