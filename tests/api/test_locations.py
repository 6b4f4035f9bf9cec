"""What a check found is written into the URI that pods are given."""

import pytest

from modelservice_operator.api.locations import claim_of, pinned

COMMIT = "c" * 40


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("hf://org/repo/a/m.onnx", f"hf://org/repo@{COMMIT}/a/m.onnx"),
        ("hf://org/repo@v1.0/a/m.onnx", f"hf://org/repo@{COMMIT}/a/m.onnx"),
        ("hf://org/repo@v1/a@b/c/m.onnx", f"hf://org/repo@{COMMIT}/a@b/c/m.onnx"),
        ("hf://org/repo/a@b/m.onnx", f"hf://org/repo@{COMMIT}/a@b/m.onnx"),
        ("s3://bucket/org/repo/m.onnx", "s3://bucket/org/repo/m.onnx"),
        ("https://example.com/a/b/m.onnx", "https://example.com/a/b/m.onnx"),
    ],
)
def test_a_commit_takes_the_place_of_a_branch(uri: str, expected: str) -> None:
    assert pinned(uri, pin=COMMIT) == expected
    assert pinned(uri, pin=None) == uri


def test_the_claim_is_the_first_part() -> None:
    assert claim_of("pvc://my.models/a/b.onnx") == "my.models"
    assert claim_of("s3://models/a/b.onnx") is None
