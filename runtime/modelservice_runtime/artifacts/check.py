"""`modelservice-check`: the Job that proves a new set of models before any pod is replaced.

It does what fetch does, on a volume of its own, and keeps nothing: digests, tensors and the
verdict go to its termination message. While it waits for something to heal, `/progress` says why.
"""

import os
from collections.abc import Mapping
from typing import Any, NoReturn

from modelservice_runtime import logs, memory, termination
from modelservice_runtime.artifacts.bring import Policy, Settings, bring_all, result
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.document import Document
from modelservice_runtime.places import Places
from modelservice_runtime.progress import PORT, ProgressServer

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
    """Check what the mounted document wants; the content of the termination message."""
    document = Document.read(places.document)
    settings = Settings.of(
        document, root=places.models, environ=environ, policy=policy, claims=places.claims
    )
    with ProgressServer(port=port) as progress:
        return result(
            bring_all(document, settings=settings, progress=progress), revision=document.revision
        )


if __name__ == "__main__":
    main()
