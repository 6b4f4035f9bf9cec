"""Input and output tensors in Triton's words, as they stand in documents and in messages.

A shape is the model's own, batch axis included; -1 stands for an axis of any length.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

ANY = -1


@dataclass(frozen=True)
class Tensor:
    """One input or output. `data_type` is Triton's name (`FP32`, `INT64`, `BYTES`)."""

    name: str
    data_type: str
    shape: tuple[int, ...]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From `{"name", "dataType", "shape"}`."""
        return cls(
            name=str(document["name"]),
            data_type=str(document["dataType"]),
            shape=tuple(int(length) for length in document["shape"]),
        )

    def document(self) -> dict[str, Any]:
        """As `{"name", "dataType", "shape"}`."""
        return {"name": self.name, "dataType": self.data_type, "shape": list(self.shape)}

    def __str__(self) -> str:
        return f"{self.name} {self.data_type} {list(self.shape)}"


@dataclass(frozen=True)
class Signature:
    """What goes into a model and what comes out, in the model's own order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
