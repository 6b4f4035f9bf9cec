"""Log lines: JSON for machines, with what they are about as fields."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from modelservice_operator.logs import JsonFormatter, TextFormatter, set_up
from modelservice_operator.view import Key, VersionKey


def record(message: str, *arguments: Any, **extra: Any) -> logging.LogRecord:
    logger = logging.getLogger("modelservice_operator.test")
    return logger.makeRecord(
        logger.name, logging.INFO, "file", 1, message, arguments, None, extra=extra
    )


def test_a_line_is_json_with_the_service_as_fields() -> None:
    line = JsonFormatter().format(
        record("%d children written", 3, key=Key("default", "digits"), generation=7)
    )

    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "info",
        "logger": "modelservice_operator.test",
        "message": "3 children written",
        "namespace": "default",
        "name": "digits",
        "generation": 7,
    }


def test_an_error_brings_its_traceback() -> None:
    line = record("failed")
    line.exc_info = (ValueError, ValueError("broken"), None)
    assert "ValueError: broken" in json.loads(JsonFormatter().format(line))["error"]


def test_objects_are_not_logged_by_accident() -> None:
    """A body in `extra` would put users' data into logs."""
    found = json.loads(JsonFormatter().format(record("seen", obj={"spec": "secret"})))
    assert "secret" not in json.dumps(found)


def test_text_is_for_eyes() -> None:
    text = TextFormatter("%(levelname)s %(message)s").format(
        record("written", key=Key("default", "digits"))
    )
    assert text == "INFO written namespace=default name=digits"


def test_a_version_is_not_taken_for_a_service() -> None:
    found = json.loads(JsonFormatter().format(record("told", key=VersionKey("default", "v1"))))
    assert (found["kind"], found["namespace"], found["name"]) == ("ModelVersion", "default", "v1")


def test_all_loggers_write_to_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    set_up(level="info", format="json")

    logging.getLogger("anything").info("heard")
    logging.getLogger("kopf.objects").info("not heard")

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"] == "heard"
