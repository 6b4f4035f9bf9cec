"""What a check found is written into the URI that pods are given."""

import pytest

from modelservice_operator.api.locations import claim_of, pinned

COMMIT = "c" * 40
DIGEST = "sha256:" + "d" * 64


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("hf://org/repo/a/m.onnx", f"hf://org/repo@{COMMIT}/a/m.onnx"),
        ("hf://org/repo@v1.0/a/m.onnx", f"hf://org/repo@{COMMIT}/a/m.onnx"),
        ("hf://org/repo@v1/a@b/c/m.onnx", f"hf://org/repo@{COMMIT}/a@b/c/m.onnx"),
        ("hf://org/repo/a@b/m.onnx", f"hf://org/repo@{COMMIT}/a@b/m.onnx"),
        ("s3://bucket/org/repo/m.onnx", "s3://bucket/org/repo/m.onnx"),
        ("https://example.com/a/b/m.onnx", "https://example.com/a/b/m.onnx"),
        ("oci://ghcr.io/org/digits:v1", "oci://ghcr.io/org/digits:v1"),
    ],
)
def test_a_commit_takes_the_place_of_a_branch(uri: str, expected: str) -> None:
    assert pinned(uri, pin=COMMIT) == expected
    assert pinned(uri, pin=None) == uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("oci://a.b:5000/org/m:v1", f"oci://a.b:5000/org/m@{DIGEST}"),
        ("oci://a.b/org/m:v1#x/m.onnx", f"oci://a.b/org/m@{DIGEST}#x/m.onnx"),
        (f"oci://a.b/org/m@{'sha256:' + 'a' * 64}", f"oci://a.b/org/m@{DIGEST}"),
        ("hf://org/repo/m.onnx", "hf://org/repo/m.onnx"),
    ],
)
def test_a_digest_takes_the_place_of_a_tag(uri: str, expected: str) -> None:
    assert pinned(uri, pin=DIGEST) == expected


def test_the_claim_is_the_first_part() -> None:
    assert claim_of("pvc://my.models/a/b.onnx") == "my.models"
    assert claim_of("s3://models/a/b.onnx") is None
