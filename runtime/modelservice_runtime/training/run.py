"""What to train: the document in `MODELSERVICE_RUN`, with the recipe's defaults filled in.

The operator writes it from `spec.models[].training`. The CRD has checked the values already; what
is checked again here is what this program's own recipes must agree with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice_runtime.artifacts.location import Location
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.publication import Execution
from modelservice_runtime.document import API_VERSION
from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.fields import FieldError, Fields
from modelservice_runtime.training import stated
from modelservice_runtime.training.decimals import decimal
from modelservice_runtime.training.recipes import RECIPES, Loss, OptimizerName, Recipe, own
from modelservice_runtime.training.schedule import CONSTANT, Schedule

VARIABLE = "MODELSERVICE_RUN"


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with its numbers. `momentum` is SGD's. `learning_rate` is what the schedule
    starts from, or rises to."""

    name: OptimizerName
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Schedule = CONSTANT

    @property
    def parameters(self) -> dict[str, Any]:
        """As the API writes it."""
        told: dict[str, Any] = {
            "name": str(self.name),
            "learningRate": decimal(self.learning_rate),
        }
        if self.momentum:
            told["momentum"] = decimal(self.momentum)
        if self.weight_decay:
            told["weightDecay"] = decimal(self.weight_decay)
        if self.schedule != CONSTANT:
            told["schedule"] = self.schedule.parameters
        return told


@dataclass(frozen=True)
class EarlyStop:
    """Training ends after `patience` epochs in which the loss on the test part was not below the
    best by more than `min_delta`."""

    patience: int
    min_delta: float = 0.0

    @property
    def parameters(self) -> dict[str, Any]:
        """As the API writes it."""
        return {"patience": self.patience, "minDelta": decimal(self.min_delta)}


@dataclass(frozen=True)
class Run:
    """One execution of a training, complete: nothing is left to a default after this.

    run: the run's hash; what is published belongs to it.
    dataset_digest: "sha256:…" that the dataset must have, or None.
    batch_size: `recipes.FULL_BATCH` or samples a step.
    target_loss: training ends after the first epoch whose training loss is not above it.
    """

    namespace: str
    service: str
    model: str
    run: str
    recipe: Recipe
    dataset: Location
    dataset_digest: str | None
    optimizer: Optimizer
    loss: Loss
    epochs: int
    batch_size: int
    target_loss: float | None
    early_stop: EarlyStop | None
    seed: int
    output: Location
    network: Network

    @property
    def execution(self) -> Execution:
        """What storage knows the run by."""
        return Execution(run=self.run, origin="dataset")

    @property
    def intent(self) -> dict[str, Any]:
        """What is noted in storage before the training."""
        return {
            "service": {"namespace": self.namespace, "name": self.service},
            "model": self.model,
            "run": self.run,
            "dataset": {"uri": self.dataset.uri},
            "parameters": self.parameters,
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """What shaped the training, for the version's lineage: decimals as strings."""
        parameters: dict[str, Any] = {
            **self.recipe.parameters,
            "optimizer": self.optimizer.parameters,
            "loss": str(self.loss),
            "epochs": self.epochs,
            "batchSize": self.batch_size,
            "seed": self.seed,
        }
        if self.target_loss is not None:
            parameters["targetLoss"] = decimal(self.target_loss)
        if self.early_stop is not None:
            parameters["earlyStop"] = self.early_stop.parameters
        return parameters


def parse(environ: Mapping[str, str]) -> Run:
    """Read the run. Raises `Failure` with `TrainingFailed` that names the field and its rule."""
    try:
        return _run(Fields.parse(environ.get(VARIABLE, "")))
    except ValueError as error:
        raise Failure(
            reason=Reason.TRAINING_FAILED,
            message=f"{VARIABLE} asks for what this trainer cannot do: {error}.",
        ) from None


def _run(fields: Fields) -> Run:
    version = fields.text("apiVersion")
    if version != API_VERSION:
        raise fields.error("apiVersion", f"must be {API_VERSION} for this trainer", version)
    recipe = _recipe(fields)
    service, dataset = fields.nested("service"), fields.nested("dataset")
    return Run(
        namespace=service.text("namespace"),
        service=service.text("name"),
        model=fields.text("model"),
        run=fields.text("run"),
        recipe=recipe,
        dataset=Location.parse(dataset),
        dataset_digest=f"sha256:{dataset.text('sha256')}" if dataset.has("sha256") else None,
        optimizer=_optimizer(fields.nested("optimizer"), recipe=recipe),
        loss=_loss(fields, recipe=recipe),
        epochs=fields.integer("epochs", at_least=1) if fields.has("epochs") else recipe.epochs,
        batch_size=_batch_size(fields, recipe=recipe),
        target_loss=fields.decimal("targetLoss") if fields.has("targetLoss") else None,
        early_stop=_early_stop(fields.nested("earlyStop")) if fields.has("earlyStop") else None,
        seed=fields.integer("seed", at_least=0) if fields.has("seed") else 0,
        output=Location.folder(fields.nested("output")),
        network=Network.of(fields.nested("network").texts("allowedNetworks")),
    )


def _recipe(fields: Fields) -> Recipe:
    if fields.has("architecture"):
        given, loss = fields.nested("architecture"), fields.choice("loss", Loss)
        try:
            architecture = stated.parse(given, loss=loss)
        except FieldError as error:  # only here is seen whether a user's layers fit
            raise Failure(reason=Reason.TRAINING_FAILED, message=f"training.{error}.") from None
        return own(architecture, loss=loss, document=given.values)
    name = fields.text("recipe")
    if name not in RECIPES:
        raise fields.error("recipe", f"must be one of {', '.join(RECIPES)}", name)
    return RECIPES[name]


def _optimizer(fields: Fields, *, recipe: Recipe) -> Optimizer:
    name = fields.choice("name", OptimizerName) if fields.has("name") else recipe.optimizer
    rate = name.learning_rate
    if fields.has("learningRate"):
        rate = fields.decimal("learningRate", above=0)
    momentum = fields.decimal("momentum") if fields.has("momentum") else 0.0
    if momentum and name is not OptimizerName.SGD:
        raise fields.error("momentum", f"is for {OptimizerName.SGD} only", decimal(momentum))
    decay = name.weight_decay
    if fields.has("weightDecay"):
        decay = fields.decimal("weightDecay")
    return Optimizer(
        name=name,
        learning_rate=rate,
        momentum=momentum,
        weight_decay=decay,
        schedule=Schedule.parse(fields.nested("schedule")) if fields.has("schedule") else CONSTANT,
    )


def _early_stop(fields: Fields) -> EarlyStop:
    least = fields.decimal("minDelta") if fields.has("minDelta") else 0.0
    return EarlyStop(patience=fields.integer("patience", at_least=1), min_delta=least)


def _loss(fields: Fields, *, recipe: Recipe) -> Loss:
    if not fields.has("loss"):
        return recipe.losses[0]
    loss = fields.choice("loss", Loss)
    if loss not in recipe.losses:
        allowed = " or ".join(recipe.losses)
        raise fields.error("loss", f"must be {allowed} for the {recipe.noun}", loss)
    return loss


def _batch_size(fields: Fields, *, recipe: Recipe) -> int:
    given = fields.integer("batchSize", at_least=0) if fields.has("batchSize") else 0
    return given or recipe.batch_size
