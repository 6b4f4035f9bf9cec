"""Operators as processes that a test starts, pauses and kills.

    with Launcher.start() as launcher:
        operator = launcher.operator(kubeconfig=…, directory=…, arguments=["--leader-elect=false"])
        operator.kill()
        operator.exit.result(timeout=5)     # -9

An operator is forked from a process that has imported everything already, which takes a twentieth
of the time of a start; `fresh=True` starts a new interpreter, for measuring starts and memory.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import yaml

from e2e.cluster.client import eventually
from e2e.cluster.controlplane import HOST, free_ports

SOURCES = Path(__file__).parents[2]
ZYGOTE = Path(__file__).with_name("zygote.py")
PLATFORM: Mapping[str, Any] = {
    "images": {
        "agent": "registry.example/agent:1",
        "trainer": "registry.example/trainer:1",
        "converter": "registry.example/converter:1",
        "triton": "registry.example/triton:1",
    },
    "storage": {"uri": "s3://models", "endpoint": "http://127.0.0.1:9"},
    # by which the rig's nodes are told how pods fare
    "security": {
        "allowedPodLabels": ["*"],
        "allowedPodAnnotations": ["*"],
        "allowPythonModels": True,
    },
}
START = 60.0  # seconds, on a machine that is busy
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE = re.compile(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Operator:
    """One process. `exit` has its exit status, or minus the signal that ended it."""

    pid: int
    health_url: str
    metrics_url: str
    log: Path
    exit: "Future[int]"

    @property
    def alive(self) -> bool:
        return not self.exit.done()

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM: it ends in order."""
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: it stands still and notices nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def wait(self, *, seconds: float = START) -> int:
        """The exit status, once it has ended. Raises TimeoutError."""
        return self.exit.result(timeout=seconds)

    @property
    def ready(self) -> bool:
        """Whether it could lead: its store is filled."""
        try:
            with _OPENER.open(f"{self.health_url}/readyz", timeout=2.0):
                return True
        except OSError:
            return False

    def wait_ready(self, *, seconds: float = START) -> None:
        """Raises TimeoutError with the end of its log."""
        if not eventually(lambda: self.ready, seconds=seconds, failed=lambda: not self.alive):
            tail = "\n".join(self.log.read_text().splitlines()[-10:])
            raise TimeoutError(f"the operator did not become ready:\n{tail}")

    def cpu_seconds(self) -> float:
        """CPU time, user and system, that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_bytes(self) -> int:
        """Resident memory. That of a forked operator has pages which it shares."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    def metrics(self) -> dict[str, float]:
        """Its Prometheus samples by name and labels, as the page writes them."""
        with _OPENER.open(f"{self.metrics_url}/metrics", timeout=5.0) as answer:
            text = answer.read().decode()
        return {name: float(value) for name, value in _SAMPLE.findall(text)}

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass
class Launcher:
    """Starts operators; `start` makes one. All of its operators end with it."""

    source: Path
    _zygote: "subprocess.Popen[bytes]"
    _started: "SimpleQueue[int]" = field(default_factory=SimpleQueue)
    _exits: "dict[int, Future[int]]" = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _fresh: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls, *, source: Path = SOURCES) -> Iterator["Launcher"]:
        """Run a launcher of the operator in `source`/operator for the length of a `with`."""
        zygote = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, str(ZYGOTE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=_environment(source),
        )
        launcher = cls(source, zygote)
        reader = threading.Thread(target=launcher._read, name="operators", daemon=True)
        reader.start()
        try:
            yield launcher
        finally:
            for process in launcher._fresh:
                process.kill()
                process.wait()
            zygote.kill()
            zygote.wait()
            reader.join()
            for stream in (zygote.stdin, zygote.stdout):
                if stream is not None:
                    stream.close()

    def operator(
        self,
        *,
        kubeconfig: Path,
        directory: Path,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        platform: Mapping[str, Any] = PLATFORM,
        fresh: bool = False,
    ) -> Operator:
        """Start an operator; does not wait for it. Its log goes on in `directory`/operator.log."""
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "platform.yaml"
        file.write_text(yaml.safe_dump(dict(platform)))
        health, metrics = free_ports(2)
        log = directory / "operator.log"
        given = [
            f"--kubeconfig={kubeconfig}",
            f"--platform-file={file}",
            f"--host={HOST}",
            f"--health-port={health}",
            f"--metrics-port={metrics}",
            *arguments,
        ]
        launch = self._spawn if fresh else self._fork
        pid, ended = launch(given, environment or {}, log, directory)
        return Operator(pid, f"http://{HOST}:{health}", f"http://{HOST}:{metrics}", log, ended)

    def _fork(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, directory: Path
    ) -> "tuple[int, Future[int]]":
        request = {
            "arguments": arguments,
            "environment": dict(environment),
            "log": str(log.absolute()),
            "directory": str(directory.absolute()),
        }
        stream = self._zygote.stdin
        if stream is None:
            raise ValueError("the launcher's process has no input")
        with self._lock:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            pid = self._started.get(timeout=START)
        return pid, self._exits[pid]

    def _spawn(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, directory: Path
    ) -> "tuple[int, Future[int]]":
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "modelservice_operator", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                cwd=directory.absolute(),
                env={**_environment(self.source), **environment},
            )
        self._fresh.append(process)
        ended: Future[int] = Future()
        waiting: Callable[[], None] = lambda: ended.set_result(process.wait())  # noqa: E731
        threading.Thread(target=waiting, name=f"operator {process.pid}", daemon=True).start()
        return process.pid, ended

    def _read(self) -> None:
        stream = self._zygote.stdout
        for line in stream or ():
            message = json.loads(line)
            if "started" in message:
                self._exits[message["started"]] = Future()
                self._started.put(message["started"])
            else:
                self._exits[message["ended"]].set_result(message["status"])
        for ended in self._exits.values():  # they died with the process that forked them
            if not ended.done():
                ended.set_result(-signal.SIGKILL)


def _environment(source: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str((source / "operator").absolute()),
        # PATH may lead to the same interpreter by another name
        "PYTHONSAFEPATH": "1",
    }
