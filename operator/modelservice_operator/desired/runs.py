"""One execution of what makes a model (a training, or the conversion of a file): its hash, its
Job's input, and what became of it.

The hash covers what makes one model differ from another and nothing else: never images, code,
resources or credentials, so that an upgrade of the operator does not retrain the world
(`tests/golden/run_hashes.yaml` must never change).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelservice_operator.api import Gpu, Model, Source, Training, names
from modelservice_operator.canonical import digest
from modelservice_operator.desired.child import Owner
from modelservice_operator.desired.model_set import CREDENTIALS
from modelservice_operator.desired.platform import Platform
from modelservice_operator.observed.jobs import JobVerdict

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """The run that the current spec of a model asks for."""

    model: Model
    hash: str
    job_name: str
    verdict: JobVerdict
    # the program that its Job runs: the platform may have another one by now
    image: str | None
    # the version that this run published; a run is done when it exists
    version: Manifest | None
    # what is served meanwhile: the newest version that any run of this model published
    serving: Manifest | None
    next_number: int
    progress: Manifest

    @property
    def done(self) -> bool:
        return self.version is not None

    @property
    def training(self) -> Training | None:
        """None for a conversion."""
        return self.model.training

    @property
    def gpu(self) -> Gpu | None:
        """The GPUs of its pod."""
        return self.training.gpu if self.training is not None else None

    @property
    def noun(self) -> str:
        """What it is, in a sentence."""
        return "training" if self.training is not None else "conversion"


# What makes one trained model differ from another. A new field with a default changes no hash.
_HASHED: dict[str, bool | set[str]] = {
    "recipe": True,
    "architecture": True,
    "dataset": {"uri", "sha256"},
    "optimizer": True,
    "loss": True,
    "epochs": True,
    "batch_size": True,
    "target_loss": True,
    "early_stop": True,
    "seed": True,
}
_PARAMETERS = {name for name in _HASHED if name != "dataset"}


def run_hash(training: Training) -> str:
    """Hash of the fields that are set and differ from their defaults, in canonical form."""
    return digest(
        training.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=_HASHED)
    )


def conversion_hash(source: Source) -> str:
    """Hash of the file that is converted, as the spec names it."""
    stated = source.model_dump(
        mode="json", by_alias=True, exclude_none=True, include={"uri", "sha256", "format"}
    )
    return digest({"conversion": stated})


def parameters(training: Training) -> dict[str, Any]:
    """The parameters of a run that are stated, as the trainer reads them."""
    return training.model_dump(mode="json", by_alias=True, exclude_none=True, include=_PARAMETERS)


def run_document(
    *, owner: Owner, model: str, training: Training, run: str, platform: Platform
) -> dict[str, Any]:
    """The trainer's input (`MODELSERVICE_RUN`)."""
    dataset_secret = (
        training.dataset.secret_ref.name
        if training.dataset.secret_ref
        else platform.storage.secret_name
    )
    return {
        "apiVersion": names.RUNTIME_API_VERSION,
        "service": {"namespace": owner.namespace, "name": owner.name},
        "model": model,
        "run": run,
        "dataset": {
            "uri": training.dataset.uri,
            "sha256": training.dataset.sha256,
            "credentials": f"{CREDENTIALS}/{dataset_secret}",
        },
        **parameters(training),
        "output": output(owner=owner, model=model, run=run, platform=platform),
        "network": {"allowedNetworks": list(platform.allowed_networks)},
    }


def output(*, owner: Owner, model: str, run: str, platform: Platform) -> dict[str, str]:
    """Where a run leaves what it makes, and what opens it."""
    root = platform.storage.uri.rstrip("/")
    return {
        "uri": f"{root}/{owner.namespace}/{owner.name}/{model}/{run}/",
        "credentials": f"{CREDENTIALS}/{platform.storage.secret_name}",
    }


def secrets_of(training: Training, *, platform: Platform) -> tuple[str, ...]:
    stated = {training.dataset.secret_ref.name} if training.dataset.secret_ref else set()
    return tuple(sorted(stated | {platform.storage.secret_name}))


def newest(versions: Sequence[Manifest]) -> Manifest | None:
    return max(versions, key=lambda version: int(version["spec"]["version"]), default=None)
