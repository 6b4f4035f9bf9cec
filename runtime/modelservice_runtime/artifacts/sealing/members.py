"""Which members an archive may have: files and folders with plain names, each once, and not many.

What is refused is refused by a rule about names and kinds, not by following a path and looking
where it ends: no rule here depends on what lies on the disk.
"""

import unicodedata
from dataclasses import dataclass, field

from modelservice_runtime.failure import Failure, Reason

MOST_MEMBERS = 4096
LONGEST_NAME = 512
LONGEST_PART = 255
DEEPEST = 16

Parts = tuple[str, ...]


@dataclass
class Members:
    """The members of one archive so far: `file` and `folder` say whether one more may come."""

    most: int = MOST_MEMBERS
    _count: int = 0
    # each path, folded, with whether it is a file; folders also where only a file's name has them
    _known: dict[Parts, tuple[Parts, bool]] = field(default_factory=dict)

    def file(self, name: str) -> Parts:
        """The parts of a file's name. Raises `Failure` with `ArchiveRefused`."""
        parts = self._parts(name)
        if not parts:
            raise refused("a file without a name")
        self._claim(parts, file=True)
        return parts

    def folder(self, name: str) -> Parts:
        """The parts of a folder's name; none for the archive's own root."""
        parts = self._parts(name.removesuffix("/"))
        if parts:
            self._claim(parts, file=False)
        return parts

    def _parts(self, name: str) -> Parts:
        self._count += 1
        if self._count > self.most:
            raise refused(f"more than {self.most} members")
        return _checked(name)

    def _claim(self, parts: Parts, *, file: bool) -> None:
        for end in range(1, len(parts) + 1):
            path = parts[:end]
            is_file = file and end == len(parts)
            folded = tuple(_folded(part) for part in path)
            known = self._known.setdefault(folded, (path, is_file))
            new = known[0] is path
            if known[0] != path:
                raise refused(
                    f"{shown('/'.join(path))} beside {shown('/'.join(known[0]))}, which differ in "
                    "case or spelling only"
                )
            if not new and (known[1] or is_file):
                raise refused(f"{shown('/'.join(path))} twice")


def _checked(name: str) -> Parts:
    if len(name.encode(errors="surrogatepass")) > LONGEST_NAME:
        raise refused(f"a name of more than {LONGEST_NAME} bytes")
    if name.startswith("/"):
        raise refused(f"the absolute name {shown(name)}")
    if any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in name) or "\\" in name:
        raise refused(f"{shown(name)}, a name with control characters or '\\'")
    parts = name.split("/")
    while parts and parts[0] == ".":  # as `tar -C folder .` writes them
        parts = parts[1:]
    if not parts or parts == [""]:
        return ()
    if any(part in ("", ".", "..") for part in parts):
        raise refused(f"{shown(name)}, which leads elsewhere than it says")
    if len(parts) > DEEPEST or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise refused(f"{shown(name)}, which is too deep or too long")
    return tuple(parts)


def _folded(part: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())


def shown(name: str) -> str:
    """A member's name as a message may hold it: short and printable."""
    return ascii(name if len(name) <= 80 else f"{name[:80]}…")


def refused(what: str) -> Failure:
    """`ArchiveRefused`: the archive has `what`."""
    return Failure(
        reason=Reason.ARCHIVE_REFUSED,
        message=f"The archive is refused, because it has {what}. Pack only plain files and folders "
        "(modelservice-seal does).",
    )


def broken(how: str) -> Failure:
    """`ArtifactDamaged`, of an archive."""
    return Failure(
        reason=Reason.ARTIFACT_DAMAGED,
        message=f"The archive is damaged: {how}. Upload it again, or pack it anew.",
    )
