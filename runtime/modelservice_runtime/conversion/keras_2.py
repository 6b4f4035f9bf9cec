"""What differs between a configuration that Keras 2 wrote and what Keras 3 makes of it.

Keras 3 reads files of Keras 2, but refuses words of layers that it has no use for any more; those
that say what Keras 3 does anyway are taken out. And it means something else by `hard_sigmoid`: such
a model would be another one, without a word.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from modelservice_runtime.conversion.loaded import cannot

_ANY: Final = object()
_RECURRENT: Mapping[str, Any] = MappingProxyType({"time_major": False})
_GROUPED: Mapping[str, Any] = MappingProxyType({"groups": 1})
# The kernels of a separable convolution are the depthwise and the pointwise one.
_SEPARABLE: Mapping[str, Any] = MappingProxyType(
    {
        "groups": 1,
        "kernel_initializer": _ANY,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    }
)

# Class → words that are taken out, if they have this value.
_GONE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "RNN"), _RECURRENT),
        **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _GROUPED),
        **{f"Conv{axes}DTranspose": _GROUPED for axes in (1, 2, 3)},
        **{f"SeparableConv{axes}D": _SEPARABLE for axes in (1, 2)},
        # A word that Keras 3's reader of .h5 takes for a function.
        "Attention": {"score_mode": "dot"},
    }
)
_CHANGED = "hard_sigmoid"


def readable(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object of a configuration without words that Keras 3 refuses."""
    gone, config = _GONE.get(str(value.get("class_name"))), value.get("config")
    if gone is None or not isinstance(config, dict):
        return value
    kept = {
        key: one
        for key, one in config.items()
        if key not in gone or (gone[key] is not _ANY and gone[key] != one)
    }
    return {**value, "config": kept}


def require_same(config: Any) -> None:
    """Raise `Failure` for a configuration of Keras 2 that means another model in Keras 3."""
    left = [config]
    while left:
        value = left.pop()
        if value == _CHANGED:
            raise cannot(
                f"it was saved by Keras 2, whose {_CHANGED} is another function than Keras 3's. "
                "Save it as a SavedModel with Keras 2 (tf.saved_model.save), which is converted as "
                "it is"
            )
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def wrote(version: object) -> bool:
    """Whether a file with this `keras_version` is of Keras 2 or older, or does not say."""
    major = version.partition(".")[0] if isinstance(version, str) else ""
    return not major.isdecimal() or int(major) < 3
