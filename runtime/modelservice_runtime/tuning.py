"""Warm-up, rate limiter and optimisation of a model, as the document writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class WarmupInput:
    """What one input is filled with. `shape` is without the batch axis; None: the model's own."""

    name: str
    shape: tuple[int, ...] | None = None
    random: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of `warmup.inputs`."""
        shape = document.get("shape")
        return cls(
            name=str(document["name"]),
            shape=None if shape is None else tuple(int(length) for length in shape),
            random=document.get("data") == "Random",
        )


@dataclass(frozen=True)
class Warmup:
    """Requests that Triton makes up and answers before a model counts as loaded."""

    batch_size: int = 1
    count: int = 1
    inputs: tuple[WarmupInput, ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `warmup`."""
        return cls(
            batch_size=int(document.get("batchSize") or 1),
            count=int(document.get("count") or 1),
            inputs=tuple(WarmupInput.parse(one) for one in document.get("inputs") or ()),
        )


@dataclass(frozen=True)
class Resource:
    """Something that instances share, with how much of it one execution takes."""

    name: str
    count: int
    is_global: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of `rateLimiter.resources`."""
        return cls(
            name=str(document["name"]),
            count=int(document["count"]),
            is_global=bool(document.get("global")),
        )


@dataclass(frozen=True)
class RateLimiter:
    """What an instance waits for before it runs, and how its waiting weighs."""

    priority: int = 1
    resources: tuple[Resource, ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an instance group's `rateLimiter`."""
        return cls(
            priority=int(document.get("priority") or 1),
            resources=tuple(Resource.parse(one) for one in document.get("resources") or ()),
        )


@dataclass(frozen=True)
class Accelerator:
    """A library that runs the model: `TensorRT` on GPUs, `OpenVINO` on CPUs."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From an entry of `optimization.accelerators`."""
        parameters = document.get("parameters") or {}
        return cls(name=str(document["name"]), parameters=tuple(sorted(parameters.items())))


@dataclass(frozen=True)
class Optimization:
    """How the model is prepared, and how tensors move; None leaves Triton's default."""

    graph_level: int | None = None
    accelerators: tuple[Accelerator, ...] = ()
    input_pinned_memory: bool | None = None
    output_pinned_memory: bool | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """From the document's `optimization`."""
        return cls(
            graph_level=document.get("graphLevel"),
            accelerators=tuple(
                Accelerator.parse(one) for one in document.get("accelerators") or ()
            ),
            input_pinned_memory=document.get("inputPinnedMemory"),
            output_pinned_memory=document.get("outputPinnedMemory"),
        )
