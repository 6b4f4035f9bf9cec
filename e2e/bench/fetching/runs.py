"""One fetch, by the pods' program or by the bare client: how long, with what CPU and memory."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.bench.fetching.artifact import Artifact
from e2e.bench.fetching.storage import HOST
from e2e.bench.processes import cpu_seconds

PEAK_EVERY = 0.01
MIB = 2**20
WARMED = 1536 * MIB


@dataclass(frozen=True)
class Server:
    """The storage, as a process."""

    pid: int
    endpoint: str


@dataclass(frozen=True)
class Run:
    """`seconds` of the work, without the interpreter's start; `whole` with it. CPU in seconds, of
    the client's process with its start and of the server's; the client's peak memory in bytes."""

    seconds: float
    whole: float
    cpu: float
    server_cpu: float
    peak: float


@contextmanager
def serving(folder: Path, *, each: float, whole: float) -> Iterator[Server]:
    """The files of `folder` at so many bytes a second for each connection and in all."""
    words = [sys.executable, "-m", "e2e.bench.fetching.storage", str(folder), str(each), str(whole)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield Server(process.pid, f"http://{HOST}:{port}")
        finally:
            process.kill()


def bare(artifact: Artifact, *, server: Server, folder: Path) -> Run:
    """By the bare client."""
    _warm(folder)
    target = folder / "bare"
    words = ["e2e.bench.fetching.client", server.endpoint, artifact.path.name, str(target)]
    try:
        told, measured = _run(words, server=server)
        if target.stat().st_size != artifact.size:
            raise RuntimeError("the bare client did not bring the whole artifact")
    finally:
        target.unlink(missing_ok=True)
    return Run(seconds=float(told), **measured)


def ours(artifact: Artifact, *, server: Server, folder: Path) -> Run:
    """By what runs in the init container, until the files lie in Triton's repository."""
    pod = folder / "pod"
    _prepare(pod, artifact=artifact, server=server)
    _warm(folder)
    try:
        _, measured = _run(["e2e.security.podprogram", "fetch", str(pod)], server=server)
        told = json.loads((pod / "termination").read_text())
        (model,) = told["models"]
        if model["digest"] != artifact.sha256 or "signer" not in model:
            raise RuntimeError(f"the fetch did not verify the artifact: {told}")
        return Run(seconds=sum(told["timings"].values()), **measured)
    finally:
        shutil.rmtree(pod)


def _warm(folder: Path) -> None:
    """Have memory for files at hand: a virtual machine gets what it did not use for seconds from
    its host again, page by page, and the first to write would pay for it."""
    file, chunk = folder / "warm", bytes(MIB)
    with file.open("wb", buffering=0) as output:
        for _ in range(WARMED // MIB):
            output.write(chunk)
    file.unlink()


def _prepare(pod: Path, *, artifact: Artifact, server: Server) -> None:
    for name in ("models", "run", "storage"):
        (pod / name).mkdir(parents=True)
    (pod / "loopback").touch()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_ENDPOINT_URL": server.endpoint,
    }.items():
        (pod / "storage" / name).write_text(value)
    model = {
        "name": "digits",
        "version": 1,
        "uri": f"s3://models/{artifact.path.name}",
        "digest": artifact.sha256,
        "stated": True,
        "credentials": str(pod / "storage"),
        "signature": {},
    }
    if artifact.encryption_key is not None:
        model["encryption"] = {"key": str(artifact.encryption_key)}
    document = {
        "apiVersion": "runtime.modelservice.io/v1",
        "service": {"namespace": "bench", "name": "digits"},
        "revision": "bench",
        "triton": {"backends": ["onnxruntime"], "gpu": False},
        "network": {"allowedNetworks": []},
        "trust": {"requireSignature": True, "publicKeys": [artifact.public_key]},
        "models": [model],
    }
    (pod / "models.json").write_text(json.dumps(document))


def _run(words: list[str], *, server: Server) -> tuple[str, dict[str, float]]:
    """What a program says, and what it took."""
    before, began = cpu_seconds(server.pid), time.monotonic()
    peak = used = 0.0
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None:
            peak, used = max(peak, _peak(process.pid)), max(used, cpu_seconds(process.pid))
            time.sleep(PEAK_EVERY)
        whole = time.monotonic() - began
        told, log = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{log}")
    served = cpu_seconds(server.pid) - before
    return told, {"whole": whole, "cpu": used, "server_cpu": served, "peak": peak}


def _peak(pid: int) -> float:
    """The most memory that a process had so far: of itself, not of what it was forked from."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0.0)
