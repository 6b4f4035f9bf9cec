"""`modelservice-fetch`: the init container that writes Triton's model repository into the pod.

    models.json → /models/<model>/<version>/model.<onnx, pt, …>, /models/<model>/config.pbtxt
                → /run/modelservice/restricted-key

The container may be started again on the same volumes (a node that restarts): what is there and
right is kept, so that it is quick, and so that Triton and the agent go on sharing one key.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from modelservice_runtime import logs, termination
from modelservice_runtime.artifacts.bring import Brought, Policy, Settings, bring_all, result
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.document import Document
from modelservice_runtime.places import Places
from modelservice_runtime.progress import PORT, ProgressServer
from modelservice_runtime.triton import executor_path, pulse

_KEY_BYTES = 32

_PLACES = Places()


def main() -> NoReturn:
    """Run as a container's command."""
    logs.configure()
    termination.run(lambda: program(os.environ))


def program(
    environ: Mapping[str, str],
    *,
    places: Places = _PLACES,
    policy: Policy = Network.of,
    port: int = PORT,
) -> Mapping[str, Any]:
    """Bring what the mounted document wants; the content of the termination message."""
    document = Document.read(places.document)
    settings = Settings.of(document, root=places.models, environ=environ, policy=policy)
    with ProgressServer(port=port) as progress:
        brought = bring_all(document, settings=settings, progress=progress)
    for one in brought:
        install(one, settings=settings)
    write_key(places.key)
    return result(brought)


def install(brought: Brought, *, settings: Settings) -> None:
    """Put the configuration, and the executor where it is needed, beside the model."""
    if brought.format is not None and settings.target.runs_in_executor(brought.format):
        shutil.copyfile(executor_path(), brought.path.with_name("model.py"))
        pulse.prepare(brought.path.parent, instances=brought.model.instance_count)
    (settings.root / brought.model.name / "config.pbtxt").write_text(brought.config)


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
