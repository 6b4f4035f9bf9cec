"""One run from its document to its result: find or fetch, train, export, publish.

What can heal (a Secret, a bucket, a dataset that is not there yet) is waited for, first here and
then by the Job; progress tells which. A trained model is held far longer than anything else.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from modelservice_runtime import container
from modelservice_runtime.artifacts import publication
from modelservice_runtime.artifacts.location import Location
from modelservice_runtime.artifacts.storage import Download, Storage
from modelservice_runtime.failure import Failure, Reason, patiently
from modelservice_runtime.progress import Progress
from modelservice_runtime.training import dataset, export, loop
from modelservice_runtime.training.decimals import decimal
from modelservice_runtime.training.outcome import Outcome, describe
from modelservice_runtime.training.report import Report
from modelservice_runtime.training.run import Run

# The bytes of the arrays are half of the memory at most: the other half is for converting them,
# for torch itself and for a batch's activations.
_DATASET_MEMORY_SHARE = 0.5
_HOLD_TRAINED_SECONDS = 1800.0

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A run and what it works with.

    open: opens a place in storage; called again on every try, so that a new Secret is seen.
    publish: hears each progress. scratch: an empty directory. patience: seconds.
    """

    run: Run
    open: Callable[[Location], Storage]
    publish: Callable[[Progress], None]
    scratch: Path
    patience: float

    def execute(self) -> Mapping[str, Any]:
        """Do the run, or find it done. Returns the result; raises `Failure`."""
        self._log_run()
        self.publish(Progress(phase="Loading"))
        finished = self._patiently(self._find_or_begin)
        if finished is not None:
            log.info("run %s is done already: %s", self.run.run, finished["uri"])
            self.publish(Progress(phase="Done"))
            return finished
        data, dataset_digest = self._load()
        trained = self._train(data)
        self.publish(Progress(phase="Exporting"))
        artifact = self.scratch / "model.onnx"
        signature = export.export(
            trained.network, recipe=self.run.recipe, loss=self.run.loss, target=artifact
        )
        outcome = describe(
            self.run,
            dataset=data,
            dataset_digest=dataset_digest,
            trained=trained,
            artifact=artifact,
            signature=signature,
        )
        self.publish(Progress(phase="Uploading"))
        result = self._patiently(
            lambda: self._commit(artifact, outcome=outcome),
            seconds=max(self.patience, _HOLD_TRAINED_SECONDS),
        )
        log.info("published %s %s (%s bytes)", result["uri"], result["digest"], result["size"])
        self.publish(Progress(phase="Done"))
        return result

    def _find_or_begin(self) -> Mapping[str, Any] | None:
        output = self.open(self.run.output)
        finished = publication.find(self.run.execution, output=output, scratch=self.scratch)
        if finished is not None and self._is_of_this_data(finished):
            return finished
        publication.begin(self.run.intent, output=output)
        return None

    def _is_of_this_data(self, finished: Mapping[str, Any]) -> bool:
        """Whether a result was trained on what lies at the dataset's URI now.

        It is asked where somebody deleted the version to have the run done again, or where the
        version was never registered. A dataset that is gone speaks against nothing.
        """
        path = self.scratch / "dataset.npz"
        try:
            digest = self._fetch(path).digest
        except Failure as failure:
            if failure.reason is not Reason.SOURCE_NOT_FOUND:
                raise
            return True
        path.unlink()
        same: bool = digest == finished["dataset"]["digest"]
        if not same:
            log.info("run %s was done with other data: it is done again", self.run.run)
        return same

    def _load(self) -> tuple[dataset.Dataset, str]:
        run = self.run
        path = self.scratch / "dataset.npz"
        download = self._patiently(lambda: self._fetch(path))
        if run.dataset_digest not in (None, download.digest):
            raise Failure(
                reason=Reason.DATASET_DIGEST_MISMATCH,
                message=f"The dataset {run.dataset.uri} has the digest {download.digest}, not "
                f"{run.dataset_digest}. Upload the dataset that was meant, or correct "
                "training.dataset.sha256.",
            )
        data = dataset.load(
            path,
            uri=run.dataset.uri,
            recipe=run.recipe,
            loss=run.loss,
            seed=run.seed,
            limit=int(container.memory_limit() * _DATASET_MEMORY_SHARE),
        )
        path.unlink()
        log.info(
            "dataset %s %s (%.1f MiB in %.1f s): %s samples to train on, %s%s to test",
            run.dataset.uri,
            download.digest,
            download.size / 2**20,
            download.seconds,
            f"{len(data.train):,}",
            f"{len(data.test):,}",
            " of them kept away" if data.split_here else "",
        )
        return data, download.digest

    def _fetch(self, path: Path) -> Download:
        try:
            return self.open(self.run.dataset).download(path)
        except Failure as failure:
            if failure.reason is not Reason.STORAGE_FULL:
                raise
            raise Failure(
                reason=Reason.STORAGE_FULL,
                message=f"The dataset {self.run.dataset.uri} does not fit on the training pod's "
                "disk. Free disk on the node, or make the dataset smaller.",
            ) from None

    def _train(self, data: dataset.Dataset) -> loop.Trained:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.set_num_threads(container.cpus())
        log.info("training on %s, torch %s", _described(device), torch.__version__)
        report = Report(self.run, publish=self.publish)
        report.begun()
        try:
            trained = loop.train(self.run, data, device=device, on_epoch=report.epoch)
        except torch.OutOfMemoryError:
            raise Failure(
                reason=Reason.TRAINING_FAILED,
                message=f"A batch of {self.run.batch_size or len(data.train)} samples does not fit "
                "into the GPU's memory. Lower training.batchSize or ask for a larger GPU.",
            ) from None
        report.trained(trained)
        return trained

    def _commit(self, artifact: Path, *, outcome: Outcome) -> Mapping[str, Any]:
        return publication.commit(
            self.run.execution,
            output=self.open(self.run.output),
            artifact=artifact,
            result=outcome.result,
            lineage=outcome.lineage,
            scratch=self.scratch,
        )

    def _patiently(self, attempt: Callable[[], T], *, seconds: float | None = None) -> T:
        return patiently(
            attempt,
            seconds=self.patience if seconds is None else seconds,
            on_wait=lambda failure: self.publish(Progress.waiting(failure)),
        )

    def _log_run(self) -> None:
        run, rate = self.run, decimal(self.run.optimizer.learning_rate)
        log.info("run %s for %s of %s/%s", run.run, run.model, run.namespace, run.service)
        log.info(
            "recipe %s: %s, %s %s, at most %d epochs%s, seed %d",
            run.recipe.name,
            run.loss,
            run.optimizer.name,
            rate,
            run.epochs,
            f" in batches of {run.batch_size}" if run.batch_size else "",
            run.seed,
        )


def _described(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU with {torch.get_num_threads()} threads"
