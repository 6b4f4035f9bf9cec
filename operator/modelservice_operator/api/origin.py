"""Where a model comes from: a file that exists, or a training."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from modelservice_operator.api.common import Gpu, Resources, SecretRef, SourceFormat
from modelservice_operator.api.locations import SourceUri, claim_of
from modelservice_operator.api.scalars import (
    CanonicalDecimal,
    CanonicalDuration,
    Counter,
    DecimalText,
    Duration,
    S3Object,
    Sha256,
    between,
    decimal_between,
)
from modelservice_operator.api.schema import Range, Rule, Schema
from modelservice_operator.api.sealing import ArtifactSignature, Encryption

Recipe = Literal["linear", "cnn"]
Loss = Literal["MSE", "CrossEntropy", "BinaryCrossEntropy"]

LOSSES: Final[dict[str, tuple[str, ...]]] = {
    "linear": ("MSE", "BinaryCrossEntropy"),
    "cnn": ("CrossEntropy",),
}
_LOSSES_TEXT = "; ".join(f"{' or '.join(losses)} for {recipe}" for recipe, losses in LOSSES.items())


# Formats that Triton has no good backend for: a Job converts them to ONNX, once.
_CONVERTED: Final = frozenset({"Keras", "SavedModel"})
_CONVERTED_NAMES: Final = (".keras", ".h5")


class Source(Schema):
    """A model that exists: a file, or an archive (tar, zip) of a folder; compressed (zstd),
    encrypted and signed as it may be. Its format is read from its content. Files of Keras and
    SavedModels of TensorFlow are converted to ONNX first, once, and become ModelVersions."""

    uri: SourceUri
    """The file: s3://<bucket>/<key>, https://<host>/<path>, pvc://<claim>/<path> with a
    PersistentVolumeClaim of this namespace, hf://<organisation>/<repository>[@<revision>]/<path> on
    Hugging Face (revision main when left out), or oci://<registry>/<repository>:<tag> (also
    @sha256:<digest>, and #<title> of one file where an artifact has several)."""

    format: SourceFormat | None = None
    """Format that the file must have: a file of another one is refused. TorchExport is what
    torch.export.save writes (.pt2), TensorRT a plan, Python a model.py, SavedModel an archive of
    the folder. Read from the content when left out; for a SavedModel, and for a file of Keras whose
    name does not end with .keras or .h5, state it."""

    recipe: Recipe | None = None
    """Architecture of the weights in a SafeTensors file, as the built-in program of this name
    trains it."""

    sha256: Sha256 | None = None
    """The file's SHA-256. Other bytes are refused."""

    secret_ref: SecretRef | None = None
    """Credentials. Left out: for s3:// the Secret modelservice-storage, for others none."""

    encryption: Encryption | None = None
    """How it is encrypted; not at all when left out."""

    signature: ArtifactSignature | None = None
    """Its signature; it is asked for where this is stated, or where spec.trust or the platform
    requires one."""

    @property
    def is_converted(self) -> bool:
        """Whether it becomes an ONNX file before it is served."""
        if self.format is not None:
            return self.format in _CONVERTED
        return self.uri.lower().endswith(_CONVERTED_NAMES)

    rules: ClassVar[tuple[Rule[Source], ...]] = (
        Rule(
            cel="!has(self.format) || self.format != 'SafeTensors' || has(self.recipe)",
            check=lambda source: source.format != "SafeTensors" or source.recipe is not None,
            message="format SafeTensors needs recipe: "
            "the file has weights, and the recipe their architecture",
            path=".recipe",
        ),
        Rule(
            cel="!has(self.recipe) || !has(self.format) || self.format == 'SafeTensors'",
            check=lambda source: source.recipe is None or source.format in (None, "SafeTensors"),
            message="recipe is for SafeTensors only: leave recipe out, or set format to "
            "SafeTensors",
            path=".recipe",
        ),
        Rule(
            cel="!has(self.secretRef) || !self.uri.startsWith('pvc://')",
            check=lambda source: source.secret_ref is None or claim_of(source.uri) is None,
            message="secretRef must not stand beside pvc://, which needs no credentials: "
            "leave it out",
            path=".secretRef",
        ),
    )


class Dataset(Schema):
    """A data set: one .npz file with `x` and `y` (and `x_test`, `y_test`)."""

    uri: S3Object
    """The file: s3://<bucket>/<key>."""

    sha256: Sha256 | None = None
    """The file's SHA-256. Other bytes are refused."""

    secret_ref: SecretRef | None = None
    """Credentials; the Secret modelservice-storage when left out."""


class Optimizer(Schema):
    """How the weights are updated."""

    name: Literal["SGD", "Adam"]
    """The algorithm."""

    learning_rate: (
        Annotated[DecimalText, decimal_between("0", "1000", low_excluded=True), CanonicalDecimal]
        | None
    ) = None
    """Learning rate, a decimal in quotes; 0.01 for SGD and 0.001 for Adam when left out."""

    momentum: Annotated[DecimalText, decimal_between("0", "1"), CanonicalDecimal] | None = None
    """Momentum of SGD, a decimal in quotes; 0 when left out."""

    rules: ClassVar[tuple[Rule[Optimizer], ...]] = (
        Rule(
            cel="!has(self.momentum) || self.name == 'SGD'",
            check=lambda optimizer: optimizer.momentum is None or optimizer.name == "SGD",
            message="momentum is for SGD only: leave momentum out, or set name to SGD",
            path=".momentum",
        ),
    )


class Retention(Schema):
    """Which of the versions that a training has made are kept."""

    keep: Annotated[int, Range(1, 1000)]
    """The newest so many; beside them the one of the current spec, and every one that a service
    serves. Others are deleted from the registry; their files stay."""


class Training(Schema):
    """A training run: the operator runs it as a Job, registers the result and serves it."""

    recipe: Recipe
    """The built-in program: `linear` (Linear 10→1) or `cnn` (images of 28x28, 10 classes)."""

    dataset: Dataset
    """What to train on."""

    optimizer: Optimizer | None = None
    """Optimizer; the recipe's own when left out (linear: SGD, cnn: Adam)."""

    loss: Loss | None = None
    """Loss; the recipe's own when left out (linear: MSE, cnn: CrossEntropy). linear takes
    BinaryCrossEntropy too."""

    epochs: Annotated[int, Range(1, 100_000)] | None = None
    """Passes over the data set; the recipe's own when left out (linear: 1000, cnn: 5)."""

    batch_size: Annotated[int, Range(0, 65_536)] = 0
    """Samples a step. 0 is the recipe's own (linear: the whole data set, cnn: 32)."""

    target_loss: (
        Annotated[DecimalText, decimal_between("0", "1000000"), CanonicalDecimal] | None
    ) = None
    """Stop when the loss of an epoch is at or below this decimal in quotes."""

    seed: Counter = 0
    """Seed of weights, shuffling and splits: the same seed and data give the same model."""

    resources: Resources | None = None
    """Resources of the training container."""

    gpu: Gpu | None = None
    """GPUs of the training pod; left out, it trains on CPU."""

    active_deadline: Annotated[Duration, between("1m", "720h"), CanonicalDuration] | None = None
    """The run fails when it takes longer."""

    retention: Retention | None = None
    """Delete old versions of this training; all are kept when left out."""

    rules: ClassVar[tuple[Rule[Training], ...]] = (
        Rule(
            cel="!has(self.loss) || self.loss in "
            f"{ {recipe: list(losses) for recipe, losses in LOSSES.items()} }[self.recipe]",
            check=lambda training: (
                training.loss is None or training.loss in LOSSES[training.recipe]
            ),
            message=f"loss must fit the recipe ({_LOSSES_TEXT}): change it, or leave it out",
            path=".loss",
        ),
    )
