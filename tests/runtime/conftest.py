"""Fixtures of the runtime's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.s3 import S3, running


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One S3 server for all tests."""
    with running(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path) -> S3:
    """The server, with Secrets of the test's own."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    return S3(endpoint=s3_endpoint, secrets=secrets)
