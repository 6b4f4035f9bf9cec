"""What a user does in a plan: a few steps, each with what shows that the cluster has caught up.

A workload is one file in `workloads/` with a `WORKLOAD`. It names no fault: a plan adds those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from e2e.faults.record import Manifest

# What is in the plan's namespace now, by (kind, name).
Objects = Mapping[tuple[str, str], Manifest]


class User(Protocol):
    """Writes straight to the API server, past the proxy, in the plan's namespace.

    `manifest` has apiVersion, kind and metadata.name; the namespace is filled in.
    """

    @property
    def namespace(self) -> str: ...

    @property
    def objects(self) -> Objects: ...

    async def create(self, manifest: Manifest) -> Manifest:
        """POST. Raises Refused."""

    async def apply(self, manifest: Manifest, *, manager: str = "kubectl") -> Manifest:
        """Forced server-side apply. Raises Refused."""

    async def patch(
        self, kind: str, name: str, patch: Manifest | list[Any], *, subresource: str = ""
    ) -> Manifest:
        """Merge patch; JSON patch where it is a list. Raises Refused."""

    async def scale(self, name: str, replicas: int) -> Manifest:
        """Through the /scale of a ModelService."""

    async def delete(self, kind: str, name: str, *, propagation: str = "Background") -> None:
        """Nothing where there is none of that name."""

    async def restart_operator(self, *, platform: Manifest | None = None) -> None:
        """Stop the operator in order and start it, with another platform file where one is given:
        an upgrade. (`platform` is merged over the plan's.)"""

    async def until(self, condition: Callable[[Objects], bool]) -> None:
        """Wait in the middle of a step; the plan's time limit is the limit."""


@dataclass(frozen=True, slots=True)
class Step:
    """`act` is done once; the step is over when `until` holds of what is in the namespace.

    `until` must name the end of what the step sets off (rollout over, old revision gone, status
    truthful), as the next step begins then; it is asked at every change. `harms`: the user takes
    serving pods away himself, so that fewer may answer until there are enough again.
    """

    name: str
    act: Callable[[User], Awaitable[object]]
    until: Callable[[Objects], bool]
    harms: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """`about` is for the report. After the last step the runner waits for quiet, deletes every
    ModelService, and waits until what they owned is gone.

    `like` names the workload whose reference run shows the end state (empty: its own). `faults`:
    whether fault plans are made of it, or the fault-free one alone. `slow`: the operator's own
    pauses make it last half a minute. `pods` is "kwok" or "real".
    """

    name: str
    about: str
    steps: tuple[Step, ...]
    pods: Literal["kwok", "real"] = "kwok"
    operators: int = 1
    platform: Mapping[str, Any] | None = None
    like: str = ""
    faults: bool = True
    slow: bool = False
