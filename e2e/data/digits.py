"""Scikit-learn's 1,797 handwritten digits, as the recipe `cnn` takes images.

They come as 8 by 8 counts of 0…16 (from the UCI repository, inside the package: nothing is
downloaded) and are enlarged to 24 by 24 in 0…1 by linear interpolation, with a margin of 2 around.
The margin lets each digit that is trained on stand in five places: 1,437 are few for a network.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from e2e.data.parts import Parts, Samples

_SIDE = 24
_MARGIN = 2
_TEST = 120
_HELD_OUT = 240


def parts(*, seed: int) -> Parts:
    """1,437 digits to train, each in 5 places; 120 to measure; 240 held out; stratified."""
    source = load_digits()
    x = (_enlarged(source.images) / 16).astype(np.float32)[:, np.newaxis]
    x = np.pad(x, ((0, 0), (0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    y = source.target.astype(np.int64)
    x, x_held, y, y_held = train_test_split(
        x, y, test_size=_HELD_OUT, random_state=seed, stratify=y
    )
    x, x_test, y, y_test = train_test_split(x, y, test_size=_TEST, random_state=seed, stratify=y)
    return Parts(train=_moved(x, y), test=(x_test, y_test), held=(x_held, y_held))


def _moved(x: np.ndarray, y: np.ndarray) -> Samples:
    """The digits where they are, and moved to each side by the width of the margin."""
    places = [(0, 0), (0, _MARGIN), (0, -_MARGIN), (_MARGIN, 0), (-_MARGIN, 0)]
    # What rolls over an edge is the empty margin.
    moved = [np.roll(x, place, axis=(2, 3)) for place in places]
    return np.concatenate(moved), np.tile(y, len(places))


def _enlarged(images: np.ndarray) -> np.ndarray:
    old, new = images.shape[-1], _SIDE
    # Rows of weights: what each new pixel takes from the old ones along one axis.
    positions = np.linspace(0, old - 1, new)
    weights = np.stack([np.interp(positions, range(old), unit) for unit in np.eye(old)], axis=1)
    enlarged: np.ndarray = weights @ images @ weights.T
    return enlarged
