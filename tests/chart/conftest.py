"""Helm, built once into the tools cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.cluster import tools


@pytest.fixture(scope="session")
def helm() -> Path:
    return tools.binary("helm")
