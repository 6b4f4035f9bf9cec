"""What a killed run leaves on the machine is found and removed. Needs root."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import leftovers, network, packages, processes
from e2e.cluster.client import eventually
from e2e.cluster.places import Places

MOUNTINFO = r"""22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:25 / /var/lib/x/a rw shared:1 - tmpfs tmpfs rw
31 30 0:26 / /var/lib/x/a/with\040space rw - tmpfs tmpfs rw
32 22 0:27 / /var/lib/xy rw - tmpfs tmpfs rw
33 22 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
"""
RULES = """*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-X - [0:0]
:USERS - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -p tcp -m tcp --dport 80 -j USERS
-A KUBE-SERVICES -d 198.19.0.9/32 -j KUBE-SVC-X
-A KUBE-SVC-X -j MARK --set-xmark 0x4000/0x4000
-A USERS -j RETURN
COMMIT
"""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(state=tmp_path / "state", runtime=tmp_path / "run", cgroup="modelservice-test")
    made.state.mkdir()
    made.runtime.mkdir()
    yield made
    leftovers.sweep_node(made)


@pytest.fixture(scope="module")
def iptables() -> None:
    """What the embedded cluster installs on a fresh machine, where these tests run before it."""
    packages.ensure(["iptables"])


def test_mount_points_are_read_with_their_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    monkeypatch.setattr(leftovers, "MOUNTS", tmp_path / "mountinfo")
    inside = leftovers.mounts_below([Path("/var/lib/x")])
    assert inside == [Path("/var/lib/x/a/with space"), Path("/var/lib/x/a")]
    assert leftovers.hierarchies() == [Path("/sys/fs/cgroup/pids")]


def test_nested_and_busy_mounts_go(places: Places) -> None:
    outer = places.state / "volume with space"
    outer.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", outer], check=True)
    inner = outer / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    with (inner / "open").open("w"):
        leftovers.sweep_node(places)
        assert leftovers.mounts_below([places.state, places.runtime]) == []
    assert places.state.exists()
    assert not places.runtime.exists()


def test_processes_in_our_group_die_and_the_group_goes(places: Places) -> None:
    """A container whose shim was killed -9 has no mark, and nobody who would end it."""
    leftovers.prepare_cgroups(places)
    groups = [root / places.cgroup for root in leftovers.hierarchies()]
    assert groups
    assert all(group.is_dir() for group in groups)
    with subprocess.Popen(["sleep", "600"]) as container:
        for group in groups:
            pod = group / "pod"
            pod.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (group / name).exists() and (group / name).read_text().strip():
                    (pod / name).write_text((group / name).read_text())
            (pod / "cgroup.procs").write_text(str(container.pid))
        leftovers.end_pods(places)
        assert container.wait() == -signal.SIGKILL
    assert not any(group.exists() for group in groups)


def test_shims_of_a_dead_containerd_are_ended(places: Places) -> None:
    child = "import time; time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    pid = processes.launch(
        "containerd",
        command=[sys.executable, "-c", code],
        digest="",
        environment={},
        state=places.state,
        log=places.log("containerd"),
    )
    assert eventually(lambda: len(processes.marked(state=places.state)) == 2, seconds=10)
    os.kill(pid, signal.SIGKILL)
    leftovers.sweep_node(places)
    assert processes.marked(state=places.state) == []


@pytest.mark.usefixtures("iptables")
def test_the_users_iptables_rules_stay() -> None:
    """Made and taken in a network namespace of its own; the machine's rules are not touched."""
    code = (
        "import subprocess, sys\n"
        "from e2e.cluster.network import removal\n"
        "def restore(text): subprocess.run("
        "['iptables-restore', '--noflush'], input=text, text=True, check=True)\n"
        "def save(): return subprocess.run("
        "['iptables-save'], capture_output=True, text=True, check=True).stdout\n"
        "restore(sys.argv[1])\n"
        "assert 'KUBE-SERVICES' in save()\n"
        "restore(removal(save()))\n"
        "assert removal(save()) == ''\n"
        "print(save())\n"
    )
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", code, RULES],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert "KUBE" not in done.stdout
    assert "-A PREROUTING -p tcp -m tcp --dport 80 -j USERS" in done.stdout


@pytest.mark.usefixtures("iptables")
def test_a_working_iptables_is_found(places: Places) -> None:
    network.choose_iptables(places)
    assert network.run("iptables", "-t", "nat", "-S", places=places).returncode == 0
    assert "PROBE" not in network.run("iptables-save", places=places).stdout


@pytest.mark.usefixtures("iptables")
def test_the_legacy_variant_is_put_first_where_only_it_works(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = {"iptables": False, "iptables-legacy": True, "iptables-nft": False}
    monkeypatch.setattr(network, "_works", lambda _places, *, variant: works[variant])
    network.choose_iptables(places)
    links = {link.name: link.readlink().name for link in places.overrides.iterdir()}
    assert links["iptables"] == "iptables-legacy"
    assert links["ip6tables-restore"] == "ip6tables-legacy-restore"
    assert "legacy" in network.run("iptables", "--version", places=places).stdout


def test_only_our_strays_leave_the_shared_places(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, logs, plugins = tmp_path / "cni", tmp_path / "logs", tmp_path / "k" / "plugins"
    for directory in (results, logs, plugins):
        directory.mkdir(parents=True)
    (results / "ours").write_text(f'{{"netns":"{places.runtime}/containerd/netns/x"}}')
    (results / "theirs").write_text('{"netns":"/run/netns/x"}')
    ours = places.state / "pod-logs" / "0.log"
    ours.parent.mkdir()
    ours.touch()
    (logs / "some.log").symlink_to(ours)
    (plugins / "kubelet_internal_checkpoint").write_text("{}")
    monkeypatch.setattr(leftovers, "CNI_RESULTS", results)
    monkeypatch.setattr(leftovers, "CONTAINER_LOGS", logs)
    monkeypatch.setattr(leftovers, "SHARED", (results, logs, plugins))
    monkeypatch.setattr("e2e.cluster.places.DEVICE_PLUGINS", plugins)
    monkeypatch.setattr(leftovers, "SHIM_SOCKETS", tmp_path / "absent")
    leftovers.remove_strays(places)
    assert [path.name for path in results.iterdir()] == ["theirs"]
    assert not logs.exists()
    assert not plugins.parent.exists()
