"""Which fault strikes: counts what each fault of a plan has seen, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from e2e.faults.plan import Fault, Match


class Rules:
    """The faults of one plan and how far each of them is."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = tuple(faults)
        self._seen = [0] * len(faults)
        self.fired = [0] * len(faults)
        self.watches_events = any(fault.of_events for fault in faults)

    def request(self, seen: Match) -> list[Fault]:
        """The faults that strike a request, in the plan's order."""
        return self._strike(seen, of_events=False)

    def event(self, seen: Match) -> list[Fault]:
        """The faults that strike a watch event, in the plan's order."""
        return self._strike(seen, of_events=True)

    def _strike(self, seen: Match, *, of_events: bool) -> list[Fault]:
        struck = []
        for index, fault in enumerate(self._faults):
            if fault.of_events != of_events or not fault.match.admits(seen):
                continue
            self._seen[index] += 1
            if fault.nth <= self._seen[index] < fault.nth + fault.times:
                self.fired[index] += 1
                struck.append(fault)
        return struck
