"""The keys of a Secret that opens a web server, a hub or a registry.

As everywhere the Secret is mounted with `optional: true`: one that is missing is an empty folder,
and what says so is our sentence. It is read on every attempt, so a Secret that appears is found.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelservice_runtime.artifacts.credentials import files
from modelservice_runtime.failure import Failure, Reason

AUTHORIZATION = "HTTP_AUTHORIZATION"
USERNAME, PASSWORD = "HTTP_USERNAME", "HTTP_PASSWORD"
HOST = "HTTP_HOST"
AUTHORITY = "ca.crt"
_LIMIT = 64 * 1024  # bytes of one value


@dataclass(frozen=True)
class Keys:
    """A mounted Secret: its name, and its values, which stay out of `repr`.

    `name` None: the source names no Secret, and there are no values.
    """

    name: str | None
    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, directory: Path | None, *, known: tuple[str, ...]) -> Keys:
        """Read the Secret mounted at `directory`; its last part is the Secret's name.

        Raises `SecretMissing` where it has none of the `known` keys, or one that is no text.
        """
        if directory is None:
            return cls(name=None, values={})
        values = {}
        for path in files(directory):
            if path.name not in (*known, HOST, AUTHORITY):
                continue
            try:
                values[path.name] = path.read_bytes()[:_LIMIT].decode("ascii").strip()
            except UnicodeDecodeError:
                raise _missing(
                    f"{path.name} in the Secret {directory.name} has other characters than ASCII. "
                    "Correct it."
                ) from None
        if not any(values.values()):
            raise _missing(
                f"The Secret {directory.name} does not exist in this namespace or has none of the "
                f"keys {', '.join((*known, AUTHORITY))}. Create it with the one that is needed, "
                "or leave secretRef out."
            )
        return cls(name=directory.name, values=values)

    def get(self, key: str) -> str | None:
        """A value that can stand in a header; None where there is none."""
        value = self.values.get(key) or None
        if value is not None and not value.isprintable():
            raise _missing(f"{key} in the Secret {self.name} is more than one line. Correct it.")
        return value

    def need(self, key: str) -> str:
        """A value without which another is of no use."""
        value = self.get(key)
        if value is None:
            raise _missing(f"The Secret {self.name} has no key {key}. Add it.")
        return value

    def header(self, *, host: str) -> str | None:
        """The header for the server at `host` (or `host:port`); None where the Secret has none.

        The Secret names the server that its credentials are for. Whoever may write a ModelService
        could else have them sent to a server of their own.
        """
        whole = self.get(AUTHORIZATION)
        if whole is None and self.get(USERNAME) is None and self.get(PASSWORD) is None:
            return None
        header = whole or basic(self.need(USERNAME), password=self.need(PASSWORD))
        if self.need(HOST).lower() != host.lower():
            raise Failure(
                reason=Reason.ACCESS_DENIED,
                message=f"The Secret {self.name} is for another server than {host}. Correct "
                f"source.uri, or its key {HOST}.",
            )
        return header

    def tls(self) -> ssl.SSLContext:
        """Verifies servers by the image's authorities and the Secret's own."""
        context = ssl.create_default_context()
        authority = self.values.get(AUTHORITY)
        if authority:
            try:
                context.load_verify_locations(cadata=authority)
            except ssl.SSLError:
                raise _missing(
                    f"{AUTHORITY} in the Secret {self.name} is no certificate in PEM. Correct it."
                ) from None
        return context


def basic(user: str, *, password: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _missing(message: str) -> Failure:
    return Failure(reason=Reason.SECRET_MISSING, message=message)
