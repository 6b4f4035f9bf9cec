"""What the operator's lists were at some moment, to be served later as if by an API server behind.

A watch that goes on from the old resourceVersion gets all that has happened since, as it would from
a real one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from e2e.faults.record import Manifest
from e2e.faults.upstream import JSON, Answer, Upstream
from modelservice_operator.kube.kinds import WATCHED


class Snapshot:
    """Lists of one namespace; empty until `take`."""

    def __init__(self) -> None:
        self._lists: dict[str, Manifest] = {}

    async def take(self, upstream: Upstream, *, namespace: str) -> None:
        """List what the operator lists, as it does."""
        for kind in WATCHED:
            query = {"limit": "500"}
            if kind.selector is not None:
                query["labelSelector"] = kind.selector
            answer = await upstream.send("GET", kind.collection(namespace), query=query)
            self._lists[kind.kind] = json.loads(answer.body)

    def has(self, kind: str) -> bool:
        return kind in self._lists

    def answer(self, kind: str, *, query: Mapping[str, str]) -> Answer:
        """A list as it was. One with a field selector is asked for its version alone: what the
        operator selects so is nothing."""
        listed = self._lists[kind]
        if "fieldSelector" in query:
            listed = {**listed, "items": []}
        return Answer(200, json.dumps(listed).encode(), {"Content-Type": JSON})
