"""A configuration names Keras's own classes and functions that calculate, or it is refused."""

import json
from typing import Any

import pytest

from modelservice_runtime.conversion import keras_2
from modelservice_runtime.conversion.keras_config import judged
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.conversion.examples import DENSE, SEQUENTIAL


def around(layer: Any) -> dict[str, Any]:
    return {**SEQUENTIAL, "config": {"name": "sequential", "layers": [DENSE, layer]}}


def dense(**config: Any) -> dict[str, Any]:
    return {**DENSE, "config": {**DENSE["config"], **config}}  # type: ignore[dict-item]


def named(module: str | None, name: str, **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": {}, "registered_name": None, **more}


SAFE = {
    "a layer": DENSE,
    "a layer of Keras 2": {"class_name": "Dense", "config": {"units": 2, "activation": "relu"}},
    "an initializer": dense(kernel_initializer=named("keras.initializers", "GlorotUniform")),
    "a policy": dense(dtype=named("keras", "DTypePolicy")),
    "a policy of Keras 2": dense(dtype=named("keras.mixed_precision", "Policy")),
    "an activation": dense(
        activation={"module": "builtins", "class_name": "function", "config": "relu",
                    "registered_name": "function"}
    ),
    "an operation": named("keras.src.ops.numpy", "Add"),
    "a tensor": {"args": [{"class_name": "__keras_tensor__", "config": {"shape": [None, 2]}}]},
    "a model in a model": SEQUENTIAL,
    "a wrapped layer": {**named("keras.layers", "TimeDistributed"), "config": {"layer": DENSE}},
}  # fmt: skip


@pytest.mark.parametrize("layer", SAFE.values(), ids=SAFE.keys())
def test_what_only_calculates_is_kept_as_it_is(layer: Any) -> None:
    config = around(layer)
    assert judged(json.dumps(config)) == config


LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
GET_FILE = {
    "module": "keras.utils",
    "class_name": "function",
    "config": "get_file",
    "registered_name": "get_file",
}
UNSAFE = {
    "a lambda layer": (named("keras.layers", "Lambda"), "keras.layers.Lambda"),
    "a lambda layer of Keras 2": ({"class_name": "Lambda", "config": {}}, "the class Lambda"),
    "a lambda": (dense(activation=LAMBDA), "__lambda__"),
    "a SavedModel (CVE-2024-3660)": (named("keras.layers", "TFSMLayer"), "TFSMLayer"),
    "torch (CVE-2025-49655)": (named("keras.layers", "TorchModuleWrapper"), "TorchModule"),
    "jax": (named("keras.layers", "JaxLayer"), "JaxLayer"),
    "flax": (named("keras.layers", "FlaxLayer"), "FlaxLayer"),
    "any module (CVE-2025-1550)": (named("os", "system"), "os.system"),
    "a function of any module": (
        {"module": "os", "class_name": "function", "config": "system", "registered_name": None},
        "os.system",
    ),
    "unsafe loading (CVE-2025-9906)": (
        {"module": "keras.config", "class_name": "function",
         "config": "enable_unsafe_deserialization", "registered_name": "function"},
        "keras.config.enable_unsafe",
    ),
    "a download (CVE-2025-8747)": (dense(activation=GET_FILE), "the registered class get_file"),
    "a download as a class": (named("keras.utils", "get_file"), "keras.utils.get_file"),
    "a path in the name": (named("keras", "utils.get_file"), "keras.utils.get_file"),
    "a file of words (CVE-2025-12058)": (named("keras.layers", "StringLookup"), "StringLookup"),
    "a vocabulary": (named("keras.layers", "TextVectorization"), "TextVectorization"),
    "a function of functions": (named("keras.src.ops.core", "Map"), "Map"),
    "a custom layer": (
        named(None, "Own", registered_name="package>Own"),
        "the registered class package>Own",
    ),
    "a custom layer of Keras 2": ({"class_name": "package>Own", "config": {}}, "package>Own"),
    "a type": ({"class_name": "__typespec__", "spec_name": "x", "config": []}, "__typespec__"),
    "a name that is no text": ({"class_name": ["Dense"], "config": {}}, "not a text"),
    "a module that is no text": ({"class_name": "Dense", "module": 1, "config": {}}, "not a text"),
    "a builtin that is none of Keras": (
        {"module": "builtins", "class_name": "function", "config": "eval",
         "registered_name": "function"},
        "builtins.eval",
    ),
    "a function by its name alone": (dense(activation="deserialize"), "function deserialize"),
    "no name": ({"module": "os", "config": {}}, "without the name"),
    "deep below": (dense(kernel_regularizer={"a": [{"b": named("os", "system")}]}), "os.system"),
}  # fmt: skip


@pytest.mark.parametrize(("layer", "told"), UNSAFE.values(), ids=UNSAFE.keys())
def test_whatever_else_is_named_is_refused(layer: Any, told: str) -> None:
    with pytest.raises(Failure, match=told) as caught:
        judged(json.dumps(around(layer)))
    assert caught.value.reason is Reason.UNSAFE_CONTENT


def test_training_is_left_out_wherever_it_stands() -> None:
    """Keras makes objects of it in models within models, even where told not to compile."""
    trained = {**SEQUENTIAL, "compile_config": named("os", "system")}
    kept = judged(json.dumps({**around(trained), "compile_config": {"optimizer": LAMBDA}}))
    assert kept == around(SEQUENTIAL)


OLD = {
    "LSTM": {"time_major": False},
    "DepthwiseConv2D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "SeparableConv2D": {"groups": 1, "kernel_initializer": {}, "kernel_constraint": None},
    "Attention": {"score_mode": "dot"},
}
OTHER = {
    "LSTM": {"time_major": True},
    "DepthwiseConv2D": {"groups": 2},
    "Conv2D": {"groups": 1},
    "SeparableConv2D": {"kernel_constraint": {"class_name": "NonNeg", "config": {}}},
    "Attention": {"score_mode": "concat"},
}


@pytest.mark.parametrize(("name", "words"), OLD.items(), ids=OLD.keys())
def test_words_of_keras_2_for_what_keras_3_does_anyway_are_left_out(
    name: str, words: dict[str, Any]
) -> None:
    old = {"class_name": name, "config": {"units": 4, **words}}
    (_, kept) = judged(json.dumps(around(old)))["config"]["layers"]
    assert kept == {"class_name": name, "config": {"units": 4}}


@pytest.mark.parametrize(("name", "words"), OTHER.items(), ids=OTHER.keys())
def test_words_that_mean_something_stay(name: str, words: dict[str, Any]) -> None:
    old = {"class_name": name, "config": words}
    assert judged(json.dumps(around(old))) == around(old)


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("2.15.0", True),
        ("1.2.2", True),
        ("3.0.0", False),
        ("10.0", False),
        (None, True),
        (3, True),
    ],
)
def test_who_wrote_a_file_is_told_by_its_version(version: object, old: bool) -> None:
    assert keras_2.wrote(version) is old


def test_a_function_that_keras_3_changed_is_another_model() -> None:
    keras_2.require_same(around(dense(activation="sigmoid")))
    with pytest.raises(Failure, match="hard_sigmoid is another function") as caught:
        keras_2.require_same(around(dense(activation="hard_sigmoid")))
    assert caught.value.reason is Reason.CONVERSION_FAILED


def test_a_model_of_keras_2_that_keras_3_cannot_load_is_told_what_to_do() -> None:
    config = {**SEQUENTIAL, "module": "keras.src.engine.functional", "class_name": "Functional"}
    with pytest.raises(Failure, match=r"by Keras 2 .* Save the model as \.h5") as caught:
        judged(json.dumps(config))
    assert caught.value.reason is Reason.CONVERSION_FAILED


DEEP = '{"class_name": "Sequential", "config": ' + "[" * 5000 + "]" * 5000 + "}"


@pytest.mark.parametrize("text", [b"", b"[]", b'"x"', b"{}", b'{"class_name": 1}', b"\xff", DEEP])
def test_what_is_no_configuration_is_told(text: bytes | str) -> None:
    with pytest.raises(Failure, match="configuration of the Keras model") as caught:
        judged(text)
    assert caught.value.reason is Reason.MODEL_INVALID
