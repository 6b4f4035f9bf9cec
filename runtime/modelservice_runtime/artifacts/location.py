"""A place in object storage as documents name it, and the mounted Secret that opens it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modelservice_runtime.fields import Fields


@dataclass(frozen=True)
class Location:
    """A place in object storage, and the mounted Secret that opens it."""

    uri: str
    credentials: Path

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """From `{"uri", "credentials"}`. Raises `FieldError`."""
        return cls(uri=fields.text("uri"), credentials=Path(fields.text("credentials")))

    @classmethod
    def folder(cls, fields: Fields) -> Self:
        """The same for a prefix: its URI ends with a slash, however it was written."""
        found = cls.parse(fields)
        return cls(uri=found.uri.rstrip("/") + "/", credentials=found.credentials)
