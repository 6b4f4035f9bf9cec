"""What the command line says and does before it touches anything."""

from pathlib import Path

import pytest

from e2e.cluster import __main__ as command
from e2e.cluster import packages, preflight
from e2e.cluster.components.component import Component
from e2e.cluster.places import Places
from e2e.cluster.ports import Listener
from e2e.cluster.problem import Problem
from e2e.cluster.settings import Settings
from e2e.cluster.target import foreign
from e2e.cluster.tools.cache import require_space

EMBEDDED = Places()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (str(EMBEDDED.kubeconfig), None),
        ("/var/lib/../lib/modelservice-dev/kubeconfig", None),
        ("/home/me/.kube/config", "/home/me/.kube/config"),
        ("/a:/b", "/a:/b"),
    ],
)
def test_which_cluster_is_meant(value: str | None, expected: str | None) -> None:
    environment = {} if value is None else {"KUBECONFIG": value}
    assert foreign(environment, places=EMBEDDED) == expected


@pytest.mark.parametrize("words", [["up"], ["down"], ["stop", "etcd"], ["kwok", "3"]])
def test_a_cluster_that_is_not_ours_is_left_as_it_is(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/config")
    assert command.main(words) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "KUBECONFIG is set: the cluster of /somewhere/config is used, and left as it is\n"
    )


def test_kubeconfig_prints_a_path_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/config")
    assert command.main(["kubeconfig"]) == 0
    assert capsys.readouterr().out == "/somewhere/config\n"


def test_without_root_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Problem, match=r"needs root .*; run it with sudo, or point KUBECONFIG"):
        preflight.require_root()


def test_without_linux_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(Problem, match="needs Linux, and this is Darwin; use a Linux machine"):
        preflight.require_root()


def test_a_full_disk_is_told_with_figures(tmp_path: Path) -> None:
    require_space(tmp_path, gib=0, purpose="nothing")
    with pytest.raises(Problem, match=r"building needs 1000000 GiB, and the disk of .* has [\d.]+"):
        require_space(tmp_path, gib=1_000_000, purpose="building")


def test_a_taken_port_is_told_with_its_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = Listener("0.0.0.0", 53, "77")
    monkeypatch.setattr("e2e.cluster.ports.listeners", lambda: [everywhere])
    monkeypatch.setattr("e2e.cluster.ports.holders", lambda: {"77": 1})
    monkeypatch.setattr("e2e.cluster.ports.name", lambda _pid: "dnsmasq")
    dns = Component("coredns", ["/x"], lambda: True, ports=[("198.18.0.1", 53)])
    with pytest.raises(Problem) as caught:
        preflight.require_ports([dns], places=Places(state=tmp_path))
    assert str(caught.value) == (
        "port 53, which coredns needs, is taken by dnsmasq (pid 1) at 0.0.0.0; "
        "stop that program, or tell it to listen on one address only"
    )


def test_only_what_is_missing_would_be_installed() -> None:
    assert packages.missing(["mount", "/"]) == []
    assert packages.present("/usr")
    assert not packages.present("/usr/no/such/file")


def test_settings_outlive_a_command(tmp_path: Path) -> None:
    places = Places(state=tmp_path)
    assert Settings.load(places) == Settings(gpus=4, kwok=0)
    Settings(gpus=2).changed(gpus=None, kwok=7).save(places)
    assert Settings.load(places) == Settings(gpus=2, kwok=7)
