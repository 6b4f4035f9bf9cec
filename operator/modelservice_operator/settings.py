"""What a replica is started with: flags, their environment variables, and the platform file."""

from __future__ import annotations

import argparse
import os
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import yaml

from modelservice_operator.api import names
from modelservice_operator.desired.platform import (
    Images,
    Platform,
    PlatformTrust,
    Storage,
    Triton,
)
from modelservice_operator.kube.lease import DEFAULT_TIMINGS, Timings
from modelservice_operator.logs import Format

PLATFORM_FILE: Final = "/etc/modelservice/platform.yaml"
PUSH_KEYS: Final = "/etc/modelservice-push"
RESYNC: Final = 600.0
# bounds of what is given in seconds
SHORTEST: Final = 0.1
LONGEST: Final = 86_400.0
# They travel in the document of each revision.
MOST_SIGNERS: Final = 16
PUBLIC_PEM: Final = re.compile(
    r"-----BEGIN (PUBLIC KEY|CERTIFICATE)-----[A-Za-z0-9+/=\s]{1,4096}-----END \1-----"
)
CONTAINERS: Final = ("triton", "agent", "fetch", "trainer", "converter", "check")


class SettingsError(Exception):
    """Something that the operator is started with is wrong; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Flags of one replica."""

    namespace: str
    lease_name: str
    identity: str
    platform_file: Path
    push_keys: Path = Path(PUSH_KEYS)
    kubeconfig: str | None = None
    leader_elect: bool = True
    lease_timings: Timings = DEFAULT_TIMINGS
    # seconds between two comparisons of the store with lists of everything
    resync_period: float = RESYNC
    # reconciles at a time: most of a creation is waiting for the API server
    workers: int = 64
    status_workers: int = 16
    host: str | None = None
    health_port: int = names.PORT_OPERATOR_HEALTH
    metrics_port: int = names.PORT_OPERATOR_METRICS
    log_level: str = "info"
    log_format: Format = "json"


def parse(arguments: Sequence[str], *, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from flags; a flag's default comes from `MODELSERVICE_<FLAG>`."""
    parser = argparse.ArgumentParser(
        prog="modelservice-operator", description="Runs ModelServices on this cluster."
    )

    def flag(name: str, *, default: str | None, help: str, **more: Any) -> None:  # noqa: A002
        variable = "MODELSERVICE_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", default=environment.get(variable, default), help=help, **more
        )

    flag("namespace", default="modelservice-system", help="where the Lease is kept")
    flag("lease-name", default="modelservice-operator", help="name of the Lease")
    flag("platform-file", default=PLATFORM_FILE, help="operator-wide settings (YAML)")
    flag("push-keys", default=PUSH_KEYS, help="private keys for pushes (a directory of *.pem)")
    flag("kubeconfig", default=None, help="instead of the pod's service account")
    flag("workers", default="64", type=_positive, help="reconciles at a time")
    flag("status-workers", default="16", type=_positive, help="status-only runs at a time")
    flag("host", default=None, help="address of the health and metrics ports (default: all)")
    flag("health-port", default=str(names.PORT_OPERATOR_HEALTH), type=_port, help="probes")
    flag("metrics-port", default=str(names.PORT_OPERATOR_METRICS), type=_port, help="Prometheus")
    flag("log-level", default="info", choices=("debug", "info", "warning", "error"), help="")
    flag("log-format", default="json", choices=("json", "text"), help="")
    flag("leader-elect", default="true", choices=("true", "false"), help="false: one replica")
    usual = DEFAULT_TIMINGS
    seconds = {
        "lease-duration": (usual.duration, "after which others take over from a silent leader"),
        "lease-renew": (usual.renew, "after which a leader that cannot renew steps down"),
        "lease-retry": (usual.retry, "between two attempts to get or renew the Lease"),
        "resync-period": (RESYNC, "between two comparisons with lists of all"),
    }
    for name, (default, help) in seconds.items():  # noqa: A001 - argparse's own word
        flag(name, default=f"{default:g}", type=_seconds, help=f"seconds {help}")
    given = parser.parse_args(arguments)
    timings = Timings(given.lease_duration, renew=given.lease_renew, retry=given.lease_retry)
    if not timings.duration > timings.renew > timings.retry:
        parser.error("--lease-duration, --lease-renew and --lease-retry must fall in this order")
    return Settings(
        namespace=given.namespace,
        lease_name=given.lease_name,
        # A pod's name comes back with a restarted container, which must not take itself for its
        # predecessor: that one's writes may still be on their way.
        identity=f"{socket.gethostname()}-{uuid4().hex[:8]}",
        platform_file=Path(given.platform_file),
        push_keys=Path(given.push_keys),
        kubeconfig=given.kubeconfig,
        leader_elect=given.leader_elect == "true",
        lease_timings=timings,
        resync_period=given.resync_period,
        workers=given.workers,
        status_workers=given.status_workers,
        host=given.host,
        health_port=given.health_port,
        metrics_port=given.metrics_port,
        log_level=given.log_level,
        log_format=given.log_format,
    )


def load_platform(path: Path) -> Platform:
    """The platform file. Raises SettingsError."""
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    try:
        return platform(document)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def platform(document: Any) -> Platform:
    """A parsed platform file as the pure core takes it; what is left out has its default."""
    root = _Reader(document, at="")
    images = root.section("images")
    triton = root.section("triton")
    storage = root.section("storage")
    security = root.section("security")
    trust = security.section("trust")
    resources = root.section("resources")
    result = Platform(
        images=Images(
            agent=images.text("agent"),
            trainer=images.text("trainer"),
            converter=images.text("converter"),
            triton=images.text("triton"),
        ),
        image_pull_policy=root.text("imagePullPolicy", "IfNotPresent"),
        image_pull_secrets=root.texts("imagePullSecrets", ()),
        triton=Triton(
            backends=triton.texts("backends", Triton().backends),
            gpu=triton.flag("gpu", default=Triton().gpu),
        ),
        storage=Storage(
            uri=storage.text("uri", Storage().uri),
            endpoint=storage.text("endpoint", ""),
            region=storage.text("region", Storage().region),
            hugging_face_endpoint=storage.text("huggingFaceEndpoint", ""),
            secret_name=storage.text("secretName", Storage().secret_name),
        ),
        allowed_networks=security.texts("allowedNetworks", ()),
        allowed_pod_labels=security.texts("allowedPodLabels", ()),
        allowed_pod_annotations=security.texts("allowedPodAnnotations", ()),
        allow_python_models=security.flag("allowPythonModels", default=False),
        trust=_trust(trust),
        model_storage=root.text("modelStorage", "20Gi"),
        resources={name: resources.section(name).resources() for name in CONTAINERS},
    )
    for section in (images, triton, storage, trust, security, resources, root):
        section.finish()
    return result


def _trust(section: _Reader) -> PlatformTrust:
    trust = PlatformTrust(
        required=section.flag("requireSignature", default=False),
        keys=section.texts("publicKeys", ()),
    )
    if trust.required and not trust.keys:
        raise SettingsError("security.trust.requireSignature needs security.trust.publicKeys")
    if len(trust.keys) > MOST_SIGNERS:
        raise SettingsError(f"security.trust.publicKeys may hold {MOST_SIGNERS}")
    for key in trust.keys:
        if not PUBLIC_PEM.fullmatch(key.strip()):
            raise SettingsError(
                "security.trust.publicKeys must be PUBLIC KEYs or CERTIFICATEs in PEM, one each"
            )
    return trust


class _Reader:
    """Reads one mapping of the document and knows where it stands in it."""

    def __init__(self, value: Any, *, at: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise SettingsError(f"{at or 'the document'} must be a mapping")
        self._value = value
        self._at = at
        self._read: set[str] = set()

    def section(self, name: str) -> _Reader:
        return _Reader(self._get(name, {}), at=self._path(name))

    def text(self, name: str, default: str | None = None) -> str:
        value = self._get(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise SettingsError(f"{self._path(name)} must be a text that is not empty")
        return value

    def texts(self, name: str, default: Sequence[str]) -> tuple[str, ...]:
        value = self._get(name, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise SettingsError(f"{self._path(name)} must be a list of texts")
        return tuple(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise SettingsError(f"{self._path(name)} must be true or false")
        return value

    def resources(self) -> dict[str, dict[str, str]]:
        found = {}
        for kind in ("requests", "limits"):
            quantities = self.section(kind)
            if quantities._value:
                found[kind] = {name: str(value) for name, value in quantities._value.items()}
        self.finish()
        return found

    def finish(self) -> None:
        """Refuse what nobody asked for: mostly a misspelt setting."""
        unknown = sorted(str(name) for name in self._value.keys() - self._read)
        if unknown:
            raise SettingsError(f"unknown: {', '.join(map(self._path, unknown))}")

    def _get(self, name: str, default: Any) -> Any:
        self._read.add(name)
        return self._value.get(name, default)

    def _path(self, name: str) -> str:
        return f"{self._at}.{name}" if self._at else name


def _number(text: str, *, allowed: Callable[[int], bool], what: str) -> int:
    if not text.isdigit() or not allowed(int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return int(text)


def _positive(text: str) -> int:
    return _number(text, allowed=lambda value: value > 0, what="a positive number")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SHORTEST <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not from {SHORTEST:g} to {LONGEST:g}")
    return value


def _port(text: str) -> int:
    return _number(text, allowed=lambda value: value < 65536, what="a port")
