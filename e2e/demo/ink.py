"""Colours, where there is somebody to see them: a terminal, and no NO_COLOR (no-color.org)."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TextIO


@dataclass(frozen=True)
class Ink:
    """Marks text up for a terminal, or hands it back as it is."""

    coloured: bool

    @classmethod
    def of(
        cls, stream: TextIO = sys.stdout, *, environment: Mapping[str, str] = os.environ
    ) -> Self:
        """What suits `stream`."""
        plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        return cls(coloured=stream.isatty() and not plain)

    def bold(self, text: str) -> str:
        return self._marked(text, "1")

    def dim(self, text: str) -> str:
        return self._marked(text, "2")

    def good(self, text: str) -> str:
        return self._marked(text, "32")

    def bad(self, text: str) -> str:
        return self._marked(text, "31")

    def _marked(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text
