"""`modelservice-acquire`: brings the source of a conversion, proved, to where TensorFlow finds it.

    storage: manifest? → intent → source → /work/source, /work/source.json → intent with its digest

A run that was committed before is found here, and the containers behind this one have nothing to
do then. What the source is (its digest, its signer) is noted in storage, where the container that
loads the model cannot change it.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from modelservice_runtime import logs, memory, termination
from modelservice_runtime.artifacts import publication
from modelservice_runtime.artifacts.acquire import Reach, about, acquired, seal_of
from modelservice_runtime.artifacts.bring import Policy
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.publication import Execution
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.artifacts.transfer import Transfer
from modelservice_runtime.conversion import layout
from modelservice_runtime.conversion.request import Request, parse
from modelservice_runtime.conversion.workspace import Source, Workspace
from modelservice_runtime.failure import Failure, Reason, patience, patiently
from modelservice_runtime.places import Places
from modelservice_runtime.progress import PORT, Progress, ProgressServer

T = TypeVar("T")

_WORKSPACE = Workspace()
_CLAIMS = Places().claims

log = logging.getLogger(__name__)


def main() -> NoReturn:
    """Run as a container's command."""
    logs.configure()
    memory.keep_buffers()
    termination.run(lambda: program(os.environ))


def program(
    environ: Mapping[str, str],
    *,
    workspace: Workspace = _WORKSPACE,
    claims: Path = _CLAIMS,
    policy: Policy = Network.of,
    port: int = PORT,
) -> Mapping[str, Any]:
    """Bring what the environment asks for; the content of the termination message."""
    request = parse(environ)
    quota = environ.get("MODELSERVICE_MODEL_STORAGE_BYTES")
    with (
        ProgressServer(port=port) as server,
        tempfile.TemporaryDirectory(prefix="acquire-", dir=workspace.root) as scratch,
    ):
        acquisition = _Acquisition(
            request=request,
            workspace=workspace,
            network=policy(request.allowed_networks),
            claims=claims,
            hub=environ.get("MODELSERVICE_HUGGING_FACE_ENDPOINT", ""),
            quota=int(quota) if quota else None,
            patience=patience(environ),
            publish=server.publish,
            scratch=Path(scratch),
        )
        try:
            return acquisition.execute()
        except Failure as failure:
            raise failure.of(request.model) from None


@dataclass(frozen=True)
class _Acquisition:
    """One request and what surrounds it. quota: bytes of the volume; scratch: a folder of it."""

    request: Request
    workspace: Workspace
    network: Network
    claims: Path
    hub: str
    quota: int | None
    patience: float
    publish: Callable[[Progress], None]
    scratch: Path

    def execute(self) -> Mapping[str, Any]:
        """Find the run done, or bring its source. Raises `Failure`."""
        finished = self._patiently(self._find_or_begin)
        if finished is not None and self.request.source.digest == finished["source"]["digest"]:
            return self._done(finished)
        try:
            source = self._patiently(self._bring, seconds=0 if finished is not None else None)
        except Failure as failure:
            # A source that is gone speaks against nothing.
            if finished is None or failure.reason is not Reason.SOURCE_NOT_FOUND:
                raise
            return self._done(finished)
        if finished is not None and source.digest == finished["source"]["digest"]:
            return self._done(finished)
        self._patiently(lambda: self._note(source))
        self.workspace.acquired(source)
        log.info("%s: %s, %s, %d bytes", self._uri, source.format, source.digest, source.size)
        return {"run": self.request.run, "source": {"uri": self._uri, **source.document()}}

    @property
    def _uri(self) -> str:
        return self.request.source.uri

    def _find_or_begin(self) -> Mapping[str, Any] | None:
        run = execution(self.request)
        output = open_output(self.request, network=self.network)
        finished = publication.find(run, output=output, scratch=self.scratch)
        if finished is None:
            publication.begin(self.request.intent({"uri": self._uri}), output=output)
        return finished

    def _note(self, source: Source) -> None:
        output = open_output(self.request, network=self.network)
        intent = self.request.intent({"uri": self._uri, **source.document()})
        publication.begin(intent, output=output)

    def _bring(self) -> Source:
        model, root = self.request.source, self.workspace.root
        into = self.workspace.fresh(self.workspace.source)
        reach = Reach(
            credentials=model.credentials, network=self.network, claims=self.claims, hub=self.hub
        )
        seal = seal_of(model, platform=self.request.trust, reach=reach)
        with acquired(
            model,
            root=root,
            reach=reach,
            seal=seal,
            quota=self.quota,
            used=0,
            on_progress=Transfer(model.name, tell=self.publish),
        ) as found:
            size = sum(found.opened.sizes.values())
            with about(model.uri):
                format_ = layout.take(
                    found.opened, stated=model.format, into=into, room=self._room(size)
                )
            verified = found.verified
            return Source(
                format=format_,
                digest=found.digest,
                size=size,
                signer=None if verified is None else verified.signer,
                verified_at=None if verified is None else verified.at,
                pin=found.pin,
            )

    def _room(self, used: int) -> int:
        disk = os.statvfs(self.workspace.root)
        free = disk.f_bavail * disk.f_frsize
        return free if self.quota is None else min(free, self.quota - used)

    def _done(self, finished: Mapping[str, Any]) -> Mapping[str, Any]:
        log.info("run %s is done already: %s", self.request.run, finished["uri"])
        self.workspace.done(finished)
        return {"run": self.request.run, "committed": finished["uri"]}

    def _patiently(self, attempt: Callable[[], T], *, seconds: float | None = None) -> T:
        return patiently(
            attempt,
            seconds=self.patience if seconds is None else seconds,
            on_wait=lambda failure: self.publish(Progress.waiting(failure)),
        )


def execution(request: Request) -> Execution:
    """What storage knows the run by."""
    return Execution(run=request.run, origin="source")


def open_output(request: Request, *, network: Network) -> Storage:
    """Where the run publishes; opened anew on every try, so that a new Secret is seen."""
    return Storage.open(request.output.uri, credentials=request.output.credentials, network=network)


if __name__ == "__main__":
    main()
