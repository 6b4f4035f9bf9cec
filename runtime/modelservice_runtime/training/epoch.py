"""What an epoch of a training came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. `metrics` is empty for epochs that were not measured."""

    number: int
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples_per_second: float = 0.0
    eta_seconds: float = 0.0
