"""Structured logs: one JSON object a line on stdout, or plain text for people at a terminal.

What a message is about goes into `extra`: `key` (the service, written as namespace and name; a
ModelVersion with its kind), `generation`, and whatever else the message names.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

from modelservice_operator.api import names
from modelservice_operator.view import Key, VersionKey

Format = Literal["json", "text"]

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",
}


class JsonFormatter(logging.Formatter):
    """`time, level, logger, message`, what `extra` holds, and `error` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= about(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """The same for eyes."""

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{name}={value}" for name, value in about(record).items())
        return f"{super().format(record)} {extra}".rstrip()


def about(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as `extra`, with `key` taken apart."""
    found = {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }
    key = found.pop("key", None)
    if isinstance(key, Key):
        found = {"namespace": key.namespace, "name": key.name, **found}
    if isinstance(key, VersionKey):
        found = {"kind": names.KIND_VERSION, **found}
    return {
        name: value for name, value in found.items() if isinstance(value, str | int | float | bool)
    }


def set_up(*, level: str, format: Format) -> None:  # noqa: A002 - the setting's own name
    """Send all logs of the process to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        JsonFormatter()
        if format == "json"
        else TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its own lines on each object and each access are not for operators of this program.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
