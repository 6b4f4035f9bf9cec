"""The cluster's processes, known by a mark in their environment instead of by pid files.

A pid file lies after a kill or a restart of the machine: its number may be somebody else's by
then. `/proc/<pid>/environ` cannot: what carries our mark was started by us, and what a component
starts inherits it (containerd's shims, the kubelet's helpers). The mark also holds a digest of the
component's command and files, so that `up` sees what runs with old settings.
"""

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STATE = "MODELSERVICE_DEV_STATE"
COMPONENT = "MODELSERVICE_DEV_COMPONENT"
DIGEST = "MODELSERVICE_DEV_DIGEST"
PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A marked process. `leader`: it is the component itself and not something that it started."""

    pid: int
    component: str
    digest: str
    leader: bool


def read(pid: int, *, state: Path) -> Process | None:
    """The process `pid` if it lives and carries the mark of the cluster at `state`."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
        session = os.getsid(pid)
    except OSError:
        return None
    pairs = (entry.partition("=")[::2] for entry in raw.decode(errors="replace").split("\0"))
    environment = dict(pairs)
    if environment.get(STATE) != str(state) or COMPONENT not in environment:
        return None
    digest = environment.get(DIGEST, "")
    return Process(pid, environment[COMPONENT], digest, leader=session == pid)


def marked(*, state: Path) -> list[Process]:
    """Every living process of the cluster at `state`; a zombie has no environment any more."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    found = (read(pid, state=state) for pid in pids)
    return [process for process in found if process is not None]


def leaders(*, state: Path) -> dict[str, Process]:
    """Component name → its process, of those that run."""
    return {process.component: process for process in marked(state=state) if process.leader}


def launch(
    component: str,
    *,
    command: Sequence[str],
    digest: str,
    environment: Mapping[str, str],
    state: Path,
    log: Path,
) -> int:
    """Start a component in a session of its own; the pid. The log of its last run is kept."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    mark = {STATE: str(state), COMPONENT: component, DIGEST: digest}
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        list(command),
        dict(environment) | mark,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,  # Ctrl-C is for the command line, not for what it started
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
    )
    # For a moment after exec the kernel shows an empty environment: the process would seem dead.
    while read(pid, state=state) is None and not _ended(pid):
        time.sleep(0.001)
    return pid


def _ended(pid: int) -> bool:
    """Whether our child `pid` has ended."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def send(process: Process, number: signal.Signals, *, state: Path) -> None:
    """Signal `process` if it is still the same one; a pid that was given away is left alone."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if read(process.pid, state=state) == process:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def end(processes: Iterable[Process], *, state: Path, grace: float) -> None:
    """Ask `processes` to end, kill those that still live after `grace` seconds, see them gone.

    Raises TimeoutError for one that survives SIGKILL (it hangs in the kernel).
    """
    waiting = list(processes)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if number is signal.SIGKILL or grace > 0:
            for process in waiting:
                send(process, number, state=state)
            waiting = _survivors(waiting, state=state, seconds=seconds)
    if waiting:
        raise TimeoutError(f"processes survive SIGKILL: {[process.pid for process in waiting]}")


def _survivors(processes: list[Process], *, state: Path, seconds: float) -> list[Process]:
    """Those of `processes` that still live after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in processes if read(process.pid, state=state) == process]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)
