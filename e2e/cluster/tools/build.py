"""Building a group of programs into the cache, once a machine whoever asks.

Go's build and module caches for these tools grow to gigabytes; both are private to the build and
dropped after it. A build that was killed goes on from them.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.cluster.report import note, step
from e2e.cluster.tools import golang
from e2e.cluster.tools.cache import CACHE, alone, require_space
from e2e.cluster.tools.groups import GROUPS, Group, linker_flags
from e2e.cluster.tools.wheels import KUBECTL

SCRATCH = CACHE / "build"
# Program → the group that it is built with; kubectl is not built.
PROGRAMS = {name: group.name for group in GROUPS.values() for name in group.programs}
PROGRAMS[KUBECTL.name] = KUBECTL.name
# Measured with all 14 programs of Go modules: 7.3 GiB of build cache, 5.1 GiB of modules, and
# 0.9 GiB of programs, which stay.
GIB_EACH = 1.0


def _environment() -> dict[str, str]:
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOCACHE": str(SCRATCH / "cache"),
        "GOMODCACHE": str(SCRATCH / "modules"),
        "GOTMPDIR": str(SCRATCH / "temporary"),
        "GOFLAGS": "-modcacherw",  # else the module cache cannot be removed
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _build(go: Path, group: Group, *, name: str, place: str) -> None:
    """Build one program; the number of packages compiled so far is its progress."""
    unfinished = group.directory / f".{name}"
    # Go ends with this process: it would be in the way of the next build.
    command = ["setpriv", "--pdeathsig", "KILL", "--", str(go), "build", "-v", "-trimpath"]
    command += ["-ldflags", linker_flags(group.go_mod), "-o", str(unfinished)]
    command += [group.programs[name]]
    lines: list[str] = []
    with (
        step(f"building {name}") as running,
        subprocess.Popen(
            command, cwd=group.source, env=_environment(), stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            running.detail = f"{place}, {len(lines)} packages and modules"
        if process.wait():
            raise Problem(
                f"{name} could not be built from {group.programs[name]}",
                advice="put right what Go says below; the next run goes on from here",
                details="".join(lines[-15:]),
            )
    unfinished.rename(group.directory / name)


def _build_group(go: Path, group: Group) -> None:
    """Build what is missing of `group`."""
    group.directory.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(group.programs, start=1):
        if not (group.directory / name).exists():
            place = f"{number} of {len(group.programs)} of {group.name}"
            _build(go, group, name=name, place=place)
    group.complete.touch()


def ensure(names: Sequence[str]) -> None:
    """Build what is missing of the groups `names`. Raises Problem."""
    if all(GROUPS[name].complete.exists() for name in names):
        return
    go = golang.find()
    with alone():
        missing = [GROUPS[name] for name in names if not GROUPS[name].complete.exists()]
        if missing:
            count = sum(len(group.programs) for group in missing)
            require_space(CACHE, gib=GIB_EACH * count, purpose="building the tools")
            note(
                f"{count} programs to build, once for this machine, about a minute each on 2 cores"
            )
            (SCRATCH / "temporary").mkdir(parents=True, exist_ok=True)
            for group in missing:
                _build_group(go, group)
            shutil.rmtree(SCRATCH, ignore_errors=True)


def directory(name: str) -> Path:
    """The directory of the programs of group `name`, built if need be. Raises Problem."""
    ensure([name])
    return GROUPS[name].directory


def binary(name: str) -> Path:
    """The program `name`, built or installed if need be. Raises KeyError, Problem."""
    group = PROGRAMS[name]
    return KUBECTL.ensure() if group == KUBECTL.name else directory(group) / name
