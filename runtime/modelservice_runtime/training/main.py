"""`modelservice-train`: the whole of a training pod.

    MODELSERVICE_RUN → session → termination message and exit code

SIGTERM ends it at once with a crash's exit code: the run is not lost, the Job starts another pod
for it. Nothing that was uploaded before counts until its manifest is there.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from modelservice_runtime import termination
from modelservice_runtime.artifacts.location import Location
from modelservice_runtime.artifacts.storage import Storage
from modelservice_runtime.failure import Failure, patience
from modelservice_runtime.progress import ProgressServer
from modelservice_runtime.training.run import Run, parse
from modelservice_runtime.training.session import Session


def main() -> NoReturn:
    """Run as a container's command."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    termination.run(lambda: program(os.environ))


def program(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Train what the environment asks for, with progress on its port. Returns the result."""
    run = parse(environ)
    with ProgressServer() as server, tempfile.TemporaryDirectory(prefix="train-") as scratch:
        session = Session(
            run=run,
            open=lambda location: _open(location, run=run),
            publish=server.publish,
            scratch=Path(scratch),
            patience=patience(environ),
        )
        try:
            return session.execute()
        except Failure as failure:
            raise failure.of(run.model) from None


def _open(location: Location, *, run: Run) -> Storage:
    return Storage.open(location.uri, credentials=location.credentials, network=run.network)


if __name__ == "__main__":
    main()
