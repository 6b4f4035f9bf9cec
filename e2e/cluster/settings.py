"""What the last `up` was asked for, so that `start` and a bare `up` mean the same cluster."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from e2e.cluster.places import Places


@dataclass(frozen=True)
class Settings:
    """`gpus` on the node, and `kwok` nodes beside it."""

    gpus: int = 4
    kwok: int = 0

    @classmethod
    def load(cls, places: Places) -> "Settings":
        """The saved settings; the defaults where there are none."""
        source = places.state / "settings.json"
        return cls(**json.loads(source.read_text())) if source.exists() else cls()

    def save(self, places: Places) -> None:
        """Write them down."""
        unfinished = places.state / "settings.unfinished"
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.rename(places.state / "settings.json")

    def changed(self, **values: Any) -> "Settings":
        """These settings with `values`, of which None means: as it was."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})
