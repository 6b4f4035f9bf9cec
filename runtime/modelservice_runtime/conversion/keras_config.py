"""The configuration of a Keras model, judged before Keras makes objects of it.

A configuration is JSON in which every object with a `class_name` is a class to find and to call. So
each of them, wherever it stands, must be one of Keras's own that only calculates. Keras refuses
lambdas by itself (`safe_mode`); what was found to get around that (CVE-2025-1550, -8747, -9905,
-9906, -12058, -49655) named other functions, modules or files, and is not on the list.
"""

import json
from collections.abc import Mapping
from typing import Any

from modelservice_runtime.conversion import keras_2
from modelservice_runtime.conversion.keras_classes import ACTIVATIONS, CLASSES, NAMELESS
from modelservice_runtime.failure import Failure, Reason

LIMIT_BYTES = 32 * 2**20

_LIMIT_DEPTH = 200
# Values that are no plain JSON, with what must stand in them.
_VALUES = frozenset(
    {
        *("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__slice__"),
        *("__ellipsis__", "__tuple__", "TensorShape"),
    }
)
# Keras 2 put Functional there; Keras 3 has no such module.
_KERAS_2 = ("keras.engine", "keras.src.engine", "tensorflow.python.keras", "tf_keras")
# What a layer of Keras 2 is found by is the namespace of keras.layers, which has functions too.
_FUNCTIONS_OF_LAYERS = frozenset({"deserialize", "serialize"})
# How a model was trained. Keras makes objects of it even where it is told not to compile, in models
# within models, and nothing of it is served.
_TRAINING = ("compile_config",)


def judged(text: str | bytes) -> dict[str, Any]:
    """The configuration as Keras 3 takes it, without what belongs to training. Raises `Failure`.

    `UnsafeContent` where it names anything that is not on the list, `ModelInvalid` where it is no
    configuration.
    """
    if len(text) > LIMIT_BYTES:
        raise _invalid(f"has more than {LIMIT_BYTES // 2**20} MiB")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("class_name"), str):
        raise _invalid("does not begin with a model's class")
    served: dict[str, Any] = _served(document, depth=0)
    return served


def _served(value: Any, *, depth: int) -> Any:
    """The value without what belongs to training, when nothing in it is refused."""
    if depth > _LIMIT_DEPTH:
        raise _invalid("is nested too deeply")
    if isinstance(value, list):
        return [_served(one, depth=depth + 1) for one in value]
    if isinstance(value, str) and value in _FUNCTIONS_OF_LAYERS:
        raise _unsafe(f"the function {value}")
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        _require_own(value)
    if "module" in value and "class_name" not in value and "config" in value:
        raise _unsafe("an object without the name of its class")
    return {
        key: _served(one, depth=depth + 1)
        for key, one in keras_2.readable(value).items()
        if key not in _TRAINING
    }


def _require_own(value: Mapping[str, Any]) -> None:
    name, module = value["class_name"], value.get("module")
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise _unsafe("a class whose name is not a text")
    registered = value.get("registered_name")
    if registered not in (None, name):
        raise _unsafe(f"the registered class {_shown(registered)}")
    if name in _VALUES:
        return
    if name == "function":
        _require_activation(value)
        return
    if module is not None and module.startswith(_KERAS_2):
        raise Failure(
            reason=Reason.CONVERSION_FAILED,
            message="The file was written by Keras 2 in a form that Keras 3 cannot load "
            f"({_shown(f'{module}.{name}')}). Save the model as .h5 with Keras 2, or export it to "
            "ONNX.",
        )
    if name not in (NAMELESS if module is None else CLASSES.get(module, frozenset())):
        raise _unsafe(f"the class {_shown(name if module is None else f'{module}.{name}')}")


def _require_activation(value: Mapping[str, Any]) -> None:
    name = value.get("config")
    if value.get("module") not in ("builtins", "keras.activations") or name not in ACTIVATIONS:
        raise _unsafe(f"the function {_shown(value.get('module'))}.{_shown(name)}")


def _shown(name: object) -> str:
    text = str(name)
    return ascii(text if len(text) <= 80 else f"{text[:80]}…").strip("'")


def _unsafe(what: str) -> Failure:
    return Failure(
        reason=Reason.UNSAFE_CONTENT,
        message=f"The Keras model names {what}, which is none of Keras's own that only calculate; "
        "such a model can run code or read files when it is loaded. Export it to ONNX by yourself.",
    )


def _invalid(problem: str) -> Failure:
    return Failure(
        reason=Reason.MODEL_INVALID,
        message=f"The configuration of the Keras model {problem}. Save the whole model with "
        "model.save (not its weights alone).",
    )
