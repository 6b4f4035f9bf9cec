"""Answers that a plan gives in the API server's name, as a real one words them."""

from __future__ import annotations

import json
from typing import Final

from e2e.faults.plan import Fault
from e2e.faults.record import Manifest
from e2e.faults.target import Target

# Reason and message by status; what is left out is told by its number.
_WORDS: Final = {
    400: ("BadRequest", "the request is not understood"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", 'User "operator" cannot do this'),
    404: ("NotFound", "not found"),
    409: ("Conflict", "the object has been modified; please apply your changes to the latest"),
    410: ("Expired", "too old resource version: 1 (2)"),
    422: ("Invalid", "is invalid: spec: Invalid value: refused by a policy"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to wait"),
    500: ("InternalError", "Internal error occurred: etcdserver: leader changed"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "Timeout: request did not complete within the allotted timeout"),
}


def status(fault: Fault, *, target: Target) -> tuple[Manifest, dict[str, str]]:
    """The Status object that a fault answers, and the headers that go with it."""
    reason, message = _WORDS.get(fault.status, ("Unknown", "unknown"))
    details: Manifest = {"kind": target.kind}
    if target.name:
        details["name"] = target.name
    headers = {}
    if fault.seconds:
        details["retryAfterSeconds"] = round(fault.seconds)
        headers["Retry-After"] = str(round(fault.seconds))
    answer: Manifest = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{target.kind} {target.name}: {message}",
        "reason": reason,
        "details": details,
        "code": fault.status,
    }
    return answer, headers


def error_event(fault: Fault, *, target: Target) -> bytes:
    """The line of a watch that says that the watch is over."""
    answer, _ = status(fault, target=target)
    return json.dumps({"type": "ERROR", "object": answer}).encode() + b"\n"
