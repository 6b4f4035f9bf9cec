"""A pod's words about a model become status, records and versions: only what is known gets in."""

from __future__ import annotations

from typing import Any

import pytest

from modelservice_operator.observed.models import models, tensors

DIGEST = "sha256:" + "a" * 64
TENSOR = {"name": "x", "dataType": "FP32", "shape": [-1, 10]}


def test_what_is_known_is_taken() -> None:
    tensors = {"inputs": [TENSOR], "outputs": [TENSOR]}
    told = {
        "name": "digits",
        "digest": DIGEST,
        "pin": "c" * 40,
        "format": "TorchScript",
        **tensors,
    }

    assert models({"ok": True, "models": [told]}) == {"digits": told}


def test_what_a_newer_agent_tells_besides_is_left_out() -> None:
    """The API server refused the whole status, on every try, and nobody was told."""
    newer = {"name": "digits", "digest": DIGEST, "inputs": [{**TENSOR, "layout": "NCHW"}], "gpu": 1}

    assert models({"models": [newer]}) == {
        "digits": {"name": "digits", "digest": DIGEST, "inputs": [TENSOR]}
    }


@pytest.mark.parametrize("pin", ["main", "../x", "c" * 41, "C" * 40, 7, None, ["c" * 40]])
def test_what_is_no_pin_is_left_out(pin: object) -> None:
    """It becomes a part of an address."""
    told = {"name": "digits", "digest": DIGEST, "pin": pin}
    assert models({"models": [told]}) == {"digits": {"name": "digits", "digest": DIGEST}}


@pytest.mark.parametrize("told", [None, "Pickle", "onnx", ["ONNX"], {"a": 1}, 7])
def test_a_format_that_the_api_does_not_know_is_left_out(told: Any) -> None:
    assert models({"models": [{"name": "digits", "format": told}]}) == {
        "digits": {"name": "digits"}
    }


@pytest.mark.parametrize(
    "told",
    [
        None,
        "x",
        {"name": "x"},
        [None],
        ["x"],
        [{}],
        [{**TENSOR, "shape": "10"}],
        [{**TENSOR, "shape": [1] * 17}],
        [{**TENSOR, "shape": [2**31]}],
        [{**TENSOR, "dataType": "FP33"}],
        [{**TENSOR, "name": "x" * 1000}],
        [TENSOR, TENSOR],
        [{**TENSOR, "name": f"x{number}"} for number in range(129)],
    ],
)
def test_ill_formed_tensors_are_none(told: Any) -> None:
    assert tensors(told) == []
    assert models({"models": [{"name": "digits", "inputs": told}]}) == {
        "digits": {"name": "digits"}
    }


@pytest.mark.parametrize(
    "told", [None, 3, "digits", {}, [None], [[]], [{"name": None}], [{"digest": DIGEST}]]
)
def test_ill_formed_models_are_none(told: Any) -> None:
    assert models({"models": told}) == {}


@pytest.mark.parametrize("digest", [None, 1, "", "a" * 64, "sha256:xyz", DIGEST + "0"])
def test_an_ill_formed_digest_is_none(digest: Any) -> None:
    assert models({"models": [{"name": "digits", "digest": digest}]}) == {
        "digits": {"name": "digits"}
    }
