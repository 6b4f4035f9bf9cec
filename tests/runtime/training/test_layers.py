"""What layers make of a sample, and one sentence where they cannot take what they are given."""

import pytest

from modelservice_runtime.tensors import ANY, Tensor
from modelservice_runtime.training.layers import (
    Activation,
    Architecture,
    Cell,
    Conv2D,
    Dense,
    Flatten,
    Function,
    Layer,
    LayerError,
    MaxPool2D,
    Recurrent,
    Shape,
)

IMAGE, STEPS = (3, 28, 20), (ANY, 10)


@pytest.mark.parametrize(
    ("layer", "given", "made", "weights"),
    [
        (Dense(4), (10,), (4,), {"weight": (4, 10), "bias": (4,)}),
        (Dense(4), STEPS, (ANY, 4), {"weight": (4, 10), "bias": (4,)}),
        (Conv2D(8, 3), IMAGE, (8, 26, 18), {"weight": (8, 3, 3, 3), "bias": (8,)}),
        (Conv2D(8, 5, same=True), IMAGE, (8, 28, 20), {"weight": (8, 3, 5, 5), "bias": (8,)}),
        (MaxPool2D(3), IMAGE, (3, 9, 6), {}),
        (Flatten(), IMAGE, (1680,), {}),
        (Activation(Function.TANH), IMAGE, IMAGE, {}),
    ],
)
def test_shapes_and_weights(
    layer: Layer, given: Shape, made: Shape, weights: dict[str, Shape]
) -> None:
    assert layer.shape(given) == made
    assert layer.weights(given) == weights


@pytest.mark.parametrize(("cell", "rows"), [(Cell.RNN, 5), (Cell.LSTM, 20)])
def test_recurrent_layers_give_the_last_step_or_all(cell: Cell, rows: int) -> None:
    last, every = Recurrent(cell, 5), Recurrent(cell, 5, sequences=True)
    assert (last.shape(STEPS), every.shape(STEPS)) == ((5,), (ANY, 5))
    assert last.weights(STEPS) == {
        "cell.weight_ih_l0": (rows, 10),
        "cell.weight_hh_l0": (rows, 5),
        "cell.bias_ih_l0": (rows,),
        "cell.bias_hh_l0": (rows,),
    }


@pytest.mark.parametrize(
    ("layer", "given", "sentence"),
    [
        (Dense(4), IMAGE, "put Flatten before it, it gets [3, 28, 20]"),
        (Conv2D(8, 3), (10,), "Conv2D takes images, [channels, height, width] a sample, and gets"),
        (Conv2D(8, 30), IMAGE, "kernel of 30 is larger than [3, 28, 20]"),
        (MaxPool2D(2), STEPS, "MaxPool2D takes images"),
        (MaxPool2D(21), IMAGE, "size of 21 is larger"),
        (Flatten(), STEPS, "Flatten takes no sequences of any length"),
        (Recurrent(Cell.LSTM, 5), IMAGE, "LSTM takes sequences, [steps, features] a sample"),
    ],
)
def test_what_does_not_fit_is_said(layer: Layer, given: Shape, sentence: str) -> None:
    with pytest.raises(LayerError) as caught:
        layer.shape(given)
    assert sentence in str(caught.value)


def architecture(*layers: Layer) -> Architecture:
    return Architecture(Tensor("image", "FP32", (ANY, 1, 6, 6)), layers, output_name="scores")


def test_layers_follow_one_another() -> None:
    found = architecture(Conv2D(2, 3), MaxPool2D(2), Flatten(), Dense(5))
    assert found.output == Tensor("scores", "FP32", (ANY, 5))
    assert found.weights == {
        "0.weight": (2, 1, 3, 3),
        "0.bias": (2,),
        "3.weight": (5, 8),
        "3.bias": (5,),
    }


def test_one_layer_alone_has_no_number() -> None:
    alone = Architecture(Tensor("x", "FP32", (ANY, 3)), (Dense(2),), output_name="y")
    assert alone.weights == {"weight": (2, 3), "bias": (2,)}


def test_the_layer_that_does_not_fit_is_named() -> None:
    with pytest.raises(LayerError, match="layer 2: Dense takes no images"):
        _ = architecture(Conv2D(2, 3), Dense(5)).output
