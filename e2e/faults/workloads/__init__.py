"""What users do: a file each, with a `WORKLOAD`, or with `WORKLOADS` where they come in a row."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from e2e.faults.workload import Workload


def _found() -> dict[str, Workload]:
    found: dict[str, Workload] = {}
    for info in sorted(iter_modules(__path__), key=lambda info: info.name):
        if info.ispkg:
            continue
        module = import_module(f"{__name__}.{info.name}")
        several: tuple[Workload, ...] = getattr(module, "WORKLOADS", ())
        for workload in several or (module.WORKLOAD,):
            if workload.name in found:
                raise ValueError(f"two workloads are called {workload.name}")
            found[workload.name] = workload
    unknown = {item.like for item in found.values() if item.like} - found.keys()
    if unknown:
        raise ValueError(f"nothing is called {', '.join(sorted(unknown))}")
    return found


WORKLOADS: Final = _found()
