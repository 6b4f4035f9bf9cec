"""A scenario: what it measures and how. Each file of `scenarios/` has one, as `SCENARIO`."""

import importlib
import pkgutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from e2e.bench import scenarios
from e2e.bench.figure import Figure
from e2e.bench.trial import Trial


@dataclass(frozen=True)
class Scenario:
    """`about` says what is done, for the report; `minutes` about how long all of it takes."""

    name: str
    about: str
    figures: tuple[Figure, ...]
    run: Callable[[Trial], Coroutine[None, None, None]]
    minutes: float
    order: int = 50  # in the report, and in a run of all
    quick: bool = True  # whether a quick run of all has it too


def every() -> dict[str, Scenario]:
    """All scenarios by name, in their order."""
    found = [
        importlib.import_module(f"{scenarios.__name__}.{module.name}").SCENARIO
        for module in pkgutil.iter_modules(scenarios.__path__)
    ]
    return {item.name: item for item in sorted(found, key=lambda item: (item.order, item.name))}
