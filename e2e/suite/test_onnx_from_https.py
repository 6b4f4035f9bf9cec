"""Addresses of web servers that a model must not lead to. What is served is told by tests of the
programs: no certificate that pods would trust is to be had on a machine of its own."""

import pytest

from e2e.suite.conftest import Apply
from e2e.suite.live import Live, model, service


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("metadata", "https://169.254.169.254/latest/m.onnx"),
        ("itself", "https://0x7f.1:8003/m.onnx"),
    ],
)
def test_the_platform_s_own_addresses_are_refused(
    name: str, uri: str, live: Live, apply: Apply
) -> None:
    apply(service(f"https-{name}", model(uri)))
    live.told(f"https-{name}", "Ready", status="False", reason="SourceRefused")
