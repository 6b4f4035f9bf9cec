"""The cluster's programs: built from pinned Go modules, once, into a cache outside the checkout.

A folder beside this file is a group: a `go.mod` whose `tool` directives name what it builds, and
its `go.sum`. `binary("kubelet")` is the path of a program, built first if need be.
"""

from e2e.cluster.tools.build import PROGRAMS, binary, directory, ensure
from e2e.cluster.tools.cache import CACHE
from e2e.cluster.tools.groups import GROUPS

__all__ = ["CACHE", "GROUPS", "PROGRAMS", "binary", "directory", "ensure"]
