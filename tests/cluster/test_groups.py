"""Which programs a go.mod builds, and that another pin is another place in the cache."""

from pathlib import Path

import pytest

from e2e.cluster.tools import GROUPS, PROGRAMS, golang, groups
from e2e.cluster.tools.groups import Group

BLOCK = """\
module example/tools

go 1.26.0

tool (
	example.com/a/cmd/first
	example.com/b
)

require k8s.io/kubernetes v1.36.3 // indirect
"""


def test_packages_of_a_block_and_of_single_lines() -> None:
    assert groups.packages(BLOCK) == ("example.com/a/cmd/first", "example.com/b")
    assert groups.packages("module x\n\ntool a.b/c\ntool d.e/f\n") == ("a.b/c", "d.e/f")


def test_a_program_is_called_after_its_package_but_for_etcd() -> None:
    assert groups.program("k8s.io/kubernetes/cmd/kubelet") == "kubelet"
    assert groups.program("go.etcd.io/etcd/server/v3") == "etcd"


def test_kubernetes_programs_know_their_version() -> None:
    flags = groups.linker_flags(BLOCK)
    assert "k8s.io/component-base/version.gitVersion=v1.36.3" in flags
    assert "gitMinor=36" in flags
    assert groups.linker_flags("module x\n") == "-s -w"


def test_every_pin_counts_for_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "HERE", tmp_path)
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "go.mod").write_text("module x\n")
    seen = [Group("some").directory]
    for name, text in {"go.sum": "a", "main.go": "b", "go.mod": "c"}.items():
        (folder / name).write_text(text)
        seen.append(Group("some").directory)
    assert len(set(seen)) == len(seen)


def test_the_cluster_has_all_its_programs() -> None:
    wanted = {"etcd", "kube-apiserver", "kubelet", "containerd", "coredns", "versitygw", "pause"}
    assert wanted < PROGRAMS.keys()
    assert PROGRAMS["ctr"] == "containerd"
    assert GROUPS["kubernetes"].programs["kubelet"] == "k8s.io/kubernetes/cmd/kubelet"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.9 linux/arm64", (1, 9)),
        ("go version devel +abc", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_go_version(told: str, expected: tuple[int, int]) -> None:
    assert golang.version(told) == expected


def test_an_old_go_is_not_new_enough(tmp_path: Path) -> None:
    go = tmp_path / "go"
    for told, expected in {"go1.21.3": False, "go1.26.0": True, "go2.0": True}.items():
        go.write_text(f"#!/bin/sh\necho go version {told} linux/amd64\n")
        go.chmod(0o755)
        assert golang.new_enough(str(go)) is expected
    assert not golang.new_enough(str(tmp_path / "absent"))
