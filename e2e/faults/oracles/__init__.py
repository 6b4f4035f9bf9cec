"""What must be true of every run, whatever went wrong in it: a file each, with a `check`.

An oracle gets a run and the run of the same workload without a fault, and returns a line for each
thing that is not as it must be. None is bent to let a plan pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from e2e.faults.run import Run

Check = Callable[[Run, Run], list[str]]
_HELPERS: Final = frozenset({"objects", "state"})


def _found() -> dict[str, Check]:
    names = sorted(info.name for info in iter_modules(__path__) if info.name not in _HELPERS)
    return {name: import_module(f"{__name__}.{name}").check for name in names}


ORACLES: Final[Mapping[str, Check]] = _found()


def check(run: Run, reference: Run) -> list[str]:
    """What all oracles have to say, each line with the name of its oracle before it."""
    return [f"{name}: {line}" for name, judge in ORACLES.items() for line in judge(run, reference)]
