"""How a registry lets one in: its challenge, and the login for it in a Secret.

The Secret is one for pulling images (`kubernetes.io/dockerconfigjson`), whose logins each belong to
a registry, or has a user name and a password for the host that it names.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from modelservice_runtime.artifacts.sources.keys import Keys, basic
from modelservice_runtime.failure import Failure, Reason

DOCKER: Final = ".dockerconfigjson"
_PARAMETER: Final = re.compile(r'([a-z_]+)="([^"\\]{0,1024})"', re.IGNORECASE)
# What clients have written for Docker's own registry.
_DOCKER_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True)
class Challenge:
    """What a registry asks for: a token of `realm` for `service`, or (not `bearer`) a login."""

    bearer: bool
    realm: str = ""
    service: str = ""

    @classmethod
    def parse(cls, header: str) -> Challenge | None:
        """From `WWW-Authenticate`; None for what we do not know."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "basic":
            return cls(bearer=False)
        told = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
        realm = told.get("realm", "")
        if scheme.lower() != "bearer" or not realm.isprintable():
            return None
        return cls(bearer=True, realm=realm, service=told.get("service", ""))


def login(keys: Keys, *, host: str) -> str | None:
    """The header for the registry at `host`; None where the source names no Secret."""
    config = keys.values.get(DOCKER)
    if not config:
        return keys.header(host=host)
    names = _DOCKER_HUB if host in _DOCKER_HUB else frozenset({host})
    for name, entry in _entries(config, secret=keys.name).items():
        bare = name.removeprefix("https://").removeprefix("http://").partition("/")[0]
        header = _header(entry) if bare in names else None
        if header is not None:
            return header
    raise _missing(
        f"{DOCKER} in the Secret {keys.name} has no login for {host}. Add one with a user name and "
        "a password, or leave secretRef out."
    )


def _entries(config: str, *, secret: str | None) -> dict[str, Any]:
    try:
        told = json.loads(config)
    except (ValueError, RecursionError):
        told = None
    entries = told.get("auths") if isinstance(told, dict) else None
    if not isinstance(entries, dict):
        raise _missing(
            f"{DOCKER} in the Secret {secret} is not what kubectl create secret docker-registry "
            "writes. Create it anew."
        )
    return entries


def _header(entry: object) -> str | None:
    """From an entry: a user name and a password, or both as one."""
    if not isinstance(entry, dict):
        return None
    user, password = entry.get("username"), entry.get("password")
    if isinstance(user, str) and isinstance(password, str) and user:
        return basic(user, password=password)
    try:
        both = base64.b64decode(str(entry.get("auth", "")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = both.partition(":")
    return basic(user, password=password) if user and colon else None


def _missing(message: str) -> Failure:
    return Failure(reason=Reason.SECRET_MISSING, message=message)
