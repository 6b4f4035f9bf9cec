"""From a URI to the source that reads it."""

from __future__ import annotations

from pathlib import Path

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.claim import open_claim
from modelservice_runtime.artifacts.sources.https import open_https
from modelservice_runtime.artifacts.sources.hub import open_hub
from modelservice_runtime.artifacts.sources.registry import open_registry
from modelservice_runtime.artifacts.sources.source import Source
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.failure import Failure, Reason


def open_source(
    uri: str, *, credentials: Path | None, network: Network, claims: Path, hub: str
) -> Source:
    """The file that `uri` names; `credentials` is where its Secret is mounted, if it has one.
    Claims are mounted below `claims`; `hub` is the platform's mirror of Hugging Face, or empty.

    Raises `Failure`: `SourceNotFound` for a scheme that is none of ours, `SecretMissing`, and what
    the scheme says of a wrong address.
    """
    scheme = uri.partition("://")[0]
    match scheme:
        case "s3":
            if credentials is None:
                raise Failure(
                    reason=Reason.SECRET_MISSING,
                    message=f"{uri} needs the keys of a Secret. Name one in source.secretRef.",
                )
            return Storage.open(uri, credentials=credentials, network=network)
        case "https":
            return open_https(uri, credentials=credentials, network=network)
        case "pvc":
            return open_claim(uri, claims=claims)
        case "hf":
            return open_hub(uri, credentials=credentials, network=network, endpoint=hub)
        case "oci":
            return open_registry(uri, credentials=credentials, network=network)
        case _:
            raise Failure(
                reason=Reason.SOURCE_NOT_FOUND,
                message="source.uri has a scheme that this version does not read. Write it as "
                "s3://bucket/path/model.onnx, https://host/path/model.onnx, "
                "pvc://claim/path/model.onnx, hf://org/repo@revision/model.onnx or "
                "oci://registry/repository:tag.",
            )
