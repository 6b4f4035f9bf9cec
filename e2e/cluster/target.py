"""Which cluster is meant: the one that KUBECONFIG names, or the embedded one."""

from collections.abc import Mapping
from pathlib import Path

from e2e.cluster.places import Places


def foreign(environment: Mapping[str, str], *, places: Places) -> str | None:
    """KUBECONFIG where it names a cluster other than the embedded one; None for the embedded one.

    The embedded cluster's own kubeconfig may well be in KUBECONFIG.
    """
    named = environment.get("KUBECONFIG", "")
    if not named or Path(named).expanduser().resolve() == places.kubeconfig.resolve():
        return None
    return named
