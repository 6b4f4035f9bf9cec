"""The demo's datasets in the store, and whether what is served was trained on them."""

import hashlib
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from e2e.data import digits, linear
from e2e.data.parts import Parts
from e2e.demo import bucket
from e2e.demo.bucket import Bucket
from e2e.demo.kinds import MODEL_SERVICE, MODEL_VERSION
from e2e.demo.kubectl import Kubectl

SOURCES: Mapping[str, ModuleType] = {"digits": digits, "linear": linear}
SEED = 0
# The admission policy of the chart lets a version go that has this.
UNPROTECTED = "modelservice.io/delete-while-used=true"


@dataclass(frozen=True)
class Dataset:
    """`parts` has what was uploaded and, beside it, the held-out part; `digest` is the file's."""

    parts: Parts
    digest: str


def upload(store: Bucket) -> dict[str, Dataset]:
    """Put every dataset at `s3://data/<name>.npz`."""
    uploaded = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, source in SOURCES.items():
            parts: Parts = source.parts(seed=SEED)
            target = Path(directory) / f"{name}.npz"
            parts.write(target)
            store.upload(target, uri=f"s3://{bucket.DATA}/{name}.npz")
            digest = f"sha256:{hashlib.sha256(target.read_bytes()).hexdigest()}"
            uploaded[name] = Dataset(parts=parts, digest=digest)
    return uploaded


def trained_on(kubectl: Kubectl, name: str) -> set[str]:
    """The digests of the datasets that the versions of a service come from."""
    versions = kubectl.list(MODEL_VERSION, selector=f"modelservice.io/name={name}")
    return {version["spec"]["lineage"]["dataset"]["digest"] for version in versions}


def forget(kubectl: Kubectl, names: Collection[str], *, store: Bucket) -> None:
    """Remove services with their versions and artifacts, so that they are trained anew."""
    for name in names:
        kubectl.delete(MODEL_SERVICE, name, wait=True)
        for version in kubectl.list(MODEL_VERSION, selector=f"modelservice.io/name={name}"):
            # That nobody serves it any more may not be in its status yet, and would be a reason to
            # refuse.
            called = str(version["metadata"]["name"])
            kubectl.run("annotate", MODEL_VERSION.name, called, UNPROTECTED, "--overwrite")
            kubectl.delete(MODEL_VERSION, called)
        for uri in store.keys(f"s3://{bucket.MODELS}/{kubectl.namespace}/{name}/"):
            store.delete(uri)
