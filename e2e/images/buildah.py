"""buildah, with a storage of the project's own; nothing of the user's images is touched."""

import subprocess
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.images.places import Places

_TAIL = 30  # lines of a failed build that are shown


class Buildah:
    """The commands that the project uses. Raises Problem with the last lines of what failed."""

    def __init__(self, places: Places) -> None:
        self._logs = places.logs
        self._program = (
            "buildah",
            *("--root", str(places.storage), "--runroot", str(places.state)),
            *("--storage-driver", "overlay"),
        )

    def clear(self) -> None:
        """Remove the working containers of killed builds: they hold space and images."""
        self.call("rm", "--all")

    def call(self, *arguments: str) -> str:
        """Run a short command and give its standard output."""
        done = subprocess.run(
            [*self._program, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise _failed(f"buildah {arguments[0]}", output=done.stderr)
        return done.stdout.strip()

    def attached(self, *arguments: str) -> int:
        """Run a command on this terminal and give its exit status."""
        return subprocess.run([*self._program, *arguments], check=False).returncode

    def has(self, reference: str) -> bool:
        """Whether the storage has this image."""
        probe = [*self._program, "inspect", "--type", "image", "--format", "{{.FromImageID}}"]
        return subprocess.run([*probe, reference], capture_output=True, check=False).returncode == 0

    def build(
        self,
        reference: str,
        *,
        context: Path,
        dockerfile: Path,
        target: str | None,
        arguments: Iterable[tuple[str, str]],
        wheels: Path,
        pull: bool = False,
    ) -> None:
        """Build a Dockerfile; steps that did not change come from the storage.

        `pull` is whether bases that the storage lacks come from their registry.
        """
        log = self._logs / f"{reference.rpartition('/')[2].partition(':')[0]}.log"
        command = [
            *(*self._program, "bud", "--isolation", "chroot", "--layers"),
            "--pull" if pull else "--pull-never",
            *("--file", str(dockerfile), "--tag", reference, f"--build-context=wheels={wheels}"),
            *(f"--build-arg={name}={value}" for name, value in arguments),
            *(("--target", target) if target else ()),
            str(context),
        ]
        _logged(command, log=log, what=f"the build of {reference}")

    def layer(self, reference: str, *, origin: str, content: Path, destination: str) -> None:
        """An image of `origin` (`scratch`, or another image) and the files of `content`."""
        container = self.call("from", "--pull-never", origin)
        self.call("add", "--quiet", container, str(content), destination)
        self.call("commit", "--quiet", "--rm", container, reference)

    def remove(self, reference: str) -> None:
        """Forget an image; layers that others use stay."""
        self.call("rmi", reference)

    def prune(self, *, keep: Collection[str]) -> None:
        """Forget every image but those to keep, and the steps of builds before."""
        listed = self.call("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}")
        for reference in listed.split():
            if reference not in keep and not reference.endswith(":<none>"):
                self.remove(reference)
        self.call("rmi", "--prune")

    def save(self, reference: str, *, target: Path) -> None:
        """Write an image as a Docker archive: buildah compresses no layers of those."""
        self.call("push", "--quiet", reference, f"docker-archive:{target}:{reference}")

    def push(self, reference: str) -> None:
        """Push an image to the registry in its name, with the user's own credentials."""
        local = reference.startswith(("localhost:", "127.0.0.1:"))
        verify = ("--tls-verify=false",) if local else ()  # as Docker does on the same machine
        self.call("push", "--quiet", *verify, reference, f"docker://{reference}")


def _failed(what: str, *, output: str) -> Problem:
    lines = output.strip().splitlines()[-_TAIL:]
    return Problem(f"{what} failed", advice="see its last words", details="\n".join(lines))


def _logged(command: Sequence[str], *, log: Path, what: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise _failed(what, output=log.read_text(errors="replace"))
