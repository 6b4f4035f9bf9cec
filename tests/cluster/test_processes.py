"""Our processes are told from everyone else's by their mark, and are ended for sure."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import processes
from e2e.cluster.client import eventually
from e2e.cluster.components import component as components
from e2e.cluster.components.component import Component
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem

SLEEP = "import time; print('started', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(state=tmp_path / "state", runtime=tmp_path / "run", cgroup="modelservice-test")
    yield made
    processes.end(processes.marked(state=made.state), state=made.state, grace=0)


def component(places: Places, *, code: str = SLEEP, name: str = "some") -> Component:
    log = places.log(name)
    return Component(
        name,
        [sys.executable, "-c", code],
        lambda: log.exists() and "started" in log.read_text(),
        settle=20.0,
    )


def run(places: Places, *, code: str = SLEEP, name: str = "some") -> processes.Process:
    made = component(places, code=code, name=name)
    components.start(made, places=places)
    components.wait(made, places=places)
    return processes.leaders(state=places.state)[name]


def test_a_started_component_is_found_and_stopped(places: Places) -> None:
    process = run(places)
    assert os.getsid(process.pid) == process.pid
    assert components.stop("some", places=places)
    assert not components.stop("some", places=places)
    assert processes.marked(state=places.state) == []


def test_a_component_is_known_from_its_first_moment(places: Places) -> None:
    """The harm: one that had only just been started was taken for dead, now and then."""
    for number in range(20):
        made = component(places, name=f"some-{number}")
        components.start(made, places=places)
        assert made.name in processes.leaders(state=places.state)


def test_starting_again_changes_nothing(places: Places) -> None:
    assert run(places) == run(places)


def test_other_settings_start_it_anew(places: Places) -> None:
    first = run(places)
    second = run(places, code=SLEEP + " # changed")
    assert second.pid != first.pid
    assert list(processes.leaders(state=places.state).values()) == [second]


def test_a_component_that_was_killed_is_started_again(places: Places) -> None:
    first = run(places)
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: not processes.leaders(state=places.state), seconds=5)
    assert run(places).pid != first.pid


def test_one_that_ignores_sigterm_is_killed(places: Places) -> None:
    process = run(places, code=STUBBORN)
    processes.end([process], state=places.state, grace=0.2)
    assert processes.marked(state=places.state) == []


def test_what_a_component_started_is_ours_but_not_the_component(places: Places) -> None:
    parent = run(places, code=PARENT)
    both = processes.marked(state=places.state)
    assert {process.leader for process in both} == {True, False}
    os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not processes.leaders(state=places.state), seconds=5)
    assert [process.component for process in processes.marked(state=places.state)] == ["some"]


def test_a_pid_that_somebody_else_has_by_now_is_left_alone(places: Places) -> None:
    """The harm: a pid file of a killed run made `down` kill a stranger."""
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stranger:
        recycled = processes.Process(stranger.pid, "etcd", digest="", leader=True)
        processes.end([recycled], state=places.state, grace=0)
        answer, _ = stranger.communicate("alive")
    assert answer == "alive"


def test_another_clusters_processes_are_not_ours(places: Places, tmp_path: Path) -> None:
    run(places)
    assert processes.marked(state=tmp_path / "other") == []


def test_a_component_that_dies_shows_the_end_of_its_log(places: Places) -> None:
    dying = component(places, code="print('one'); raise SystemExit('no such thing')")
    components.start(dying, places=places)
    with pytest.raises(Problem, match="some ended at once") as caught:
        components.wait(dying, places=places)
    assert "no such thing" in str(caught.value)
    assert str(places.log("some")) in str(caught.value)


def test_the_log_of_the_last_run_is_kept(places: Places) -> None:
    run(places)
    places.log("some").write_text("the last words")
    components.stop("some", places=places)
    run(places)
    assert places.log("some").with_suffix(".previous.log").read_text() == "the last words"


def test_components_do_not_inherit_a_proxy(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    process = run(places)
    environment = Path(f"/proc/{process.pid}/environ").read_text()
    assert "proxy.example" not in environment
