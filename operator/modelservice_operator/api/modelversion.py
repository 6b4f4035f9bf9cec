"""ModelVersion: one version of a model in the registry. It outlives the service that made it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from modelservice_operator.api.common import Tensors
from modelservice_operator.api.modelservice import ObjectMeta
from modelservice_operator.api.scalars import (
    Counter,
    Digest,
    Index,
    ModelName,
    ObjectName,
    S3Location,
)
from modelservice_operator.api.schema import Range, Schema, Transition
from modelservice_operator.api.sealing import ArtifactSignature, Encryption

USERS_SHOWN: Final = 32

Text = Annotated[str, Field(strict=True, min_length=1, max_length=512)]
Values = Annotated[
    dict[str, Annotated[str, Field(strict=True, max_length=256)]], Field(max_length=32)
]


class Artifact(Schema):
    """The version's file."""

    uri: S3Location
    """Where it lies."""

    digest: Digest
    """sha256:<hex> of its bytes. Other bytes are never served."""

    size: Annotated[int, Range(1, 2**53)]
    """Length in bytes."""

    encryption: Encryption | None = None
    """How it is encrypted; not at all when left out. The Secret is one of the namespace of the
    service that serves it."""

    signature: ArtifactSignature | None = None
    """Its signature; it is asked for where this is stated, or where the service or the platform
    requires one."""


class DatasetLineage(Schema):
    """The data set that a version was trained on."""

    uri: S3Location
    """Where it lay."""

    digest: Digest | None = None
    """sha256:<hex> of its bytes."""


class SourceLineage(Schema):
    """The file that a version was converted from."""

    uri: Annotated[str, Field(strict=True, min_length=1, max_length=1024)]
    """Where it lay."""

    digest: Digest
    """sha256:<hex> of its bytes."""

    format: Literal["Keras", "SavedModel"]
    """What it was."""

    signer: Text | None = None
    """Who had signed it, where that was asked for."""


class Code(Schema):
    """The program that made a version."""

    image: Text
    """Container image."""

    digest: Text | None = None
    """Digest of the image."""


class Lineage(Schema):
    """How a version came about."""

    service: ObjectName | None = None
    """ModelService that trained or converted it."""

    run: Annotated[str, Field(strict=True, min_length=1, max_length=64)] | None = None
    """Hash of the run's parameters."""

    job: ObjectName | None = None
    """Job of the run, in the namespace of the version."""

    dataset: DatasetLineage | None = None
    """What it was trained on."""

    source: SourceLineage | None = None
    """What it was converted from."""

    parameters: Values | None = None
    """Parameters of the run, by name."""

    metrics: Values | None = None
    """Metrics that the run reached, by name."""

    code: Code | None = None
    """What trained or converted it."""


class ModelVersionSpec(Schema):
    """One version of one model. It never changes."""

    model: ModelName
    """Name of the model."""

    version: Index
    """Number of the version."""

    format: Literal["ONNX", "TorchScript", "TorchExport", "TensorRT", "Python"]
    """Format of the file."""

    artifact: Artifact
    """The file."""

    inputs: Tensors | None = None
    """Inputs, as read from the model."""

    outputs: Tensors | None = None
    """Outputs, as read from the model."""

    lineage: Lineage | None = None
    """How it came about."""


class ModelVersionStatus(Schema):
    """What the operator found."""

    used_by: (
        Annotated[
            tuple[Annotated[str, Field(strict=True, max_length=128)], ...],
            Field(max_length=USERS_SHOWN),
        ]
        | None
    ) = None
    """The ModelServices that serve this version, as <namespace>/<name>, sorted: the first ones
    where there are many. While there are any, the version is not deleted."""

    users: Counter | None = None
    """How many ModelServices serve this version."""


class ModelVersion(Schema):
    """One version of a model: its file, its tensors and how it came about. Made by a training or a
    conversion, or applied by a user to publish a file."""

    api_version: Literal["modelservice.io/v1alpha1"]
    kind: Literal["ModelVersion"]
    metadata: ObjectMeta
    spec: Annotated[
        ModelVersionSpec,
        Transition(
            cel="self == oldSelf",
            message="spec of a ModelVersion is immutable: "
            "create another ModelVersion with the next version number",
        ),
    ]
    """The version."""

    status: ModelVersionStatus | None = None
    """What the operator found."""
