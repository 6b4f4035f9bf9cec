"""Writes the files beside it with Keras 2 (tf_keras 2.21): a `.h5` file, and a SavedModel in a zip.

    python make.py     in an environment with tensorflow and tf_keras

Both networks were trained: files of Keras 2 tell everything of a training. What they answer to ones
is printed, for the tests that read them.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras
from tf_keras import layers

HERE = Path(__file__).parent


def trained(given: Any, x: Any) -> Any:
    x = layers.LeakyReLU()(layers.Dropout(0.5)(layers.BatchNormalization()(x)))
    model = keras.Model(given, layers.Dense(1, activation="sigmoid", name="score")(x))
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    sample = np.random.default_rng(0).normal(size=(16, *(axis or 4 for axis in given.shape[1:])))
    model.fit(sample, np.arange(16) % 2, epochs=5, verbose=0)
    ones = np.ones((1, *(axis or 4 for axis in given.shape[1:])), "float32")
    print(model(ones, training=False).numpy())
    return model


keras.utils.set_random_seed(3)
steps = keras.Input((4, 3), name="steps")
lstm = layers.LSTM(2, return_sequences=True, dropout=0.1, kernel_regularizer="l2")
dense = layers.Dense(3, activation=keras.activations.tanh)
each = layers.TimeDistributed(dense)(layers.Bidirectional(lstm)(steps))
recurrent = trained(steps, layers.GRU(2)(each))
recurrent.save(HERE / "keras-2.h5")

x = keras.Input((3,), name="x")
with tempfile.TemporaryDirectory() as folder:
    trained(x, layers.Dense(4, name="hidden")(x)).save(f"{folder}/model", save_format="tf")
    shutil.make_archive(str(HERE / "keras-2-saved"), "zip", f"{folder}/model")
