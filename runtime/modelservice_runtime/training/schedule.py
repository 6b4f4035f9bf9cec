"""How the learning rate changes from epoch to epoch."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from modelservice_runtime.fields import Fields
from modelservice_runtime.training.decimals import decimal

STEP_FACTOR: Final = 0.1


class ScheduleName(StrEnum):
    """The names of the API."""

    CONSTANT = "Constant"
    STEP = "Step"
    COSINE = "Cosine"


@dataclass(frozen=True)
class Schedule:
    """`every` (epochs) and `factor` are Step's. The schedule begins after `warmup` epochs."""

    name: ScheduleName
    every: int = 1
    factor: float = STEP_FACTOR
    warmup: int = 0

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """As the operator writes it. Raises `FieldError`."""
        name = fields.choice("name", ScheduleName)
        warmup = fields.integer("warmupEpochs", at_least=0) if fields.has("warmupEpochs") else 0
        if name is not ScheduleName.STEP:
            return cls(name, warmup=warmup)
        factor = fields.decimal("factor", above=0) if fields.has("factor") else STEP_FACTOR
        return cls(name, fields.integer("every", at_least=1), factor=factor, warmup=warmup)

    def share(self, epoch: int, *, epochs: int) -> float:
        """What part of the learning rate an epoch (from 1 on) of so many has.

        Cosine is (1 + cos(π·t)) / 2 with t from 0 on, 1 after the last epoch: Loshchilov and
        Hutter, SGDR (https://arxiv.org/abs/1608.03983), without restarts.
        """
        if epoch <= self.warmup:
            return epoch / (self.warmup + 1)
        done, length = epoch - 1 - self.warmup, epochs - self.warmup
        match self.name:
            case ScheduleName.CONSTANT:
                return 1.0
            case ScheduleName.STEP:
                return float(self.factor ** (done // self.every))
            case ScheduleName.COSINE:
                return (1 + math.cos(math.pi * done / length)) / 2

    @property
    def parameters(self) -> dict[str, Any]:
        """As the API writes it."""
        told: dict[str, Any] = {"name": str(self.name)}
        if self.name is ScheduleName.STEP:
            told |= {"every": self.every, "factor": decimal(self.factor)}
        if self.warmup:
            told["warmupEpochs"] = self.warmup
        return told


CONSTANT: Final = Schedule(ScheduleName.CONSTANT)
