"""The machine below the embedded cluster: ending processes and components, reading its log."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.places import Places
from e2e.demo.kubectl import Manifest
from e2e.demo.surroundings import CHECKOUT

WRITES = {"create", "update", "patch", "delete", "deletecollection"}
PROC = Path("/proc")


@dataclass(frozen=True)
class Node:
    """Needs root, as the embedded cluster itself does."""

    places: Places

    def kill(self, pod: Manifest, *, program: str) -> int:
        """kill -9 of the pod's processes whose command line has `program`; how many there were."""
        found = list(_processes(pod, program=program))
        for pid in found:
            with suppress(ProcessLookupError):  # the end of one was the end of others
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def started_with(self, pod: Manifest) -> list[str]:
        """Command line and environment of each of the pod's processes."""
        found = []
        for pid in _processes(pod, program=""):
            try:
                parts = [(PROC / str(pid) / name).read_bytes() for name in ("cmdline", "environ")]
            except OSError:
                continue  # it ended meanwhile
            found.append(b" ".join(parts).decode(errors="replace"))
        return found

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder of the node that pods may read, for the length of a `with`."""
        made = self.places.state / name
        made.mkdir()
        made.chmod(0o755)
        try:
            yield made
        finally:
            shutil.rmtree(made)

    @contextmanager
    def without(self, component: str) -> Iterator[None]:
        """A component of the cluster killed for the length of a `with`."""
        self._cluster("stop", component, "--kill")
        try:
            yield
        finally:
            self._cluster("start", component)

    def written(self, *, user: str, since: int) -> list[str]:
        """Writes by `user` from byte `since` of the audit log on, each as one line."""
        with self._audit.open("rb") as log:
            log.seek(since)
            entries = [json.loads(line) for line in log]
        return [_told(entry) for entry in entries if _is_write(entry, user=user)]

    @property
    def audited(self) -> int:
        """The length of the audit log by now."""
        return self._audit.stat().st_size

    @property
    def _audit(self) -> Path:
        return self.places.state / "audit" / "audit.log"

    def _cluster(self, *words: str) -> None:
        subprocess.run([sys.executable, "-m", "e2e.cluster", *words], check=True, cwd=CHECKOUT)


def _processes(pod: Manifest, *, program: str) -> Iterator[int]:
    """Processes in the pod's cgroups, whichever way those spell its uid."""
    uid = str(pod["metadata"]["uid"])
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            groups = (entry / "cgroup").read_text()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if f"pod{uid}" in groups.replace("_", "-") and program.encode() in command:
            yield int(entry.name)


def _is_write(entry: dict[str, Any], *, user: str) -> bool:
    return entry["verb"] in WRITES and entry["user"]["username"] == user


def _told(entry: dict[str, Any]) -> str:
    target = entry["objectRef"]
    kind = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
    return f"{entry['verb']} {kind} {target.get('namespace')}/{target.get('name')}"
