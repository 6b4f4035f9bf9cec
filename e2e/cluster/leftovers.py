"""What pods and killed runs leave behind on the node: processes, mounts, cgroups, sockets, files.

`sweep_node` brings the node to where a restart of the machine would have brought it; containerd
and the kubelet know how to go on from there with what is in the state directory.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from e2e.cluster import places as at
from e2e.cluster import processes
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem

MOUNTS = Path("/proc/self/mountinfo")
# Programs with a fixed place for what they keep: containerd's shims, libcni, the kubelet.
SHIM_SOCKETS = Path("/run/containerd/s")
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOGS = Path("/var/log/containers")
SHARED = (SHIM_SOCKETS, CNI_RESULTS, CONTAINER_LOGS, at.DEVICE_PLUGINS)
STANDARD = {Path("/var/lib"), Path("/var/log"), Path("/run")}


def mount_points(mountinfo: str) -> list[tuple[Path, str]]:
    """(mount point, file system type) in the order of mounting, names unescaped."""
    found: list[tuple[Path, str]] = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        escaped = before.split()[4]
        name = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), escaped)
        found.append((Path(name), after.split()[0]))
    return found


def mounts_below(directories: Sequence[Path]) -> list[Path]:
    """Mount points inside `directories`, the innermost and latest first."""
    points = [point for point, _ in mount_points(MOUNTS.read_text())]
    inside = [p for p in points if any(p.is_relative_to(directory) for directory in directories)]
    return list(reversed(inside))


def unmount(directories: Sequence[Path]) -> None:
    """Unmount everything inside `directories`; what is busy goes when its last user does."""
    for point in mounts_below(directories):
        subprocess.run(["umount", "--lazy", str(point)], check=False, capture_output=True)


def hierarchies() -> list[Path]:
    """The mount points of the machine's cgroup hierarchies (one, or one a controller)."""
    kinds = {"cgroup", "cgroup2"}
    return [point for point, kind in mount_points(MOUNTS.read_text()) if kind in kinds]


def prepare_cgroups(places: Places) -> None:
    """Make our group at the top of every hierarchy: the kubelet wants to find it there."""
    for hierarchy in hierarchies():
        group, controllers = hierarchy / places.cgroup, hierarchy / "cgroup.controllers"
        if controllers.exists():
            enabled = " ".join(f"+{name}" for name in controllers.read_text().split())
            (hierarchy / "cgroup.subtree_control").write_text(enabled)
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # cgroup v1: empty until somebody writes them
            if (group / name).exists() and not controllers.exists():
                (group / name).write_text((hierarchy / name).read_text())


def _groups(places: Places) -> Iterator[Path]:
    """Our cgroups, inner ones first."""
    for hierarchy in hierarchies():
        for directory, _, _ in os.walk(hierarchy / places.cgroup, topdown=False):
            yield Path(directory)


def _members(places: Places) -> set[int]:
    """The processes in our cgroups."""
    found: set[int] = set()
    for group in _groups(places):
        try:
            found |= {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
        except FileNotFoundError:
            continue
    return found


def end_pods(places: Places, *, seconds: float = 20.0) -> None:
    """Kill what runs in our cgroups, and remove them. Raises Problem if something survives."""
    deadline = time.monotonic() + seconds
    while members := _members(places):
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise Problem(
                f"processes of pods survive SIGKILL: {sorted(members)}",
                advice="they hang in the kernel: restart the machine",
            )
        time.sleep(0.05)
    while groups := [group for group in _groups(places) if not _removed(group)]:
        if time.monotonic() > deadline:
            raise Problem(
                f"cgroups cannot be removed: {', '.join(map(str, groups))}",
                advice="restart the machine, or remove them with rmdir",
            )
        time.sleep(0.05)


def _removed(group: Path) -> bool:
    """Remove an empty cgroup; the kernel takes a moment to forget a killed process."""
    try:
        group.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def sweep_node(places: Places) -> None:
    """End the node's programs and all pods, and take their mounts, groups and sockets.

    The kubelet first: it would start again what is killed.
    """
    for component in ("kubelet", "containerd"):
        found = [p for p in processes.marked(state=places.state) if p.component == component]
        processes.end(found, state=places.state, grace=0)
        end_pods(places)
    unmount([places.runtime, places.state])
    shutil.rmtree(places.runtime, ignore_errors=True)


def _listening() -> set[str]:
    """Paths of the unix sockets that somebody listens on."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return {columns[7] for columns in map(str.split, lines) if len(columns) > 7}


def _strays(places: Places) -> Iterator[Path]:
    """What our programs, now ended, have left in places that they share with others."""
    alive = _listening()
    for directory in (SHIM_SOCKETS, at.DEVICE_PLUGINS):
        dead = [path for path in _entries(directory) if str(path) not in alive]
        # A kubelet of somebody else would need its checkpoint: it goes with the last socket.
        yield from dead if len(dead) == len(_entries(directory)) else filter(Path.is_socket, dead)
    mark = f'"netns":"{places.runtime}/'
    yield from (p for p in _entries(CNI_RESULTS) if mark in p.read_text(errors="replace"))
    links = (path for path in _entries(CONTAINER_LOGS) if path.is_symlink())
    yield from (link for link in links if link.readlink().is_relative_to(places.state))


def remove_strays(places: Places) -> None:
    """Remove what is left in shared places, and those places once they are empty."""
    for path in list(_strays(places)):
        path.unlink()
    for directory in SHARED:
        for place in (directory, directory.parent):
            if place not in STANDARD and place.is_dir() and not _entries(place):
                place.rmdir()


def _entries(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []
