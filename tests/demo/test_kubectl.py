"""Watching through kubectl: a program that stands in for it plays an API server's answers."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from e2e.demo.kinds import POD
from e2e.demo.kubectl import Kubectl, NotInTime, Refused

# Answers come from files: `list` for a list, `watch` for a watch, which then stays open. Once a
# watch was begun, `next` is the list.
PROGRAM = """#!/bin/sh
for last; do :; done
echo "$@" >> "{home}/calls"
case "$last" in
*watch=1*)
    cat "{home}/watch"
    if [ -e "{home}/next" ]; then mv "{home}/next" "{home}/list"; fi
    exec sleep 60;;
*) if [ -e "{home}/away" ]; then rm "{home}/away"; echo refused >&2; exit 1; fi; cat "{home}/list";;
esac
"""


def pod(name: str, *, phase: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": phase}}


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    program = tmp_path / "kubectl"
    program.write_text(PROGRAM.format(home=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Kubectl(program=program, kubeconfig=str(tmp_path / "config"), namespace="here")


def play(
    home: Path, *, items: list[dict[str, Any]], events: list[tuple[str, dict[str, Any]]]
) -> None:
    listed = {
        "apiVersion": "v1",
        "kind": "PodList",
        "metadata": {"resourceVersion": "7"},
        "items": items,
    }
    (home / "list").write_text(json.dumps(listed))
    lines = [json.dumps({"type": kind, "object": found}) + "\n" for kind, found in events]
    (home / "watch").write_text("".join(lines))


def test_what_holds_already_needs_no_watch(kubectl: Kubectl, tmp_path: Path) -> None:
    play(tmp_path, items=[pod("a", phase="Running")], events=[])
    found = kubectl.wait(POD, "a", lambda found: found["status"]["phase"] == "Running")
    assert found["kind"] == "Pod"
    assert "watch=1" not in (tmp_path / "calls").read_text()


def test_a_watch_goes_on_from_its_list(kubectl: Kubectl, tmp_path: Path) -> None:
    play(
        tmp_path,
        items=[pod("a", phase="Pending")],
        events=[("MODIFIED", pod("a", phase="Running"))],
    )
    kubectl.wait(POD, "a", lambda found: found["status"]["phase"] == "Running")
    last = (tmp_path / "calls").read_text().splitlines()[-1]
    assert "resourceVersion=7" in last
    assert "fieldSelector=metadata.name%3Da" in last
    assert "/api/v1/namespaces/here/pods?" in last


def test_deletions_are_seen(kubectl: Kubectl, tmp_path: Path) -> None:
    play(
        tmp_path,
        items=[pod("a", phase="Running"), pod("b", phase="Running")],
        events=[("DELETED", pod("b", phase="Running")), ("DELETED", pod("a", phase="Running"))],
    )
    assert kubectl.wait_all(POD, lambda pods: len(pods) == 1).keys() == {"a"}
    kubectl.wait_gone(POD, "a")


def test_a_watch_that_is_too_old_begins_anew(kubectl: Kubectl, tmp_path: Path) -> None:
    play(tmp_path, items=[pod("a", phase="Running")], events=[])
    (tmp_path / "list").rename(tmp_path / "next")
    expired = {"kind": "Status", "metadata": {}, "code": 410}
    play(tmp_path, items=[pod("a", phase="Pending")], events=[("ERROR", expired)])
    kubectl.wait(POD, "a", lambda found: found["status"]["phase"] == "Running", seconds=10.0)


def test_an_api_server_that_is_away_is_waited_for(kubectl: Kubectl, tmp_path: Path) -> None:
    play(tmp_path, items=[pod("a", phase="Running")], events=[])
    (tmp_path / "away").touch()
    assert kubectl.wait(POD, "a", lambda _: True)["metadata"]["name"] == "a"


def test_a_wait_ends_in_time_and_says_what_was_there(kubectl: Kubectl, tmp_path: Path) -> None:
    play(tmp_path, items=[pod("a", phase="Pending")], events=[])
    begun = time.monotonic()
    with pytest.raises(NotInTime, match="Pending"):
        kubectl.wait(POD, "a", lambda _: False, seconds=0.5)
    with pytest.raises(NotInTime, match="not there"):
        kubectl.wait(POD, "b", lambda _: True, seconds=0.5)
    assert time.monotonic() - begun < 10


def test_a_refusal_carries_its_words(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "away").touch()
    with pytest.raises(Refused, match="refused") as refused:
        kubectl.run("get", "pods")
    assert not refused.value.not_found
