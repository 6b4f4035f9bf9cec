"""`modelservice-fetch`: the init container that writes Triton's model repository into the pod.

    models.json → /models/<model>/<version>/model.<onnx, pt, …>, /models/<model>/config.pbtxt
                → /run/modelservice/restricted-key

The container may be started again on the same volumes (a node that restarts): what is there and
right is kept, so that it is quick, and so that Triton and the agent go on sharing one key.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from modelservice_runtime import logs, memory, termination
from modelservice_runtime.artifacts.bring import Policy, Settings, bring_all, result
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.document import Document
from modelservice_runtime.places import Places
from modelservice_runtime.progress import PORT, ProgressServer
from modelservice_runtime.triton.repository import Repository
from modelservice_runtime.triton.wanted import newer

_KEY_BYTES = 32

_PLACES = Places()


def main() -> NoReturn:
    """Run as a container's command."""
    logs.configure()
    memory.keep_buffers()
    termination.run(lambda: program(os.environ))


def program(
    environ: Mapping[str, str],
    *,
    places: Places = _PLACES,
    policy: Policy = Network.of,
    port: int = PORT,
) -> Mapping[str, Any]:
    """Bring what the mounted document wants; the content of the termination message.

    On a volume that an agent has left the mount may be behind: it counts unless it is older.
    """
    repository = Repository(places.models)
    text = newer(places.document.read_text(), kept=repository.in_force())
    document = Document.parse_text(text)
    settings = Settings.of(
        document, root=places.models, environ=environ, policy=policy, claims=places.claims
    )
    with ProgressServer(port=port) as progress:
        brought = bring_all(document, settings=settings, progress=progress)
    for one in brought:
        repository.install(one, target=settings.target)
        repository.configure(one.model.name, text=one.config)
    repository.record(text)
    repository.prune(document)
    write_key(places.key)
    return result(brought, revision=document.revision)


def write_key(path: Path) -> None:
    """Write the value that opens Triton's restricted protocols, unless one is there."""
    if path.exists():
        return
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440), "w") as file:
        file.write(secrets.token_urlsafe(_KEY_BYTES))
    partial.rename(path)


if __name__ == "__main__":
    main()
