"""The mistakes of `seeded.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from e2e.faults.mutants.mutant import Edit, Mutant

FILE: Final = Path(__file__).with_suffix(".yaml")

MUTANTS: Final = tuple(
    Mutant(
        name=item["name"],
        about=item["about"],
        edits=tuple(Edit(**edit) for edit in item["edits"]),
        probes=tuple(item["probes"]),
    )
    for item in yaml.safe_load(FILE.read_text(encoding="utf-8"))
)
