"""Limits come from the container's control group, of either version."""

import os
from pathlib import Path

import pytest

from modelservice_runtime.container import cpus, memory_limit


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    return root


V1 = "memory__memory.limit_in_bytes"
ONE_GIBIBYTE = 2**30


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": str(ONE_GIBIBYTE)}, ONE_GIBIBYTE),
        ({V1: str(ONE_GIBIBYTE)}, ONE_GIBIBYTE),
        ({"memory.max": "max"}, None),
        ({V1: "9223372036854771712"}, None),
        ({}, None),
    ],
)
def test_memory(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory_limit(cgroup=write(tmp_path, **files)) == (limit or machine)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "110000 100000"}, 2),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu__cpu.cfs_quota_us": "100000", "cpu__cpu.cfs_period_us": "100000"}, 1),
        ({"cpu__cpu.cfs_quota_us": "-1", "cpu__cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "99900000 100000"}, None),
        ({}, None),
    ],
)
def test_cpus(tmp_path: Path, files: dict[str, str], count: int | None) -> None:
    available = len(os.sched_getaffinity(0))
    assert cpus(cgroup=write(tmp_path, **files)) == min(count or available, available)
