"""Golden files: text that was reviewed once and may only change knowingly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent


@dataclass(frozen=True)
class Golden:
    update: bool

    def check(self, name: str, text: str) -> None:
        """Fails where `text` is not what the file holds; writes it with `--update-golden`."""
        path = ROOT / name
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing: run pytest --update-golden and review it"
        assert text == path.read_text(), f"{name} differs: --update-golden if that is wanted"
