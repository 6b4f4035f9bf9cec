"""What a component of the cluster is, and how it is started and stopped."""

import hashlib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import processes
from e2e.cluster.client import eventually
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TAIL = 12  # lines of a dead component's log that are shown


@dataclass(frozen=True)
class Component:
    """A program that runs as long as the cluster does.

    `files` are written before it starts. `ports` are (address, port). `settle` is how long, in
    seconds, it may take to be `ready`; `grace` how long it may take to end when asked.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    ports: Sequence[tuple[str, int]] = ()
    files: Mapping[Path, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    directories: Sequence[Path] = ()
    settle: float = 60.0
    grace: float = 10.0

    @property
    def digest(self) -> str:
        """Of all that the process would have to be started again for."""
        parts = [*self.command]
        parts += [f"{path}\n{text}" for path, text in sorted(self.files.items())]
        parts += [f"{name}={value}" for name, value in sorted(self.environment.items())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def search_path(places: Places) -> str:
    """PATH of the components: what `network` puts before the system's programs, and those."""
    return f"{places.overrides}:{SYSTEM_PATH}"


def start(component: Component, *, places: Places) -> None:
    """Start `component`, unless it runs with these very settings; does not wait for readiness."""
    running = processes.leaders(state=places.state).get(component.name)
    if running is not None and running.digest == component.digest:
        return
    stop(component.name, places=places, grace=component.grace)
    for directory in component.directories:
        directory.mkdir(parents=True, exist_ok=True)
    for path, text in component.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    # A clean environment: a proxy meant for the internet would be asked for the API server too.
    environment = {"PATH": search_path(places), "HOME": str(Path.home())}
    processes.launch(
        component.name,
        command=component.command,
        digest=component.digest,
        environment=environment | dict(component.environment),
        state=places.state,
        log=places.log(component.name),
    )


def stop(name: str, *, places: Places, grace: float = 10.0) -> bool:
    """Stop the component `name`; False if it did not run. What it started goes on (pods, shims)."""
    running = processes.leaders(state=places.state).get(name)
    if running is not None:
        processes.end([running], state=places.state, grace=grace)
    return running is not None


def wait(component: Component, *, places: Places) -> None:
    """Wait until `component` is ready. Raises Problem with the end of its log."""

    def dead() -> bool:
        return component.name not in processes.leaders(state=places.state)

    if eventually(component.ready, seconds=component.settle, failed=dead):
        return
    what = "ended at once" if dead() else f"is not ready after {component.settle:.0f} s"
    log = places.log(component.name)
    lines = log.read_text(errors="replace").splitlines()[-TAIL:] if log.exists() else []
    raise Problem(
        f"{component.name} {what}",
        advice=f"read the end of {log} below, put that right, and run `make cluster` again",
        details="\n".join(lines),
    )


def answers(url: str, *, anything: bool = False) -> Callable[[], bool]:
    """A readiness check: `url` answers with success (or, with `anything`, with any status)."""
    # Certificates are the programs' own; that the right one answers is known by its port.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )

    def ready() -> bool:
        try:
            with opener.open(url, timeout=2.0):
                return True
        except urllib.error.HTTPError:
            return anything
        except OSError:
            return False

    return ready
