"""What a run leaves in storage, under its hash, so that it is done exactly once.

    <output>/run.json                    what is being made; written first
    <output>/<digest>/model.onnx         the artifact
    <output>/manifest.json               the result, with parameters and versions; written last

Runs are trainings and conversions. What a run made its artifact of is a section of the result with
a URI and a digest: `dataset` of the one, `source` of the other.

The manifest commits the run. It is created only where none is, and artifacts never replace each
other, so that two pods of one run (a node that was lost and came back) cannot mix their halves:
the first to commit wins, and the other ends with the same result. A run that is done again with
other data at the same URI replaces the manifest.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.document import API_VERSION
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.fields import FieldError, Fields

_INTENT = "run.json"
_MANIFEST = "manifest.json"
_ARTIFACT = "model.onnx"
_MANIFEST_LIMIT = 2**20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Execution:
    """One run. run: its hash. origin: the section of the result that says what it was made of."""

    run: str
    origin: str


def begin(intent: Mapping[str, Any], *, output: Storage) -> None:
    """Note what is being made. A missing bucket or right shows now, not after hours of work."""
    output.child(_INTENT).put_bytes(_canonical({"apiVersion": API_VERSION, **intent}))


def intention(*, output: Storage) -> Fields | None:
    """What `begin` noted last; None where nothing that can be read is there."""
    data = _read(output.child(_INTENT))
    try:
        return None if data is None else Fields.parse(data)
    except FieldError as error:
        log.warning("%s is not used: %s", output.child(_INTENT).uri, error)
        return None


def find(run: Execution, *, output: Storage, scratch: Path) -> Mapping[str, Any] | None:
    """The result that this run was committed with, if its artifact is there and whole."""
    data = _read(output.child(_MANIFEST))
    if data is None:
        return None
    try:
        result, artifact, digest = _committed(Fields.parse(data), run=run, output=output)
    except FieldError as error:
        log.warning("%s is not used: %s", output.child(_MANIFEST).uri, error)
        return None
    try:
        found = artifact.download(scratch / "committed.onnx").digest
    except Failure as failure:
        if failure.reason is not Reason.SOURCE_NOT_FOUND:
            raise
        found = "nothing"
    if found != digest:
        log.warning("%s is not used: it needs %s, there is %s", artifact.uri, digest, found)
        return None
    return result


def artifact_name(digest: str) -> str:
    """Where below the output the artifact with this digest ("sha256:…") belongs."""
    return f"{digest.removeprefix('sha256:')[:16]}/{_ARTIFACT}"


def commit(
    run: Execution,
    *,
    output: Storage,
    artifact: Path,
    result: Mapping[str, Any],
    lineage: Mapping[str, Any],
    scratch: Path,
) -> Mapping[str, Any]:
    """Upload the artifact, then the manifest. Returns the result that the run now has.

    result: the termination message; its `uri` ends with the `artifact_name`.
    lineage: what the manifest tells beyond it.
    """
    output.child(artifact_name(result["digest"])).upload(artifact)
    manifest = _canonical({"apiVersion": API_VERSION, "result": result, **lineage})
    place = output.child(_MANIFEST)
    if place.put_bytes(manifest, if_absent=True):
        return result
    other = find(run, output=output, scratch=scratch)
    if other is not None and other[run.origin] == result[run.origin]:
        log.info("another pod of this run was faster; its result stands")
        return other
    place.put_bytes(manifest)
    return result


def digest_of(path: Path) -> str:
    """The file's "sha256:<64 hex>"."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _read(place: Storage) -> bytes | None:
    try:
        return place.get_bytes(limit=_MANIFEST_LIMIT)
    except Failure as failure:
        if failure.reason is Reason.SOURCE_NOT_FOUND:
            return None
        raise


def _committed(
    manifest: Fields, *, run: Execution, output: Storage
) -> tuple[Mapping[str, Any], Storage, str]:
    result = manifest.nested("result")
    digest = result.text("digest")
    artifact = output.child(artifact_name(digest))
    # What is read from storage must not lead anywhere but to this run's own artifact.
    for name, expected in (("run", run.run), ("uri", artifact.uri)):
        if result.text(name) != expected:
            raise result.error(name, f"must be {expected}", result.text(name))
    result.nested(run.origin).text("digest")
    return result.values, artifact, digest


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
