"""Whatever happened, the termination message is JSON that Kubernetes does not cut."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime import termination
from modelservice_runtime.failure import Failure, Reason


def model(name: str, *, tensors: int) -> dict[str, Any]:
    tensor = {"name": "x" * 40, "dataType": "FP32", "shape": [-1, 3, 224, 224]}
    return {
        "name": name,
        "version": 12,
        "digest": "sha256:" + "a" * 64,
        "size": 412331,
        "format": "ONNX",
        "inputs": [tensor] * tensors,
        "outputs": [tensor],
    }


def size(text: str) -> int:
    return len(text.encode())


def test_a_result_is_told_whole_where_it_fits() -> None:
    result = {"models": [model("digits", tensors=2)], "timings": {"fetch": 1.1}}
    assert json.loads(termination.success(result)) == {"ok": True, **result}


def test_tensors_go_first_where_it_does_not_fit() -> None:
    models = [model(f"model-{index}", tensors=4) for index in range(8)]
    text = termination.success({"models": models, "timings": {"fetch": 1.1}})
    got = json.loads(text)
    assert size(text) <= 4096
    assert got["truncated"] is True
    assert [one["digest"] for one in got["models"]] == ["sha256:" + "a" * 64] * 8
    assert "inputs" not in got["models"][0]
    assert got["timings"] == {"fetch": 1.1}


def test_sixteen_models_with_the_longest_names_fit() -> None:
    models = [model(f"{index:02}" + "n" * 61, tensors=64) for index in range(16)]
    assert size(termination.success({"models": models, "timings": {"fetch": 1.1}})) <= 4096


def test_pins_go_before_models_do() -> None:
    models = [
        {**model(f"{index:02}" + "n" * 61, tensors=64), "pin": "sha256:" + "b" * 64}
        for index in range(16)
    ]
    text = termination.success({"models": models, "timings": {"fetch": 1.1}})
    assert size(text) <= 4096
    assert [one["digest"] for one in json.loads(text)["models"]] == ["sha256:" + "a" * 64] * 16


def test_a_result_without_a_list_of_models_loses_its_own_tensors() -> None:
    text = termination.success({"run": "6f2c", **model("digits", tensors=64)})
    assert json.loads(text)["run"] == "6f2c"
    assert size(text) <= 4096


@pytest.mark.parametrize("character", ["a", "é", "\x01", "😀", '"'])
def test_a_long_sentence_is_shortened(character: str) -> None:
    error = Failure(reason=Reason.MODEL_INVALID, message=character * 9000, model="digits")
    text = termination.failure(error)
    got = json.loads(text)
    assert 3900 < size(text) <= 4096
    assert got["message"].endswith("…")
    assert {key: got[key] for key in ("ok", "reason", "heals", "model")} == {
        "ok": False,
        "reason": "ModelInvalid",
        "heals": False,
        "model": "digits",
    }


def refuse() -> Mapping[str, Any]:
    raise Failure(reason=Reason.SECRET_MISSING, message="Create the Secret s.", model="digits")


def give_up() -> Mapping[str, Any]:
    raise Failure(reason=Reason.MODEL_INVALID, message="Export it again.")


@pytest.mark.parametrize(
    ("program", "code", "reason"),
    [
        (lambda: {"models": []}, 0, None),
        (refuse, 43, "SecretMissing"),
        (give_up, 42, "ModelInvalid"),
    ],
)
def test_a_program_ends_with_its_message_and_code(
    program: Callable[[], Mapping[str, Any]], code: int, reason: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "termination-log"
    with pytest.raises(SystemExit) as ended:
        termination.run(program, path=path)
    assert ended.value.code == code
    assert json.loads(path.read_text()).get("reason") == reason


def test_a_bug_is_a_crash_and_no_verdict(tmp_path: Path) -> None:
    def program() -> Mapping[str, Any]:
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        termination.run(program, path=tmp_path / "termination-log")
    assert not (tmp_path / "termination-log").exists()
