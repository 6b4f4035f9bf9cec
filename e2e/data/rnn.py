"""Sequences whose answer is known, as the recipe `rnn` takes them: it has to remember one step.

Twelve steps of ten numbers; the target is made of one number of the last step and of another one of
the step before, with a little noise.
"""

import numpy as np

from e2e.data.parts import Parts

STEPS, FEATURES = 12, 10
LAST, BEFORE = 0.6, -0.4
NOISE = 0.02

_TRAIN, _TEST, _HELD_OUT = 800, 100, 100


def parts(*, seed: int) -> Parts:
    """800 sequences to train, 100 to measure, 100 held out."""
    generator = np.random.default_rng(seed)
    samples = _TRAIN + _TEST + _HELD_OUT
    x = generator.uniform(-1, 1, (samples, STEPS, FEATURES))
    y = LAST * x[:, -1, 0] + BEFORE * x[:, -2, 1] + NOISE * generator.standard_normal(samples)
    x32, y32 = x.astype(np.float32), y.astype(np.float32)[:, np.newaxis]
    first, second = _TRAIN, _TRAIN + _TEST
    return Parts(
        train=(x32[:first], y32[:first]),
        test=(x32[first:second], y32[first:second]),
        held=(x32[second:], y32[second:]),
    )
