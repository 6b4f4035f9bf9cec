"""What this container may use, read from its control group (version 2, then 1).

Programs that ask the machine instead get the node's figures: a loader fills memory until the
kernel kills the pod, and torch starts a thread for each of the node's cores.
"""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def memory_limit(*, cgroup: Path = CGROUP) -> int:
    """Bytes of memory: the container's limit, else all that the machine has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in (cgroup / "memory.max", cgroup / "memory/memory.limit_in_bytes"):
        text = _read(file)
        # NB: "max" in version 2; version 1 writes a number near 2^63 where nothing is set.
        if text.isdecimal():
            return min(int(text), machine)
    return machine


def cpus(*, cgroup: Path = CGROUP) -> int:
    """CPUs that threads can run on at a time: the quota rounded up, within the affinity."""
    available = len(os.sched_getaffinity(0))
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if not quota:
        quota = _read(cgroup / "cpu/cpu.cfs_quota_us")
        period = _read(cgroup / "cpu/cpu.cfs_period_us")
    # NB: "max" or -1 where there is no quota.
    if quota.isdecimal() and period.isdecimal():
        return max(1, min(available, math.ceil(int(quota) / int(period))))
    return available


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
