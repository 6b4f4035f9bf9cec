"""What the command line says before it builds anything."""

from pathlib import Path

import pytest

from e2e.images import __main__ as command
from e2e.images.pins import PINS
from e2e.images.places import CHECKOUT, default


def test_an_image_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["operater"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "images: there is no image operater; choose among operator, agent, trainer, converter, "
        "triton\n"
    )


def test_a_cluster_of_the_users_needs_a_registry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/config")
    monkeypatch.delenv("REGISTRY", raising=False)
    assert command.main([]) == 1
    assert "set REGISTRY=host/path to one that you may push to" in capsys.readouterr().err


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default().cache == Path("/somewhere/modelservice/images")


def test_every_lock_file_can_be_resolved_anew() -> None:
    directory = CHECKOUT / "requirements"
    assert {f"{pins.name}.txt" for pins in PINS} == {file.name for file in directory.glob("*.txt")}
    for file in directory.glob("*.in"):
        assert f"requirements/{file.name}" in {pins.arguments[0] for pins in PINS}
    assert PINS[0].name == "dev"
