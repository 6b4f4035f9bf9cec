"""`python -m e2e.images pins`: resolve every requirements file anew, with hashes.

What images ship is what the tests run with: the pins of `dev.txt` constrain the others.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import report
from e2e.cluster.problem import Problem
from e2e.images.places import CHECKOUT


@dataclass(frozen=True)
class Pins:
    """`requirements/<name>.txt`, from an extra of pyproject.toml or from `<name>.in`."""

    name: str
    extra: str | None = None
    options: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """What `uv pip compile` is given."""
        if self.extra:
            source: tuple[str, ...] = ("pyproject.toml", "--extra", self.extra)
        else:
            source = (f"requirements/{self.name}.in",)
        return (*source, "--output-file", f"requirements/{self.name}.txt", *self.options)


_TESTED = ("--constraint", "requirements/dev.txt")
PINS = (
    Pins("dev", extra="dev"),
    Pins("operator", extra="operator", options=_TESTED),
    Pins("runtime", extra="runtime", options=_TESTED),
    Pins("trainer", extra="trainer", options=_TESTED),
    Pins("trainer-debian", options=_TESTED),
    Pins("trainer-test", options=_TESTED),
    Pins("converter", extra="converter", options=_TESTED),
    Pins("build"),
    Pins("triton-dev", options=("--no-deps",)),
    Pins("security"),
)


def resolve() -> None:
    """Write all of them; dev.txt first. Raises Problem."""
    uv = Path(sys.executable).with_name("uv")
    for pins in PINS:
        with report.step(f"requirements/{pins.name}.txt"):
            done = subprocess.run(
                [
                    *(str(uv), "pip", "compile", "--quiet", "--upgrade", "--universal"),
                    *("--generate-hashes", "--no-annotate", "--no-header", *pins.arguments),
                ],
                cwd=CHECKOUT,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise Problem(
                f"requirements/{pins.name}.txt could not be resolved",
                advice="see below what uv says",
                details=done.stderr.strip(),
            )
