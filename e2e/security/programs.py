"""Canaries in the Secret of a pod's programs, and storage that answers in every bad way: nothing of
the Secret is in the logs, the termination message or the files that other containers read.

The programs are the real ones, each in a process of its own; so is the S3 server. What a server
says is a canary too: error pages are known to repeat the request, its signature included.
"""

import base64
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from e2e.chart import ROOT
from e2e.rig import s3
from e2e.security.canaries import canary, found
from e2e.security.figures import Figure, none_of

SECRET_NAME = "credentials-of-the-test"
KEY_NAME = "encryption-of-the-test"
AT_A_TIME = 8  # most of them wait for a server that does not answer


@dataclass(frozen=True)
class Case:
    """A Secret, and what is asked of the storage that it leads to. `reason` is how it ends."""

    what: str
    reason: str
    secret: dict[str, str]
    uri: str = "s3://models/there.onnx"
    loopback: bool = True
    program: str = "check"
    key: str = ""  # what the Secret of the encryption has
    # parts of the Secret that are no secret of this case (a server that has to be reached)
    open: frozenset[str] = frozenset()


def measure() -> Iterator[Figure]:
    """Run all cases."""
    with tempfile.TemporaryDirectory(prefix="modelservice-programs-") as name:
        root = Path(name)
        access, secret = canary(), canary()
        with (
            s3.running(root / "s3", access=access, secret=secret) as endpoint,
            _mirror() as mirror,
            ThreadPoolExecutor(AT_A_TIME) as pool,
        ):
            (root / "s3/data/models/there.onnx").write_bytes(_onnx())
            (root / "s3/data/models/text.onnx").write_bytes(b"not a model")
            opens = _seal(root, store=root / "s3/data/models")
            keys = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
            cases = list(_cases(keys, endpoint=endpoint, mirror=mirror))
            good = {**keys, "AWS_ENDPOINT_URL": endpoint}
            cases += (replace(one, secret=good, open=ENDPOINT) for one in _sealed(opens))
            numbered = ((root / str(number), case) for number, case in enumerate(cases))
            ends = list(pool.map(lambda one: _run(*one), numbered))
    surprises = [text for _, surprise in ends for text in surprise]
    yield none_of(
        "pod programs that end otherwise than foreseen", surprises, of=len(cases), least=16
    )
    leaks = [text for leak, _ in ends for text in leak]
    yield none_of("canaries in what pod programs say and leave", leaks, of=len(cases), least=16)


def _cases(keys: dict[str, str], *, endpoint: str, mirror: str) -> Iterator[Case]:
    good = {**keys, "AWS_ENDPOINT_URL": endpoint}
    # These take longest: the client tries again what a server calls its own fault.
    for status in (500, 301, 400, 403, 404):
        yield Case(
            f"a server that repeats the request with {status}",
            REPEATED[status],
            {**keys, "AWS_SESSION_TOKEN": canary(), "AWS_ENDPOINT_URL": mirror},
            uri=f"s3://status-{status}/x.onnx",
            open=ENDPOINT,
        )
    yield Case("all is well", "", good, program="fetch", open=ENDPOINT)
    yield Case(
        "an object that is missing", "SourceNotFound", good, uri="s3://models/x.onnx", open=ENDPOINT
    )
    yield Case(
        "a bucket that is missing", "SourceNotFound", good, uri="s3://none/x.onnx", open=ENDPOINT
    )
    yield Case("no model", "ModelInvalid", good, uri="s3://models/text.onnx", open=ENDPOINT)
    yield Case(
        "an unknown key", "AccessDenied", {**good, "AWS_ACCESS_KEY_ID": canary()}, open=ENDPOINT
    )
    yield Case(
        "a wrong key", "AccessDenied", {**good, "AWS_SECRET_ACCESS_KEY": canary()}, open=ENDPOINT
    )
    yield Case("half a Secret", "SecretMissing", {"AWS_ACCESS_KEY_ID": canary()})
    yield Case("other keys only", "SecretMissing", {"password": canary(), "token": canary()})
    yield Case(
        "a bad region", "SecretMissing", {**good, "AWS_REGION": f"{canary()}!"}, open=ENDPOINT
    )
    yield Case("another region", "AccessDenied", {**good, "AWS_REGION": canary()}, open=ENDPOINT)
    yield Case(
        "a session",
        "StorageUnavailable",
        {**good, "AWS_ACCESS_KEY_ID": canary(), "AWS_SESSION_TOKEN": canary()},
        open=ENDPOINT,
    )
    for what, url in (
        ("a host that DNS does not know", f"http://{canary()}.invalid"),
        ("a server that does not answer", f"http://127.0.0.1:1/?token={canary()}"),
        ("a password in the address", f"http://me:{canary()}@127.0.0.1"),
        ("a token in the address", f"https://example.com/?token={canary()}"),
        ("a path in the address", f"https://example.com/{canary()}"),
        ("no address at all", canary()),
        ("another scheme", f"ftp://{canary()}/"),
        ("a port that is none", f"https://example.com:{canary()}"),
    ):
        reason = "StorageUnavailable" if ".invalid" in url else "EndpointRefused"
        yield Case(what, reason, {**keys, "AWS_ENDPOINT_URL": url})
    yield Case("the pod's own address", "EndpointRefused", good, loopback=False)
    yield Case(
        "a metadata address",
        "EndpointRefused",
        {**keys, "AWS_ENDPOINT_URL": "http://169.254.169.254"},
    )


def _sealed(opens: str) -> Iterator[Case]:
    """Artifacts that the key `opens` opens, and keys that do not."""
    sealed, cut = "s3://models/sealed", "s3://models/cut"
    for program in ("check", "fetch"):
        yield Case(
            f"sealed: all is well with {program}", "", {}, sealed, program=program, key=opens
        )
    other = _encryption_key()
    yield Case("sealed: another key", "DecryptionFailed", {}, sealed, key=other)
    yield Case("sealed: a key that is none", "DecryptionFailed", {}, sealed, key=canary())
    yield Case("sealed: an artifact that was cut", "ArtifactDamaged", {}, cut, key=opens)
    yield Case("sealed: no artifact", "DecryptionFailed", {}, "s3://models/text.onnx", key=opens)


def _encryption_key() -> str:
    """The content of a key file, whose bytes are a canary too."""
    return base64.b64encode(f"{canary()}.".encode()).decode()


def _seal(folder: Path, *, store: Path) -> str:
    """Seal a model into the store, whole and cut; the key that opens both."""
    from modelservice_runtime.artifacts.sealing import packing  # noqa: PLC0415 - as in _onnx
    from modelservice_runtime.artifacts.sealing.keys import EncryptionKey  # noqa: PLC0415

    text = _encryption_key()
    model = folder / "model.onnx"
    model.write_bytes(_onnx())
    packing.pack(
        packing.Model.of(model),
        output=store / "sealed",
        key=EncryptionKey.parse(text.encode(), origin="the test"),
        compress=True,
    )
    (store / "cut").write_bytes((store / "sealed").read_bytes()[:-1])
    return text


ENDPOINT = frozenset({"AWS_ENDPOINT_URL"})
REPEATED = {
    301: "StorageUnavailable",
    400: "StorageUnavailable",
    403: "AccessDenied",
    404: "SourceNotFound",
    500: "StorageUnavailable",
}


def _run(folder: Path, case: Case) -> tuple[list[str], list[str]]:
    """(leaks, surprises) of one case."""
    secret = folder / "credentials" / SECRET_NAME
    for made in (secret, folder / "models", folder / "run"):
        made.mkdir(parents=True)
    for key, value in case.secret.items():
        (secret / key).write_text(value)
    (folder / "models.json").write_text(json.dumps(_document(case, folder=folder)))
    if case.key:
        (folder / KEY_NAME).mkdir()
        (folder / KEY_NAME / "key").write_text(case.key)
    if case.loopback:
        (folder / "loopback").touch()
    done = subprocess.run(
        [sys.executable, "-m", "e2e.security.podprogram", case.program, str(folder)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT / "runtime"), str(ROOT)]),
            "MODELSERVICE_PATIENCE": "0",
            "MODELSERVICE_S3_REGION": "us-east-1",
        },
        capture_output=True,
        check=False,
    )
    message = (folder / "termination").read_bytes() if (folder / "termination").exists() else b""
    places = {"log": done.stdout + done.stderr, "termination message": message}
    for file in (folder / "models").rglob("*"):
        if file.is_file():
            places[str(file.relative_to(folder))] = file.read_bytes()
    texts = {key: value for key, value in case.secret.items() if key not in case.open}
    if case.key:
        texts |= {"the key": case.key, "the key's bytes": _bytes(case.key)}
    # A URL is a secret as a whole and in its parts.
    texts |= {f"part of {key}": one for key, value in texts.items() for one in _canaries(value)}
    leaks = [f"{case.what}: {text}" for text in found(texts, places=places)]
    told = json.loads(message).get("reason", "") if message else "a crash"
    surprises = (
        [] if told == case.reason else [f"{case.what}: {told} {done.stderr.decode()[-300:]}"]
    )
    return leaks, surprises


def _bytes(key: str) -> str:
    return key if key.startswith("canary-") else base64.b64decode(key).decode()


def _canaries(text: str) -> list[str]:
    start = text.find("canary-")
    return [] if start < 0 else [text[start : start + 31]]


def _document(case: Case, *, folder: Path) -> dict[str, Any]:
    encryption = {"encryption": {"key": str(folder / KEY_NAME / "key")}} if case.key else {}
    model = {
        "name": "m",
        "version": 1,
        "uri": case.uri,
        "digest": None,
        "stated": False,
        "credentials": str(folder / "credentials" / SECRET_NAME),
        **encryption,
        "maxBatchSize": 0,
        "instances": [{"count": 1, "kind": "Auto"}],
    }
    return {
        "apiVersion": "runtime.modelservice.io/v1",
        "service": {"namespace": "team", "name": "m"},
        "triton": {"backends": ["python"], "gpu": False, "gpus": 0},
        "network": {"allowedNetworks": []},
        "models": [model],
    }


def _onnx() -> bytes:
    """A model that does nothing to a vector."""
    import onnx  # noqa: PLC0415 - half a second that the other parts need not spend

    tensors = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 4])
        for name in ("x", "y")
    ]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "identity", tensors[:1], tensors[1:])
    return bytes(onnx.helper.make_model(graph).SerializeToString())


@contextmanager
def _mirror() -> Iterator[str]:
    """A server whose error pages repeat the whole request: /status-403/… is answered with 403."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status = HTTPStatus(int(self.path.split("/")[1].partition("-")[2][:3] or 404))
            body = f"<Error><Message>{self.requestline}\n{self.headers}</Message></Error>".encode()
            self.send_response(status)
            if status == HTTPStatus.MOVED_PERMANENTLY:
                signature = self.headers.get("Authorization", "")
                self.send_header("Location", f"http://127.0.0.1:1/{signature.replace(' ', '+')}")
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = _answer  # noqa: N815 - the base class's names

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
