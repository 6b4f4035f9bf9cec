"""One program of a pod as a process of its own, on folders instead of mounts: what `programs` runs.

    python -m e2e.security.podprogram {fetch|check} FOLDER

FOLDER/models.json is the document; the termination message goes to FOLDER/termination. The storage
is on this machine, so loopback is allowed where FOLDER/loopback exists.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from modelservice_runtime import logs, memory, termination
from modelservice_runtime.artifacts import check, fetch
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.places import Places

PROGRAMS = {"fetch": fetch.program, "check": check.program}


def main(name: str, folder: Path) -> None:
    """Run it; ends the process as the program's container would end."""
    loopback = (folder / "loopback").exists()

    def policy(networks: Iterable[str]) -> Network:
        return Network(Network.of(networks).allowed, allow_loopback=loopback)

    places = Places(
        document=folder / "models.json",
        models=folder / "models",
        key=folder / "run" / "restricted-key",
    )
    logs.configure()
    memory.keep_buffers()
    termination.run(
        lambda: PROGRAMS[name](os.environ, places=places, policy=policy, port=0),
        path=folder / "termination",
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
