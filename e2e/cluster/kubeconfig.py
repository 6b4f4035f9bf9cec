"""Kubeconfig files that carry their certificates inside, so that they can be copied anywhere."""

import base64
import os
from pathlib import Path

import yaml

from e2e.cluster.certificates import Authority, Certificate


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def write(target: Path, *, server: str, authority: Authority, identity: Certificate) -> None:
    """Write the kubeconfig of `identity` for the API server at `server` (`https://…`)."""
    user = {
        "client-certificate-data": _inline(identity.certificate),
        "client-key-data": _inline(identity.key),
    }
    cluster = {"server": server, "certificate-authority-data": _inline(authority.certificate)}
    name = "modelservice-dev"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    unfinished = target.with_suffix(".unfinished")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        yaml.safe_dump(document, stream, sort_keys=False)
    unfinished.rename(target)
