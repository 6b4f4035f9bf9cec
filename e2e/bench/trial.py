"""One run of one scenario: what it may use, and where its measurements go."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from e2e.bench import bed
from e2e.bench.bed import Bed
from e2e.bench.figure import Figure, Measured
from e2e.bench.objects import Template
from e2e.cluster.report import note
from e2e.rig.operators import Launcher

T = TypeVar("T")
Value = str | int | float


class Skipped(Exception):  # noqa: N818 - not an error: what it would measure is not here
    """A scenario has nothing to measure on this machine; the message says what is missing."""


@dataclass
class Shared:
    """What the scenarios of one run of the program have in common: it is found out once.

    `hands` is how many services at a time the bare client is best at writing.
    """

    hands: int = 8
    template: Template | None = None


@dataclass
class Trial:
    """Handed to a scenario. `quick` asks for a try: small, once, and no good as a result."""

    quick: bool
    launcher: Launcher
    directory: Path
    figures: Mapping[str, Figure]
    shared: Shared = field(default_factory=Shared)
    measurements: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    tables: dict[str, list[dict[str, Value]]] = field(default_factory=lambda: defaultdict(list))
    text: str = ""  # kept beside the tables
    versions: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Value] = field(default_factory=dict)
    _beds: int = 0

    def choose(self, full: T, quick: T, *, name: str = "") -> T:
        """One of two sizes; kept among the parameters under `name`."""
        chosen = quick if self.quick else full
        if name:
            self.parameters[name] = chosen if isinstance(chosen, str | int | float) else str(chosen)
        return chosen

    def measure(self, name: str, *values: float) -> None:
        """Measurements of a figure; of all of them the median counts."""
        if name not in self.figures:
            raise KeyError(f"the scenario has no figure {name}")
        self.measurements[name] += values

    def row(self, table: str, **values: Value) -> None:
        """A raw row; rows of one table have the same columns."""
        self.tables[table].append(
            {key: round(v, 6) if isinstance(v, float) else v for key, v in values.items()}
        )

    def tell(self, text: str) -> None:
        """A line for whoever waits."""
        note(f"    {text}")

    def measured(self) -> list[Measured]:
        """The figures so far, in the scenario's order."""
        return [
            Measured.of(figure, self.measurements[name])
            for name, figure in self.figures.items()
            if self.measurements.get(name)
        ]

    @asynccontextmanager
    async def bed(self, *, controllers: bool = True, nodes: int = 20) -> AsyncIterator[Bed]:
        """A fresh control plane with its people; whole, or etcd and the API server alone."""
        self._beds += 1
        directory = self.directory / f"bed-{self._beds}"
        async with bed.prepared(
            self.launcher, directory=directory, controllers=controllers, nodes=nodes
        ) as prepared:
            self.versions |= prepared.rig.versions
            yield prepared

    async def template(self) -> Template:
        """What the operator writes for one service."""
        if self.shared.template is None:
            async with self.bed(nodes=1) as prepared:
                self.shared.template = await prepared.template()
        return self.shared.template
