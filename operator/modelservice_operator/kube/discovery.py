"""Which kinds the API server serves now.

An API server that has just started serves our CRDs a moment later than the rest, and a watch engine
that looks in that moment would do without them for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import NotFound
from modelservice_operator.kube.kinds import Kind


async def missing(client: Client, kinds: Iterable[Kind]) -> list[Kind]:
    """Those of `kinds` that discovery does not show."""
    wanted = list(kinds)
    answer = await client.request("GET", "/apis", kind="APIGroupList")
    groups = {"", *(group["name"] for group in answer["groups"])}
    roots = {kind.root for kind in wanted if kind.group in groups}
    # at the same time: a start waits for this
    served = set().union(*await asyncio.gather(*(_served(client, root) for root in roots)))
    return [kind for kind in wanted if (kind.root, kind.plural) not in served]


async def _served(client: Client, root: str) -> set[tuple[str, str]]:
    """(root, plural) of what a group and version serves."""
    try:
        answer = await client.request("GET", root, kind="APIResourceList")
    except NotFound:
        return set()
    return {(root, resource["name"]) for resource in answer["resources"]}
