"""The API server's audit log, read while it grows."""

import json
from pathlib import Path
from typing import Any

from e2e.bench import burst
from e2e.bench.audit import Audit, Entry, parse
from e2e.bench.objects import Name

EVENT: dict[str, Any] = {
    "kind": "Event",
    "stage": "ResponseComplete",
    "verb": "patch",
    "user": {"username": "operator"},
    "objectRef": {
        "resource": "modelservices",
        "subresource": "status",
        "namespace": "team-0",
        "name": "svc00001",
        "apiGroup": "modelservice.io",
    },
    "responseStatus": {"code": 200},
    "requestReceivedTimestamp": "2026-01-02T03:04:05.250000Z",
    "stageTimestamp": "2026-01-02T03:04:05.500000Z",
}


def line(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode() + b"\n"


def entry(resource: str, name: str, *, at: float, subresource: str = "", code: int = 201) -> Entry:
    return Entry("operator", "patch", resource, subresource, "team-0", name, code, at - 0.1, at)


def test_a_line_says_who_asked_for_what_and_when() -> None:
    found = parse(line())
    assert found is not None
    assert (found.user, found.resource, found.subresource) == (
        "operator",
        "modelservices",
        "status",
    )
    assert found.writes
    assert not found.reads
    assert found.answered - found.received == 0.25


def test_only_the_end_of_a_request_for_a_resource_counts() -> None:
    assert parse(line(stage="ResponseStarted")) is None
    assert parse(line(objectRef=None)) is None


def test_a_line_that_is_being_written_is_read_later(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    audit = Audit(log)
    assert audit.entries() == []
    log.write_bytes(line() + line()[:50])
    assert len(audit.entries()) == 1
    log.write_bytes(line() + line())
    assert len(audit.entries()) == 1
    assert audit.entries() == []


def test_what_was_skipped_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(line())
    audit = Audit(log)
    audit.skip()
    assert audit.entries() == []


KINDS = (
    "deployments",
    "services",
    "configmaps",
    "controllerrevisions",
    "poddisruptionbudgets",
    "networkpolicies",
)


def test_a_service_is_written_when_its_last_child_and_its_first_status_are() -> None:
    found = [entry(kind, f"svc1-{kind}", at=10.0 + i) for i, kind in enumerate(KINDS)]
    found += [
        entry("modelservices", "svc1", at=17.0, subresource="status", code=200),
        entry("modelservices", "svc1", at=30.0, subresource="status", code=200),
        entry("events", "svc1.1234", at=40.0),
    ]
    children, told = burst.progress(found)
    assert (children, told) == ({"svc1": 15.0}, {"svc1": 17.0})
    assert burst.written(found, names=[Name("team-0", "svc1")]) == 17.0


def test_a_child_that_is_written_twice_is_one_child() -> None:
    found = [entry("deployments", "svc1-a", at=float(at)) for at in range(6)]
    assert burst.progress(found) == ({}, {})


def test_requests_are_told_apart_by_what_they_are_for() -> None:
    found = [
        entry("deployments", "svc1-a", at=1.0),
        entry("modelservices", "svc1", at=2.0, subresource="status"),
        entry("events", "svc1.1", at=3.0),
        Entry("operator", "update", "leases", "", "s", "l", 200, 4.0, 4.0),
        Entry("operator", "get", "deployments", "", "team-0", "svc1-a", 200, 5.0, 5.0),
        Entry("operator", "watch", "deployments", "", "", "", 200, 6.0, 6.0),
    ]
    assert burst.requests(found) == {
        "children": 1,
        "status": 1,
        "events": 1,
        "leases": 1,
        "reads": 1,
        "watches": 1,
    }
