"""Breast cancer (Wisconsin, 569 patients), as the recipe `binary` takes rows: benign or malignant.

Of the 30 measurements of a tumour's cells it has the means of the first eight, standardised over
the samples that are trained on. The data come inside scikit-learn; the target is 1 for benign.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from e2e.data.parts import Parts

FEATURES = 8
_TEST, _HELD_OUT = 80, 100


def parts(*, seed: int) -> Parts:
    """389 patients to train, 80 to measure, 100 held out; stratified."""
    source = load_breast_cancer()
    x, y = source.data[:, :FEATURES], source.target.astype(np.float32)[:, np.newaxis]
    x, x_held, y, y_held = train_test_split(
        x, y, test_size=_HELD_OUT, random_state=seed, stratify=y
    )
    x, x_test, y, y_test = train_test_split(x, y, test_size=_TEST, random_state=seed, stratify=y)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    x, x_test, x_held = (
        ((part - mean) / deviation).astype(np.float32) for part in (x, x_test, x_held)
    )
    return Parts(train=(x, y), test=(x_test, y_test), held=(x_held, y_held))
