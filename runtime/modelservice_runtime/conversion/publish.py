"""`modelservice-publish`: commits the converted model, as a training commits what it trained.

    /work/converted/model.onnx → <output>/<digest>/model.onnx → <output>/manifest.json

What the model was made of is read from storage, where acquire noted it: the container in between,
which has loaded a stranger's model, could have written anything on the volume. The ONNX file is
judged as every other that is served.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from modelservice_runtime import logs, memory, termination
from modelservice_runtime.artifacts import onnx_model, publication
from modelservice_runtime.artifacts.bring import Policy
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.conversion.acquire import execution, open_output
from modelservice_runtime.conversion.request import Request, parse
from modelservice_runtime.conversion.workspace import Source, Workspace, broken
from modelservice_runtime.failure import Failure, Reason, patience, patiently
from modelservice_runtime.fields import FieldError
from modelservice_runtime.progress import PORT, Progress, ProgressServer

# A conversion takes minutes, so that its result is held for longer than it takes to do it again.
_HOLD_SECONDS = 600.0

_WORKSPACE = Workspace()

T = TypeVar("T")

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
    policy: Policy = Network.of,
    port: int = PORT,
) -> Mapping[str, Any]:
    """Publish what convert left; the content of the termination message."""
    request = parse(environ)
    with ProgressServer(port=port) as server, tempfile.TemporaryDirectory() as scratch:
        server.publish(Progress(phase="Uploading", message=f"Publishing {request.model}."))
        publishing = _Publishing(
            request=request,
            workspace=workspace,
            open=lambda: open_output(request, network=policy(request.allowed_networks)),
            scratch=Path(scratch),
        )

        try:
            result = patiently(
                publishing.attempt,
                seconds=max(patience(environ), _HOLD_SECONDS),
                on_wait=lambda failure: server.publish(Progress.waiting(failure)),
            )
            if isinstance(result, Failure):
                raise result
        except Failure as failure:
            raise failure.of(request.model) from None
    log.info("published %s %s (%s bytes)", result["uri"], result["digest"], result["size"])
    return result


@dataclass(frozen=True)
class _Publishing:
    """One request, and how its place in storage is opened. scratch: an empty folder."""

    request: Request
    workspace: Workspace
    open: Callable[[], Storage]
    scratch: Path

    def attempt(self) -> Mapping[str, Any] | Failure:
        """As `execute`, but what only another pod can heal is returned: it is not waited for."""
        try:
            return self.execute()
        except Failure as failure:
            if failure.reason is not Reason.SOURCE_CHANGED:
                raise
            return failure

    def execute(self) -> Mapping[str, Any]:
        """The result that the run has now. Raises `Failure`."""
        run, output = execution(self.request), self.open()
        if self.workspace.is_done:
            # Another container wrote this: storage says what the result is.
            finished = publication.find(run, output=output, scratch=self.scratch)
            if finished is None:
                raise Failure(
                    reason=Reason.SOURCE_CHANGED,
                    message=f"The result of the run at {output.uri} is gone again. It is made "
                    "anew.",
                )
            return finished
        artifact = self.workspace.plain(self.workspace.onnx)
        signature = onnx_model.read(artifact)
        source = self._source(output)
        report = self.workspace.read_report()
        digest = publication.digest_of(artifact)
        try:
            result = {
                "run": self.request.run,
                "uri": f"{self.request.output.uri}{publication.artifact_name(digest)}",
                "digest": digest,
                "size": artifact.stat().st_size,
                "format": "ONNX",
                "inputs": [tensor.document() for tensor in signature.inputs],
                "outputs": [tensor.document() for tensor in signature.outputs],
                "source": self._told(source),
                "difference": _decimal(report.decimal("difference")),
                "seconds": report.number("seconds"),
            }
            lineage = {
                "acquired": source.document(),
                "samples": report.integer("samples", at_least=1),
                "versions": _versions(report.nested("versions").values),
            }
        except FieldError as error:
            raise broken(f"report.json cannot be used: {error}") from None
        return publication.commit(
            run,
            output=output,
            artifact=artifact,
            result=result,
            lineage=lineage,
            scratch=self.scratch,
        )

    def _told(self, source: Source) -> dict[str, Any]:
        """Of the source what is the same for every pod of a run, by which it is known again."""
        signed = {} if source.signer is None else {"signer": source.signer}
        uri = self.request.source.uri
        return {"uri": uri, "digest": source.digest, "format": source.format, **signed}

    def _source(self, output: Storage) -> Source:
        """What acquire noted in storage, of this run and of the bytes that were converted."""
        acquired = self.workspace.read_source()
        noted = publication.intention(output=output)
        try:
            if noted is None or noted.text("run") != self.request.run:
                raise _changed(output)
            source = Source.parse(noted.nested("source"))
        except FieldError:
            raise _changed(output) from None
        if source.digest != acquired.digest:
            raise _changed(output)
        return source


def _changed(output: Storage) -> Failure:
    return Failure(
        reason=Reason.SOURCE_CHANGED,
        message=f"Another pod of this run wrote to {output.uri} meanwhile, for other bytes of the "
        "source. The conversion is done again.",
    )


def _decimal(value: float) -> str:
    return f"{value:.1e}"


def _versions(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name)[:40]: str(value)[:40] for name, value in sorted(values.items())[:16]}


if __name__ == "__main__":
    main()
