"""What a training says while it runs: a line for each measured epoch, progress for every one."""

import logging
from collections.abc import Callable, Mapping

from modelservice_runtime.progress import Progress
from modelservice_runtime.training.decimals import decimal
from modelservice_runtime.training.epoch import Epoch
from modelservice_runtime.training.loop import Trained
from modelservice_runtime.training.run import Run

log = logging.getLogger(__name__)


class Report:
    """Hears the epochs of one run. Progress keeps the latest metrics between measured epochs."""

    def __init__(self, run: Run, *, publish: Callable[[Progress], None]) -> None:
        self._epochs = run.epochs
        self._publish = publish
        self._metrics: Mapping[str, str] = {}

    def begun(self) -> None:
        """The data is there, the first epoch starts."""
        self._publish(Progress(phase="Training", epoch=0, epochs=self._epochs))

    def epoch(self, epoch: Epoch) -> None:
        """An epoch has ended."""
        if epoch.metrics:
            self._metrics = decimals(epoch.metrics)
            log.info(
                "epoch %d/%d: loss %.4g, %s; %s samples/s, %.0f s to go",
                epoch.number,
                self._epochs,
                epoch.loss,
                _told(epoch.metrics),
                f"{epoch.samples_per_second:,.0f}",
                epoch.eta_seconds,
            )
        self._publish(
            Progress(
                phase="Training",
                epoch=epoch.number,
                epochs=self._epochs,
                loss=decimal(epoch.loss),
                metrics=self._metrics,
                eta_seconds=round(epoch.eta_seconds),
            )
        )

    def trained(self, trained: Trained) -> None:
        """The loop has ended, for the reason that `stopped` tells."""
        log.info(
            "trained %d of %d epochs in %.1f s (ended by %s); epoch %d: loss %.4g, %s",
            trained.epochs,
            self._epochs,
            trained.seconds,
            trained.stopped,
            trained.best_epoch,
            trained.loss,
            _told(trained.metrics),
        )


def decimals(metrics: Mapping[str, float]) -> dict[str, str]:
    """Metrics as the API writes them."""
    return {name: decimal(value) for name, value in metrics.items()}


def _told(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
