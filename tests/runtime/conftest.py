"""Fixtures of the runtime's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.site import Site, site
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


@pytest.fixture
def page(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A web server; its certificates are trusted as those of an image's authorities are."""
    with site(tmp_path_factory.mktemp("authority")) as found:
        monkeypatch.setenv("SSL_CERT_FILE", str(found.authority))
        yield found
