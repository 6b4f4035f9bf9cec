"""What an answer of the API server means to a reconcile: one class a meaning.

`heals` says whether time alone may cure it: a quota is raised, a right is granted, a server comes
back. What does not heal waits for another spec.
"""

# ruff: noqa: N818 - the words of the API, as its users know them

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ApiError(Exception):
    """A request that failed. `kind` is the kind asked for, `status` the HTTP status (0: none)."""

    heals: ClassVar[bool] = True

    def __init__(self, message: str, *, kind: str, status: int = 0, reason: str = "") -> None:
        super().__init__(f"{kind}: {message}" if kind else message)
        self.message = message
        self.kind = kind
        self.status = status
        self.reason = reason


class NotFound(ApiError):
    """No such object, kind or namespace."""


class Conflict(ApiError):
    """The object is not the one that the request was made for: another version, uid or owner."""


class AlreadyExists(Conflict):
    """A create found its name taken."""


class Invalid(ApiError):
    """The API server refuses what we ask for; the same request never succeeds."""

    heals = False


class Forbidden(ApiError):
    """A right is missing, a quota is used up, or an admission policy refuses."""


class Terminating(Forbidden):
    """The namespace is being deleted: nothing is made in it any more."""


class Expired(ApiError):
    """A list's continuation is too old; the list has to begin anew."""


class Unavailable(ApiError):
    """No usable answer: the server is away, overloaded, or does not know us (yet).

    `retry_after` is the pause in seconds that the server asks for, 0 if it asks for none.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        status: int = 0,
        reason: str = "",
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message, kind=kind, status=status, reason=reason)
        self.retry_after = retry_after

    @property
    def outage(self) -> bool:
        """Whether the server itself is away or overloaded, which is no service's own trouble."""
        return self.status in {0, 429, 503}


class Throttled(Unavailable):
    """Too many requests."""


class Fenced(Exception):
    """This replica may not write (any more): it does not hold the lease."""


def error_of(
    status: int, *, body: Mapping[str, Any], kind: str, retry_after: str | None = None
) -> ApiError:
    """The error that an answer with an HTTP status of 400 or more stands for.

    `body` is the `Status` object of the answer, empty where it was none.
    """
    reason = str(body.get("reason", ""))
    message = str(body.get("message") or f"HTTP {status}")
    if status == 429 or status >= 500 or status in {401, 408}:
        # 401: tokens rotate, and an API server that has just started knows nobody yet
        cls = Throttled if status == 429 else Unavailable
        pause = _seconds(retry_after, details=body.get("details"))
        return cls(message, kind=kind, status=status, reason=reason, retry_after=pause)
    return _class_of(status, reason=reason, body=body)(
        message, kind=kind, status=status, reason=reason
    )


def _class_of(status: int, *, reason: str, body: Mapping[str, Any]) -> type[ApiError]:
    if status == 409:
        return AlreadyExists if reason == "AlreadyExists" else Conflict
    # An apply that carries the uid of an object which was since made again is told that
    # metadata.uid is immutable, as if it were bad input.
    if status == 422 and _caused(body, "field", "metadata.uid"):
        return Conflict
    if status == 403 and _caused(body, "reason", "NamespaceTerminating"):
        return Terminating
    return {403: Forbidden, 404: NotFound, 410: Expired}.get(status, Invalid)


def _caused(body: Mapping[str, Any], name: str, value: str) -> bool:
    details = body.get("details") or {}
    return any(cause.get(name) == value for cause in details.get("causes") or ())


def _seconds(header: str | None, *, details: Mapping[str, Any] | None) -> float:
    value = header or (details or {}).get("retryAfterSeconds") or 0
    try:
        return max(0.0, float(value))
    except ValueError:  # the HTTP-date form, which the API server does not use
        return 0.0
