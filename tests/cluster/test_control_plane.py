"""The control plane of the integration tests: real, restartable, and gone afterwards."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.cluster.controlplane import ControlPlane, free_ports
from e2e.cluster.problem import Problem


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}


def processes_of(directory: Path) -> list[str]:
    """Command lines that name `directory`."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(directory) in line:
                found.append(line)
    return found


def test_objects_survive_the_death_of_the_api_server() -> None:
    path = "/api/v1/namespaces/default/configmaps/some"
    with ControlPlane.start(audit=True) as plane:
        plane.client.apply(path, body=config_map("some"))
        plane.kill()
        with pytest.raises(OSError, match=r"refused|reset"):
            plane.client.get(path)
        plane.restart()
        found = plane.client.get(path)
        assert found is not None
        assert found["data"] == {"a": "b"}
        assert plane.client.get(f"{path}-not") is None
        assert "configmaps/some" in plane.audit_log.read_text()
        assert len(processes_of(plane.directory)) == 2
        assert plane.kubeconfig.exists()
        directory = plane.directory
    assert not directory.exists()
    assert processes_of(directory) == []


def test_nobody_else_gets_a_port_that_was_asked_for() -> None:
    """The harm: an operator of another test took the port before ours listened."""
    code = "import random; from e2e.cluster.controlplane import free_ports; random.seed(1); "
    code += "print(*free_ports(3))"
    random.seed(1)
    ours = free_ports(3)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    theirs = [int(port) for port in done.stdout.split()]
    assert len(theirs) == 3
    assert not set(ours) & set(theirs)


def test_a_flag_that_is_wrong_is_told_with_the_log() -> None:
    wrong = ControlPlane.start(arguments=["--no-such-flag"])
    with pytest.raises(Problem, match="unknown flag: --no-such-flag"), wrong:
        pass
