"""Datasets for the examples: real ones that scikit-learn carries, and two whose answers are known.

`DATASETS` has them by the name of the example that trains on them.
"""

from collections.abc import Callable, Mapping
from typing import Final

from e2e.data import binary, digits, iris, linear, mlp, rnn
from e2e.data.parts import Parts

DATASETS: Final[Mapping[str, Callable[..., Parts]]] = {
    "binary": binary.parts,
    "cnn-small": digits.parts,
    "digits": digits.parts,
    "iris": iris.parts,
    "linear": linear.parts,
    "mlp": mlp.parts,
    "rnn": rnn.parts,
}
