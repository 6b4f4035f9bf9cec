"""Where a sealed artifact goes: S3, with the credentials that its user has in the environment."""

from collections.abc import Mapping
from pathlib import Path

from modelservice_runtime.artifacts.credentials import Access
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sealing.trust import SUFFIX
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.failure import Failure, Reason

_REQUIRED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def target(uri: str, *, environ: Mapping[str, str]) -> tuple[Storage, Storage]:
    """Where the artifact goes, and where its signature does. Raises `Failure`."""
    for name in _REQUIRED:
        if not environ.get(name):
            raise wrong(f"--upload needs {name} in the environment")
    access = Access(
        endpoint=environ.get("AWS_ENDPOINT_URL") or None,
        region=environ.get("AWS_REGION") or "us-east-1",
        access_key_id=environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        session_token=environ.get("AWS_SESSION_TOKEN") or None,
    )
    # A user's own machine may reach whatever it reaches: the policy protects a cluster from URIs.
    network = Network(allow_loopback=True)
    places = (uri, f"{uri}{SUFFIX}")
    artifact, signature = (Storage.reach(one, access=access, network=network) for one in places)
    return artifact, signature


def upload(places: tuple[Storage, Storage], *, artifact: Path, signature: Path | None) -> None:
    """The signature first: whoever sees the artifact finds it signed."""
    if signature is not None:
        places[1].upload(signature)
    places[0].upload(artifact)


def wrong(what: str) -> Failure:
    """Something that the user has to put right first."""
    return Failure(reason=Reason.ACCESS_DENIED, message=f"{what}.")
