"""Fixtures of the tests of sources."""

from pathlib import Path

import pytest


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The folder of a mounted Secret without keys."""
    folder = tmp_path / "web-secret"
    folder.mkdir()
    return folder
