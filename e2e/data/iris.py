"""Fisher's 150 irises, for a network of one's own: which of three kinds a flower is.

Four lengths and widths in cm, as they come inside scikit-learn.
"""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from e2e.data.parts import Parts

_TEST, _HELD_OUT = 20, 40


def parts(*, seed: int) -> Parts:
    """90 flowers to train, 20 to measure, 40 held out; stratified."""
    source = load_iris()
    x, y = source.data.astype(np.float32), source.target.astype(np.int64)
    x, x_held, y, y_held = train_test_split(
        x, y, test_size=_HELD_OUT, random_state=seed, stratify=y
    )
    x, x_test, y, y_test = train_test_split(x, y, test_size=_TEST, random_state=seed, stratify=y)
    return Parts(train=(x, y), test=(x_test, y_test), held=(x_held, y_held))
