"""How the programs of a pod log: a line a decision on standard output, no bodies, no secrets."""

import logging
import sys


def configure() -> None:
    """Set up the root logger of a container's process."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
