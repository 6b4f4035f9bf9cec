"""Pins are filtered for the images' Python, whatever Python runs here."""

import subprocess
from pathlib import Path

import pytest

from e2e.cluster.problem import Problem
from e2e.images import wheels

LOCK = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:dd
# a note
uvloop==0.23.0 \\
    --hash=sha256:ee
"""


def test_only_what_counts_on_the_images_python_stays() -> None:
    assert wheels.for_target(LOCK) == (
        "numpy==2.5.5 --hash=sha256:cc\nuvloop==0.23.0 --hash=sha256:ee\n"
    )


class Pip:
    """Stands in for the program `pip`: records its command lines and succeeds or fails."""

    def __init__(self, status: int) -> None:
        self.commands: list[list[str]] = []
        self._status = status

    def __call__(
        self, command: list[str], **_options: object
    ) -> "subprocess.CompletedProcess[str]":
        self.commands.append(command)
        return subprocess.CompletedProcess(command, self._status, stderr="no such package\n")


def download(tmp_path: Path, lock: str) -> Path:
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / "lock.txt").write_text(lock)
    return wheels.download(
        "agent", locks=[tmp_path / "lock.txt"], cache=tmp_path / "cache", work=tmp_path / "work"
    )


def test_the_same_pins_are_downloaded_once_and_older_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip(0)
    monkeypatch.setattr(subprocess, "run", pip)
    first = download(tmp_path, LOCK)
    assert download(tmp_path, LOCK) == first
    assert len(pip.commands) == 1
    second = download(tmp_path, LOCK.replace("2.5.5", "2.5.6"))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [second.name]


def test_others_with_a_longer_name_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", Pip(0))
    other = tmp_path / "cache" / "wheels-agent-published-0123456789ab"
    other.mkdir(parents=True)
    download(tmp_path, LOCK)
    assert other.exists()


def test_an_index_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", Pip(1))
    with pytest.raises(Problem, match="index can be reached\nno such package"):
        download(tmp_path, LOCK)
    assert list((tmp_path / "cache").iterdir()) == []


def test_pip_is_told_the_platform_and_takes_no_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip(0)
    monkeypatch.setattr(subprocess, "run", pip)
    download(tmp_path, LOCK)
    (command,) = pip.commands
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(command)
    assert command[command.index("--python-version") + 1] == "3.13"
    assert sum(word.startswith("--platform=manylinux_2_28_") for word in command) == 1
