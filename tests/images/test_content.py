"""A tag changes with what goes into an image, and with nothing else."""

import os
from pathlib import Path

import pytest

from e2e.images import content


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("a = 1\n")
    (tmp_path / "lock.txt").write_text("b==2\n")
    return tmp_path


def digest(tree: Path) -> bytes:
    return content.of_files(tree, paths=("package", "lock.txt"))


def test_the_same_files_elsewhere_and_later_are_the_same(tree: Path, tmp_path: Path) -> None:
    before = digest(tree)
    os.utime(tree / "lock.txt", (0, 0))
    moved = tree.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert digest(moved) == before


def test_bytecode_does_not_count(tree: Path) -> None:
    before = digest(tree)
    (tree / "package" / "__pycache__").mkdir()
    (tree / "package" / "__pycache__" / "module.pyc").write_bytes(b"x")
    assert digest(tree) == before


@pytest.mark.parametrize("change", ["edited", "renamed", "added", "executable"])
def test_every_change_counts(tree: Path, change: str) -> None:
    before, module = digest(tree), tree / "package" / "module.py"
    if change == "edited":
        module.write_text("a = 2\n")
    elif change == "renamed":
        module.rename(module.with_name("other.py"))
    elif change == "added":
        module.with_name("empty.py").touch()
    else:
        module.chmod(0o755)
    assert digest(tree) != before


def test_parts_do_not_run_together() -> None:
    assert content.tag("ab", "c") != content.tag("a", "bc")
    assert content.tag("a", b"b") == content.tag(b"a", "b")
    assert len(content.tag("a")) == content.LENGTH
