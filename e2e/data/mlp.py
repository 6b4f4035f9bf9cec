"""Ten measurements of 442 diabetes patients with noise, as the recipe `mlp` takes rows: without it.

Age, sex, body mass index, blood pressure and six serum values go together, so what is measured
badly can be told better from all of them. The data come inside scikit-learn, standardised.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from e2e.data.parts import Parts

NOISE = 0.3
_TEST, _HELD_OUT = 50, 100


def parts(*, seed: int) -> Parts:
    """292 patients to train, 50 to measure, 100 held out."""
    source = load_diabetes()
    # They come with a sum of squares of 1 a column.
    y = source.data * np.sqrt(len(source.data))
    x = y + NOISE * np.random.default_rng(seed).standard_normal(y.shape)
    x, y = x.astype(np.float32), y.astype(np.float32)
    x, x_held, y, y_held = train_test_split(x, y, test_size=_HELD_OUT, random_state=seed)
    x, x_test, y, y_test = train_test_split(x, y, test_size=_TEST, random_state=seed)
    return Parts(train=(x, y), test=(x_test, y_test), held=(x_held, y_held))
