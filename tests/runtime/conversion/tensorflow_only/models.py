"""Models as people build them, by what they are made of."""

from typing import Any

import keras
from keras import layers


def dense() -> Any:
    given = keras.Input((10,), name="x")
    hidden = layers.Dense(16, activation="relu")(given)
    return keras.Model(given, layers.Dense(1, name="y")(hidden))


def convolutions() -> Any:
    """With normalization, pooling, separable and strided convolutions, and a residual."""
    given = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(given)
    x = layers.BatchNormalization()(x)
    x = layers.SeparableConv2D(8, 3, strides=2, padding="same", activation="swish")(x)
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.MaxPooling2D()(layers.ZeroPadding2D()(x))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(given, layers.Dense(10, activation="softmax", name="scores")(x))


def grouped() -> Any:
    """With what Keras compiles by XLA, as TensorFlow cannot run it on CPUs."""
    given = keras.Input((8, 8, 6), name="image")
    x = layers.Conv2D(12, 3, groups=3)(given)
    return keras.Model(given, layers.GlobalMaxPooling2D(name="y")(x))


def recurrent() -> Any:
    """Over sequences of any length, in both directions."""
    given = keras.Input((None, 5), name="sequence")
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True))(given)
    return keras.Model(given, layers.Dense(1, name="y")(layers.GRU(4)(x)))


def several() -> Any:
    """Two inputs, and two outputs in a dictionary."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    both = layers.concatenate([a, b])
    return keras.Model([a, b], {"left": layers.Dense(3)(both), "right": layers.Dense(2)(both)})


def listed() -> Any:
    """Two outputs in a list, named by their layers."""
    given = keras.Input((4,), name="x")
    left, right = layers.Dense(3, name="left")(given), layers.Dense(2, name="right")(given)
    return keras.Model(given, [left, right])


def keyed() -> Any:
    """Inputs in a dictionary, in another order than that of their names."""
    given = {"zeta": keras.Input((2,), name="zeta"), "alpha": keras.Input((3,), name="alpha")}
    scaled = layers.Rescaling(3.0)(layers.Dense(3)(given["zeta"]))
    return keras.Model(given, layers.Subtract(name="y")([scaled, given["alpha"]]))


def sequential() -> Any:
    """With activations whose operators ONNX does not have by one name."""
    return keras.Sequential(
        [
            keras.Input((6,), name="x"),
            layers.Dense(8, activation="gelu"),
            layers.LayerNormalization(),
            layers.Dense(8, activation="elu"),
            layers.Dense(4, activation="softplus"),
            layers.Dense(2, activation="mish"),
        ]
    )


def words() -> Any:
    """Of whole numbers, with attention: 1,000 words, and the mask of what is no word."""
    given = keras.Input((12,), dtype="int32", name="tokens")
    x = layers.Embedding(1000, 8)(given)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.GlobalMaxPooling1D()(layers.LayerNormalization()(x))
    return keras.Model(given, layers.Dense(3, name="y")(x))


def operations() -> Any:
    """Written with operators and functions of Keras in place of layers."""
    given = keras.Input((4, 3), name="x")
    x = keras.ops.transpose(given, (0, 2, 1)) * 2.0 + 1.0
    x = keras.ops.concatenate([x, keras.ops.exp(-x)], axis=-1)[:, 1:, ::2]
    return keras.Model(given, keras.ops.mean(x, axis=-1))


def nested() -> Any:
    """A model in a model, which was compiled; and one that is used for every step."""
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="tanh")], name="inner")
    inner.compile("adam", "mse")
    given = keras.Input((5, 3), name="steps")
    x = layers.TimeDistributed(inner)(given)
    model = keras.Model(given, layers.Dense(2, name="y")(layers.Flatten()(x)))
    model.compile("adam", keras.losses.MeanSquaredError())
    return model


ALL = {
    one.__name__: one
    for one in (
        *(dense, convolutions, grouped, recurrent, several, listed, keyed),
        *(sequential, words, operations, nested),
    )
}
