"""What went: a late answer or an old page of a list must not bring an object back to life.

uids never come back, so remembering the last ones that went is always right.
"""

from __future__ import annotations

from typing import Final

LIMIT: Final = 50_000
_DENIED: Final = "denied"


class Gone:
    """The uids that went last, each with what is known of its end."""

    def __init__(self) -> None:
        # the version of its end: empty where nobody said, _DENIED after a 404
        self._ends: dict[str, str] = {}

    def remember(self, uid: str, *, version: str) -> None:
        """An object went, at this version, or nobody said when (empty)."""
        self._ends[uid] = version
        if len(self._ends) > LIMIT:
            del self._ends[next(iter(self._ends))]

    def deny(self, uid: str) -> None:
        """The API server denies an object. One that has just started denies what is there."""
        self.remember(uid, version=_DENIED)

    def lives(self, uid: str, *, version: str, listed: bool) -> bool:
        """Whether an object of this version may be taken in: it never went, or it came back.

        After a denial only a list shows that; events may be late.
        """
        end = self._ends.get(uid)
        if end is None:
            return True
        # Where it had a version, somebody had only taken our label off it.
        back = listed if end == _DENIED else bool(end) and newer(version, than=end)
        if back:
            del self._ends[uid]
        return back


def newer(version: str, *, than: str) -> bool:
    """Whether one resourceVersion came after another."""
    # Comparing them as numbers is what the API allows since 1.35 and what it has always done.
    if version.isdigit() and than.isdigit():
        return int(version) > int(than)
    return version != than
