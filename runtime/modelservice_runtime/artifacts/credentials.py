"""The S3 endpoint and keys, from the Secret that is mounted beside a URI and from the platform.

The Secret is mounted with `optional: true`: when it is missing the directory is empty, and what
says so is our sentence. It is read on every attempt, so a Secret that appears is found.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelservice_runtime.failure import Failure, Reason

_REGION = re.compile(r"[a-z0-9-]{1,40}")
_REQUIRED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Access:
    """How to reach S3. `endpoint` None is AWS itself. Secrets stay out of `repr`."""

    endpoint: str | None
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)


def read(directory: Path, *, environ: Mapping[str, str] = os.environ) -> Access:
    """Read the Secret mounted at `directory`; its last part is the Secret's name.

    Endpoint and region may come from the platform (`MODELSERVICE_S3_ENDPOINT`,
    `MODELSERVICE_S3_REGION`). Raises `Failure` with `SecretMissing` and what to add.
    """
    values = {path.name: path.read_text().strip() for path in files(directory)}
    missing = [key for key in _REQUIRED if not values.get(key)]
    if len(missing) == len(_REQUIRED):
        raise _missing(
            f"The Secret {directory.name} does not exist in this namespace or has no keys. "
            f"Create it with {' and '.join(_REQUIRED)} (and AWS_ENDPOINT_URL for another S3 "
            "than AWS)."
        )
    if missing:
        raise _missing(f"The Secret {directory.name} has no key {missing[0]}. Add it.")
    region = values.get("AWS_REGION") or environ.get("MODELSERVICE_S3_REGION") or "us-east-1"
    if not _REGION.fullmatch(region):
        # The region becomes a part of AWS's host name.
        raise _missing(
            f"AWS_REGION in the Secret {directory.name} is not the name of a region. "
            "Write it as in us-east-1."
        )
    return Access(
        endpoint=values.get("AWS_ENDPOINT_URL") or environ.get("MODELSERVICE_S3_ENDPOINT") or None,
        region=region,
        access_key_id=values["AWS_ACCESS_KEY_ID"],
        secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        session_token=values.get("AWS_SESSION_TOKEN") or None,
    )


def files(directory: Path) -> list[Path]:
    """The keys of a mounted Secret; none where it does not exist."""
    try:
        # The kubelet keeps its own bookkeeping beside the keys, in names that begin with "..".
        return [path for path in directory.iterdir() if path.is_file() and path.name[:2] != ".."]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _missing(message: str) -> Failure:
    return Failure(reason=Reason.SECRET_MISSING, message=message)
