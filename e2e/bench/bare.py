"""The limit: a client that writes what the operator writes, and does nothing else.

It plans, watches and decides nothing: its requests were rendered before. No operator can be faster
on this machine with these objects, unless it writes less.
"""

import asyncio
import json
from collections.abc import Sequence

from e2e.bench import load
from e2e.bench.objects import Name, Template, body
from e2e.bench.session import Session

USERS = 8  # hands that create ModelServices, for the bare client and for the operator alike


async def create(session: Session, name: Name) -> str:
    """A user creates a ModelService; its uid."""
    answer = await session.send("POST", name.collection, body=body(name))
    uid: str = json.loads(answer)["metadata"]["uid"]
    return uid


async def write(session: Session, name: Name, *, uid: str, template: Template) -> None:
    """Write the children of a service, one after another, then its status."""
    for part in template.filled(name, uid=uid):
        await session.send(part.method, part.path, body=part.body, content_type=part.content_type)


async def burst(
    names: Sequence[Name],
    *,
    user: Session,
    writer: Session,
    template: Template,
    concurrency: int,
) -> None:
    """Create all services, and write what belongs to them, `concurrency` services at a time."""
    made: asyncio.Queue[tuple[Name, str]] = asyncio.Queue()

    async def creation(name: Name) -> None:
        made.put_nowait((name, await create(user, name)))

    async def writing(_: Name) -> None:
        name, uid = await made.get()
        await write(writer, name, uid=uid, template=template)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.together(names, creation, concurrency=USERS))
        tasks.create_task(load.together(names, writing, concurrency=concurrency))
