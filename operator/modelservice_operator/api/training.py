"""A model that is trained: on what, which network, how, and until when."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from modelservice_operator.api.architecture import Architecture
from modelservice_operator.api.common import Gpu, Resources, SecretRef
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

Recipe = Literal["linear", "mlp", "binary", "rnn", "cnn-small", "cnn"]
Loss = Literal["MSE", "CrossEntropy", "BinaryCrossEntropy"]

LOSSES: Final[dict[str, tuple[str, ...]]] = {
    "linear": ("MSE", "BinaryCrossEntropy"),
    "mlp": ("MSE",),
    "binary": ("BinaryCrossEntropy",),
    "rnn": ("MSE", "BinaryCrossEntropy"),
    "cnn-small": ("CrossEntropy",),
    "cnn": ("CrossEntropy",),
}
_LOSSES_TEXT = "; ".join(f"{' or '.join(losses)} for {recipe}" for recipe, losses in LOSSES.items())


class Dataset(Schema):
    """A data set: one .npz file with `x` and `y` (and `x_test`, `y_test`)."""

    uri: S3Object
    """The file: s3://<bucket>/<key>."""

    sha256: Sha256 | None = None
    """The file's SHA-256. Other bytes are refused."""

    secret_ref: SecretRef | None = None
    """Credentials; the Secret modelservice-storage when left out."""


class Schedule(Schema):
    """How the learning rate changes from epoch to epoch."""

    name: Literal["Constant", "Step", "Cosine"]
    """Step: it is multiplied by `factor` after every `every` epochs. Cosine: it falls to almost 0
    in the last epoch, along half a wave. Constant: it stays, for warmupEpochs alone."""

    every: Annotated[int, Range(1, 100_000)] | None = None
    """Epochs from one Step to the next."""

    factor: (
        Annotated[DecimalText, decimal_between("0", "1", low_excluded=True), CanonicalDecimal]
        | None
    ) = None
    """What a Step multiplies by, a decimal in quotes; 0.1 when left out."""

    warmup_epochs: Annotated[int, Range(0, 100_000)] = 0
    """Epochs in which the rate rises evenly to learningRate, before the schedule begins."""

    rules: ClassVar[tuple[Rule[Schedule], ...]] = (
        Rule(
            cel="(self.name == 'Step') == has(self.every)",
            check=lambda schedule: (schedule.name == "Step") == (schedule.every is not None),
            message="every is for Step, which needs it: set it beside Step, and leave it out else",
            path=".every",
        ),
        Rule(
            cel="!has(self.factor) || self.name == 'Step'",
            check=lambda schedule: schedule.factor is None or schedule.name == "Step",
            message="factor is for Step only: leave factor out, or set name to Step",
            path=".factor",
        ),
    )


class Optimizer(Schema):
    """How the weights are updated."""

    name: Literal["SGD", "Adam", "AdamW"]
    """The algorithm."""

    learning_rate: (
        Annotated[DecimalText, decimal_between("0", "1000", low_excluded=True), CanonicalDecimal]
        | None
    ) = None
    """Learning rate, a decimal in quotes; 0.01 for SGD and 0.001 for Adam and AdamW when left
    out."""

    weight_decay: Annotated[DecimalText, decimal_between("0", "1"), CanonicalDecimal] | None = None
    """Decay of the weights, a decimal in quotes; 0.01 for AdamW and 0 for others when left out."""

    schedule: Schedule | None = None
    """How the learning rate changes; it stays when left out."""

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


class EarlyStop(Schema):
    """When a training ends because it learns nothing more. The weights of its best epoch are
    kept."""

    patience: Annotated[int, Range(1, 100_000)]
    """Epochs without a better loss on the samples that do not train (the metric testLoss)."""

    min_delta: Annotated[DecimalText, decimal_between("0", "1000000"), CanonicalDecimal] | None = (
        None
    )
    """By how much the loss has to fall to be better, a decimal in quotes; 0 when left out."""


class Retention(Schema):
    """Which of the versions that a training has made are kept."""

    keep: Annotated[int, Range(1, 1000)]
    """The newest so many; beside them the one of the current spec, and every one that a service
    serves. Others are deleted from the registry; their files stay."""


class Training(Schema):
    """A training run: the operator runs it as a Job, registers the result and serves it."""

    recipe: Recipe | None = None
    """The built-in program; stated unless architecture is. Of rows of numbers: `linear` (10→1),
    `mlp` (10→20→10) and `binary` (8→10→1, a probability). Of sequences of any length: `rnn` (10
    numbers a step→1). Of images of 28x28 in 10 classes: `cnn-small` (one convolution) and `cnn`
    (two)."""

    architecture: Architecture | None = None
    """A network of your own, instead of a recipe; state the loss beside it."""

    dataset: Dataset
    """What to train on."""

    optimizer: Optimizer | None = None
    """Optimizer; the recipe's own when left out (linear and rnn: SGD; others, and an architecture:
    Adam)."""

    loss: Loss | None = None
    """Loss; the recipe's own when left out (linear, mlp and rnn: MSE; binary: BinaryCrossEntropy;
    cnn-small and cnn: CrossEntropy). linear and rnn take BinaryCrossEntropy too."""

    epochs: Annotated[int, Range(1, 100_000)] | None = None
    """Passes over the data set; the recipe's own when left out (linear, mlp and rnn: 1000; binary
    and cnn-small: 10; cnn: 5; an architecture: 10)."""

    batch_size: Annotated[int, Range(0, 65_536)] = 0
    """Samples a step. 0 is the recipe's own (linear, mlp and rnn: the whole data set; others, and
    an architecture: 32)."""

    target_loss: (
        Annotated[DecimalText, decimal_between("0", "1000000"), CanonicalDecimal] | None
    ) = None
    """Stop when the loss of an epoch is at or below this decimal in quotes."""

    early_stop: EarlyStop | None = None
    """Stop when the loss on the samples that do not train falls no more; never when left out."""

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
            cel="has(self.recipe) != has(self.architecture)",
            check=lambda training: (training.recipe is None) != (training.architecture is None),
            message="a training has a recipe or an architecture: state one of them",
            path=".recipe",
        ),
        Rule(
            cel="!has(self.architecture) || has(self.loss)",
            check=lambda training: training.architecture is None or training.loss is not None,
            message="architecture needs loss: state what is to be minimised",
            path=".loss",
        ),
        Rule(
            cel="!has(self.loss) || !has(self.recipe) || self.loss in "
            f"{ {recipe: list(losses) for recipe, losses in LOSSES.items()} }[self.recipe]",
            check=lambda training: (
                training.loss is None
                or training.recipe is None
                or training.loss in LOSSES[training.recipe]
            ),
            message=f"loss must fit the recipe ({_LOSSES_TEXT}): change it, or leave it out",
            path=".loss",
        ),
    )
