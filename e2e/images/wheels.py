"""Python packages for the images, downloaded here so that a build needs no network.

pip on this machine may be of another Python than the images' (3.13). It fetches wheels for a given
platform, but judges environment markers by its own Python; so the pins are filtered first.
"""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement

from e2e.cluster.problem import Problem
from e2e.images import content

PYTHON = "3.13"
_GLIBC = 41  # of Debian trixie, which the images (and python:3.13-slim) stand on: 2.41
_OLDEST_GLIBC = 5
_COMPLETE = ".complete"


def _target() -> dict[str, str]:
    """The environment that markers are judged in: CPython 3.13 on Linux."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{PYTHON}.0",
        "os_name": "posix",
        "platform_machine": platform.machine(),
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }


def _entries(lock: str) -> Iterator[str]:
    """The requirements of a lock file, each with its hashes on one line."""
    for line in re.sub(r"\\\n\s*", "", lock).splitlines():
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield entry


def for_target(lock: str) -> str:
    """What of a lock file counts on the images' Python, without markers, hashes kept."""
    environment = _target()
    chosen = []
    for entry in _entries(lock):
        requirement, *hashes = entry.split("--hash=")
        parsed = Requirement(requirement.strip())
        if parsed.marker is None or parsed.marker.evaluate(environment):
            parsed.marker = None
            chosen.append(" ".join([str(parsed), *(f"--hash={value.strip()}" for value in hashes)]))
    return "\n".join(chosen) + "\n"


def _platforms() -> Iterator[str]:
    """Every platform tag that runs on the images: pip derives none from another."""
    machine = platform.machine()
    for minor in range(_GLIBC, _OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
    for legacy in ("manylinux2014", "manylinux2010", "manylinux1", "linux"):
        yield f"{legacy}_{machine}"


def pip(command: str, *options: str, pins: str, work: Path) -> None:
    """`pip download` or `pip install` of exactly `pins`, as wheels for the images' Python.

    `work` is a directory for a temporary file. Raises Problem with pip's own words.
    """
    requirements = work / "requirements.txt"
    requirements.write_text(pins)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--python-version", PYTHON, "--implementation", "cp"),
            *(f"--platform={name}" for name in _platforms()),
            *options,
            *("-r", str(requirements)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Problem(
            "Python packages for the images could not be fetched",
            advice="see below what pip says, and whether the package index can be reached",
            details=done.stderr.strip(),
        )


def _finish(unfinished: Path, *, target: Path) -> None:
    """Put a finished directory in its place, and away with those of older pins."""
    (unfinished / _COMPLETE).touch()
    stem = target.name.rpartition("-")[0]
    for older in target.parent.glob(f"{stem}-{'[0-9a-f]' * content.LENGTH}"):
        shutil.rmtree(older)
    unfinished.rename(target)


def _directory(kind: str, *, name: str, pins: Iterable[str], cache: Path) -> Path:
    return cache / f"{kind}-{name}-{content.tag(platform.machine(), *pins)}"


def download(name: str, *, locks: Iterable[Path], cache: Path, work: Path) -> Path:
    """A directory with the wheels of the lock files, from the cache where they are the same."""
    pins = [for_target(lock.read_text()) for lock in locks]
    target = _directory("wheels", name=name, pins=pins, cache=cache)
    if not (target / _COMPLETE).exists():
        unfinished = work / target.name
        unfinished.mkdir(parents=True)
        cache.mkdir(parents=True, exist_ok=True)
        for each in pins:
            pip("download", "--dest", str(unfinished), pins=each, work=work)
        _finish(unfinished, target=target)
    return target


def installed(name: str, *, lock: Path, cache: Path, work: Path) -> Path:
    """A directory for PYTHONPATH with the packages of a lock file, for the images' Python."""
    pins = for_target(lock.read_text())
    target = _directory("installed", name=name, pins=[pins], cache=cache)
    if not (target / _COMPLETE).exists():
        unfinished = work / target.name
        cache.mkdir(parents=True, exist_ok=True)
        pip("install", "--no-compile", "--target", str(unfinished), pins=pins, work=work)
        _finish(unfinished, target=target)
    return target
