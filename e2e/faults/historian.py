"""Follows the whole cluster, one watch a kind, and sorts what it sees into the plans' histories."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

import aiohttp

from e2e.faults.history import Change, History
from e2e.faults.kinds import FOLLOWED
from e2e.faults.record import Manifest
from e2e.faults.upstream import Upstream
from modelservice_operator.kube.kinds import Kind

# Of components of the cluster itself: many, and of no plan.
ELSEWHERE: Final = "metadata.namespace!=kube-node-lease,metadata.namespace!=kube-system"
PATIENCE: Final = 30.0


class Historian:
    """`async with Historian.follow(upstream) as historian: history = historian.open(…)`."""

    def __init__(self, upstream: Upstream, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._clock = clock
        self._histories: dict[str, History] = {}
        self._listening = {kind.kind: asyncio.Event() for kind in FOLLOWED}

    @classmethod
    @asynccontextmanager
    async def follow(cls, upstream: Upstream) -> AsyncIterator[Self]:
        """Returns when all watches stand."""
        historian = cls(upstream)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(historian._kind(kind)) for kind in FOLLOWED]
            async with asyncio.timeout(PATIENCE):
                for event in historian._listening.values():
                    await event.wait()
            try:
                yield historian
            finally:
                for task in running:
                    task.cancel()

    def open(self, namespace: str) -> History:
        """The history of a namespace that does not exist yet."""
        history = History(namespace)
        self._histories[namespace] = history
        return history

    def close(self, namespace: str) -> None:
        """Follow it no longer; its history stays as it is."""
        del self._histories[namespace]

    async def _kind(self, kind: Kind) -> None:
        query = {"fieldSelector": ELSEWHERE}
        listed = await self._upstream.json("GET", kind.collection(), query={**query, "limit": "1"})
        version = str(listed["metadata"]["resourceVersion"])
        while True:
            watch = {
                **query,
                "watch": "true",
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "timeoutSeconds": "3600",
            }
            try:
                version = await self._watch(kind, query=watch, version=version)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.1)  # the API server is restarted

    async def _watch(self, kind: Kind, *, query: dict[str, str], version: str) -> str:
        """Follow one watch to its end: the version to go on from."""
        rest = b""
        async with self._upstream.stream(kind.collection(), query=query) as source:
            if source.status != 200:
                text = (await source.text())[:200]
                raise LookupError(f"{kind.kind} cannot be watched: {source.status} {text}")
            self._listening[kind.kind].set()
            async for chunk in source.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    version = self._take(kind, event=json.loads(line))
        return version

    def _take(self, kind: Kind, *, event: Manifest) -> str:
        found: Manifest = event["object"]
        if event["type"] == "ERROR":
            raise LookupError(f"{kind.kind} cannot be watched any more: {found}")
        metadata = found["metadata"]
        history = self._histories.get(metadata.get("namespace", ""))
        if history is not None and event["type"] != "BOOKMARK":
            found.setdefault("kind", kind.kind)
            found.setdefault("apiVersion", kind.api_version)
            history.add(Change(self._clock(), event["type"], kind.kind, found))
        return str(metadata["resourceVersion"])
