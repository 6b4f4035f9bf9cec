"""CPU time and memory of processes, from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, that a process has used so far; 0 for one that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


@dataclass(frozen=True)
class Usage:
    """CPU seconds by process at one time."""

    seconds: Mapping[str, float]

    @classmethod
    def of(cls, pids: Mapping[str, int]) -> "Usage":
        return cls({name: cpu_seconds(pid) for name, pid in pids.items()})

    def since(self, earlier: "Usage") -> dict[str, float]:
        """What each process has used since `earlier`."""
        return {
            name: round(seconds - earlier.seconds.get(name, 0.0), 2)
            for name, seconds in self.seconds.items()
        }
