"""A dataset in three parts: for training, for its metrics, and for nobody but the demo."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Samples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Parts:
    """Samples and targets of each part."""

    train: Samples
    test: Samples
    held: Samples

    def content(self) -> bytes:
        """The file that is trained on."""
        (x, y), (x_test, y_test) = self.train, self.test
        file = io.BytesIO()
        np.savez_compressed(file, x=x, y=y, x_test=x_test, y_test=y_test)
        return file.getvalue()

    def write(self, out: Path) -> None:
        """Write what is trained on to `out`, and the held-out part beside it."""
        out.write_bytes(self.content())
        # An open file keeps its name: given a path, numpy may append .npz.
        with held_out(out).open("wb") as file:
            np.savez_compressed(file, x=self.held[0], y=self.held[1])


def held_out(out: Path) -> Path:
    """Where the held-out part of the dataset `out` is written."""
    return out.with_suffix(".heldout.npz")
