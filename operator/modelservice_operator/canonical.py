"""A short stable hash of any JSON value: the base of revisions, runs and child names."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(value: Any, *, length: int = 10) -> str:
    """First `length` hex digits of SHA-256 over canonical JSON; equal values give equal text."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
