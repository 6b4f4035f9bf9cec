"""Unique texts where a user can put a secret, and a look at every place where none may turn up.

    Secrets, URIs with credentials, the operator's environment
        → etcd (all of it but the Secrets themselves), logs, metrics, command lines of the operator
    a Secret as a pod's programs get it, a storage that answers badly
        → logs, termination messages, what is written to shared volumes (`programs`)

The search itself is tested in the same run: a text that is planted in the open has to be found.
"""

import base64
import json
import secrets
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.rig.operators import Operator
from e2e.security.figures import Figure, none_of
from e2e.security.stage import TEAM, Stage
from e2e.security.workloads import model, service
from modelservice_operator.kube import kinds

KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "anything-else",
)
SECRETS = ("modelservice-storage", "play-held", "play-denied")
STORED_SECRETS = b"/registry/secrets/"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Planted:
    """`texts` by where they were put; `control` lies in the open, `environment` is operators'."""

    texts: Mapping[str, str]
    control: str
    environment: dict[str, str]


def canary() -> str:
    """A text that occurs nowhere else, and that nothing needs to escape."""
    return f"canary-{secrets.token_hex(12)}"


def plant(stage: Stage) -> Planted:
    """Put them in place, before any operator starts."""
    texts: dict[str, str] = {}
    for name in SECRETS:
        data = {key: canary() for key in KEYS}
        texts |= {f"Secret {name}, {key}": text for key, text in data.items()}
        body = {"apiVersion": "v1", "kind": "Secret", "stringData": data}
        metadata = {"name": name, "namespace": TEAM}
        stage.admin.post(f"/api/v1/namespaces/{TEAM}/secrets", {**body, "metadata": metadata})
    environment = {
        "AWS_SECRET_ACCESS_KEY": canary(),
        "HTTPS_PROXY": f"http://someone:{canary()}@proxy.example.com:3128",
    }
    for name, value in environment.items():
        texts[f"environment of the operator, {name}"] = value.partition("someone:")[2][:31] or value
    for uri in ("s3://me:{}@models/m.onnx", "s3://models/m.onnx?X-Amz-Signature={}"):
        text = canary()
        texts[f"a URI like {uri.format('…')}"] = text
        refused = service("credentials", model(uri.format(text)))
        answer = stage.admin.send("POST", kinds.MODEL_SERVICE.collection(TEAM), body=refused)
        if answer.ok:
            texts[f"a URI like {uri.format('…')}, which was accepted"] = text
    control = canary()
    stage.admin.post(
        kinds.CONFIG_MAP.collection(TEAM),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "control"},
            "data": {"text": control},
        },
    )
    return Planted(texts, control, environment)


def cluster(stage: Stage, planted: Planted, *, operators: Sequence[Operator]) -> Iterator[Figure]:
    """Look for them in what the API server keeps and what the operators leave behind."""
    places = {
        key.decode(errors="replace"): value
        for key, value in stored(stage).items()
        if not key.startswith(STORED_SECRETS)
    }
    for operator in operators:
        name = operator.log.parent.name
        places[f"log of the {name} operator"] = operator.log.read_bytes()
        if not operator.alive:
            continue
        command = Path(f"/proc/{operator.pid}/cmdline").read_bytes()
        places[f"command line of the {name} operator"] = command
        with _OPENER.open(f"{operator.metrics_url}/metrics", timeout=5.0) as answer:
            places[f"metrics of the {name} operator"] = answer.read()
    yield none_of(
        f"canaries ({len(planted.texts)}) in etcd, logs, metrics, command lines",
        found(planted.texts, places=places),
        of=len(places),
        least=200,
    )
    control = found({"control": planted.control}, places=places)
    yield Figure(
        "a text in the open that the same search finds", "≥ 1", str(len(control)), bool(control)
    )


def stored(stage: Stage) -> dict[bytes, bytes]:
    """Everything in etcd, by key, through its JSON gateway."""
    flags = stage.rig.plane.commands["kube-apiserver"]
    (address,) = (flag.partition("=")[2] for flag in flags if flag.startswith("--etcd-servers="))
    asked = {"key": _b64(b"/registry/"), "range_end": _b64(b"/registry0")}
    request = urllib.request.Request(f"{address}/v3/kv/range", json.dumps(asked).encode())
    with _OPENER.open(request, timeout=30.0) as answer:
        pairs = json.load(answer)["kvs"]
    return {
        base64.b64decode(pair["key"]): base64.b64decode(pair.get("value", "")) for pair in pairs
    }


def found(texts: Mapping[str, str], *, places: Mapping[str, bytes]) -> list[str]:
    """Which text is where: as it is, and as base64."""
    return [
        f"{what} is in {place}"
        for what, text in texts.items()
        for place, content in places.items()
        if any(form in content for form in _forms(text))
    ]


def _forms(text: str) -> tuple[bytes, ...]:
    """A text, and what base64 makes of it at each offset within a longer one."""
    shifted = [base64.b64encode(b"\0" * shift + text.encode())[4:-4] for shift in range(3)]
    return (text.encode(), *shifted)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
