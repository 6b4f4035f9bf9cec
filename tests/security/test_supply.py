"""A pin is a version and a hash."""

from __future__ import annotations

import pytest

from e2e.security.supply import entries, loose

HASH = f"--hash=sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (f"a==1.0 {HASH}", False),
        (f"a[x,y]==1.0 ; python_version < '3.12' {HASH} {HASH}", False),
        ("a==1.0", True),
        (f"a>=1.0 {HASH}", True),
        (f"a {HASH}", True),
        (f"a @ https://example.com/a.whl {HASH}", True),
        ("a==1.0 --hash=md5:00", True),
    ],
)
def test_what_may_change_is_loose(entry: str, expected: bool) -> None:
    assert loose(entry) is expected


def test_entries_are_joined() -> None:
    lock = f"# made by a tool\na==1 \\\n    {HASH} \\\n    {HASH}\nb==2 \\\n    {HASH}\n"
    assert list(entries(lock)) == [f"a==1 {HASH} {HASH}", f"b==2 {HASH}"]
