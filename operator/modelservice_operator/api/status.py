"""`status` of a ModelService: what the operator found, in the shape that it writes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelservice_operator.api.common import Condition
from modelservice_operator.api.scalars import Counter
from modelservice_operator.api.schema import ListType, Range, Schema

Bytes = Annotated[int, Range(0, 2**53)]
Word = Annotated[str, Field(strict=True, max_length=64)]
Name = Annotated[str, Field(strict=True, max_length=253)]
Text = Annotated[str, Field(strict=True, max_length=1024)]
Metrics = Annotated[dict[str, Word], Field(max_length=32)]
Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), ListType("type")]


class SeenTensor(Schema):
    """One input or output, as it was read from the model."""

    name: Annotated[str, Field(strict=True, max_length=4096)]
    """Name of the tensor in the model."""

    data_type: Word
    """Element type, in Triton's words."""

    shape: Annotated[tuple[Annotated[int, Range(-1, 2**53)], ...], Field(max_length=64)]
    """The model's own shape with its batch axis; -1 where the size varies."""


# Wider than what a spec may state: whatever a model holds, its service's status can be written.
SeenTensors = Annotated[tuple[SeenTensor, ...], Field(max_length=128), ListType("name")]


class VersionRefStatus(Schema):
    """A ModelVersion."""

    namespace: Name
    """Namespace of the ModelVersion."""

    name: Name
    """Name of the ModelVersion."""


class ModelStatus(Schema):
    """One model as it is served."""

    name: Name
    """Name of the model."""

    version: Counter | None = None
    """Version that is served."""

    digest: Name | None = None
    """Digest of the artifact that is served."""

    version_ref: VersionRefStatus | None = None
    """The ModelVersion that is served, of a model that refers to one."""

    format: Word | None = None
    """Format of the artifact, as its content told."""

    signer: Name | None = None
    """Who signed it: the name of the public key, or of the certificate, and its fingerprint."""

    verified_at: Word | None = None
    """When the signature was verified."""

    loaded_replicas: Counter | None = None
    """Pods that have this version loaded."""

    inputs: SeenTensors | None = None
    """Inputs, as read from the model."""

    outputs: SeenTensors | None = None
    """Outputs, as read from the model."""


class TrainingStatus(Schema):
    """The latest run of one model."""

    model: Name
    """Name of the model."""

    run: Name | None = None
    """Hash of the run's parameters."""

    phase: Word
    """Pending, Waiting, Loading, Training, Exporting, Uploading, Succeeded, Failed or Suspended."""

    epoch: Counter | None = None
    """Epochs done."""

    epochs: Counter | None = None
    """Epochs wanted."""

    loss: Word | None = None
    """Loss of the last epoch."""

    metrics: Metrics | None = None
    """Further metrics of the last epoch, by name."""

    eta: Word | None = None
    """Time left, as a duration."""

    job: Name | None = None
    """Job of the run."""

    version: Counter | None = None
    """Version that the run made."""

    reason: Word | None = None
    """Why a run waits or failed, as one CamelCase word."""

    message: Text | None = None
    """Why a run waits or failed, as a sentence."""


class ConversionStatus(Schema):
    """The conversion of one model's file to ONNX."""

    model: Name
    """Name of the model."""

    run: Name | None = None
    """Hash of what is converted."""

    phase: Word
    """Pending, Waiting, Loading, Converting, Uploading, Succeeded, Failed or Suspended."""

    job: Name | None = None
    """Job of the conversion."""

    version: Counter | None = None
    """Version that it made."""

    difference: Word | None = None
    """Largest difference between the numbers of the file and of its ONNX model, on random
    inputs."""

    reason: Word | None = None
    """Why it waits or failed, as one CamelCase word."""

    message: Text | None = None
    """Why it waits or failed, as a sentence."""


class RolloutStatus(Schema):
    """The change from one revision to the next."""

    revision: Name | None = None
    """Revision that is wanted."""

    strategy: Word | None = None
    """Reload, Surge or Replace, as it was chosen."""

    reason: Text | None = None
    """Why it was chosen."""

    gpu_delta: Annotated[int, Range(-(2**31), 2**31 - 1)] | None = None
    """GPUs that the rollout needs beyond those that the service holds."""


class ColdStartStatus(Schema):
    """What a new pod spent its time on, from its creation until it answered. Kubernetes tells whole
    seconds; what the pod's own programs measure is finer."""

    pod: Name
    """The youngest pod that answers: the one that was timed."""

    at: Word
    """When it answered."""

    total: Word
    """All of it."""

    scheduled: Word | None = None
    """Until a node was found."""

    image_pull: Word | None = None
    """Images, volumes and containers: all that the node does before and between the programs."""

    fetch: Word | None = None
    """Bringing the models' bytes."""

    verify: Word | None = None
    """Reading and judging them."""

    configure: Word | None = None
    """Writing Triton's repository."""

    load: Word | None = None
    """Triton's start, loading and warming up, until the pod was ready."""

    slowest: Word
    """The phase that took longest."""


class DownloadStatus(Schema):
    """A model on its way to the check that comes before anything is replaced."""

    bytes: Bytes
    """Bytes that are there."""

    total_bytes: Bytes
    """Bytes of the file."""

    bytes_per_second: Bytes | None = None
    """Bytes a second, from the beginning until now."""

    eta: Word | None = None
    """Time left, as a duration."""


class ModelServiceStatus(Schema):
    """What the operator found."""

    observed_generation: Counter | None = None
    """The metadata.generation that this status speaks of."""

    conditions: Conditions | None = None
    """Available: requests are answered. Ready: the current spec is in force. Reconciling and
    Stalled: on the way, or waiting for a new spec. ModelsLoaded, GPUScheduled, TrainingComplete,
    Scaling and Trusted: the parts."""

    url: Text | None = None
    """Address of Triton's HTTP API inside the cluster."""

    version: Word | None = None
    """Version of the first model that is served."""

    replicas: Counter | None = None
    """Pods of the current revision."""

    ready_replicas: Counter | None = None
    """Pods that answer requests."""

    selector: Annotated[str, Field(strict=True, max_length=1024)] | None = None
    """Label selector of the current revision's pods, for autoscalers."""

    revision: Name | None = None
    """Revision that serves."""

    models: Annotated[tuple[ModelStatus, ...], Field(max_length=16), ListType("name")] | None = None
    """The models that are served."""

    training: (
        Annotated[tuple[TrainingStatus, ...], Field(max_length=16), ListType("model")] | None
    ) = None
    """The latest run of each model that is trained."""

    conversions: (
        Annotated[tuple[ConversionStatus, ...], Field(max_length=16), ListType("model")] | None
    ) = None
    """The conversion of each model whose file is converted."""

    download: DownloadStatus | None = None
    """How far the download of a check is; absent while none is under way."""

    rollout: RolloutStatus | None = None
    """The change under way, or the last one."""

    cold_start: ColdStartStatus | None = None
    """How long the last new pod took to answer, by phase."""
