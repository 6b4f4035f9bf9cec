"""Makes the files of Keras and TensorFlow beside it: `python make_keras.py FOLDER`.

All of them compute h = relu(x·Wᵀ + b), with the W and b of make.py; they were made with TensorFlow
2.21 and Keras 3.15.
"""

import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) / 10 - np.float32(0.5)
BIAS = np.array([0.5, -0.5, 0.25], np.float32)


def main(folder: Path) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(3, activation="relu", name="h")(x))
    model.get_layer("h").set_weights([WEIGHT.T, BIAS])
    model.save(folder / "dense.keras")
    model.save(folder / "dense.h5")
    module = tf.Module()
    module.weight, module.bias = tf.Variable(WEIGHT.T), tf.Variable(BIAS)
    module.call = tf.function(
        lambda x: {"h": tf.nn.relu(x @ module.weight + module.bias)},
        input_signature=[tf.TensorSpec([None, 4], name="x")],
    )
    saved = folder / "saved"
    tf.saved_model.save(module, saved, signatures=module.call)
    with zipfile.ZipFile(folder / "dense-saved-model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(saved.rglob("*")):
            if path.is_file():
                # of one time, so that a file that is made again has the same bytes
                info = zipfile.ZipInfo(f"dense/{path.relative_to(saved)}")
                archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
