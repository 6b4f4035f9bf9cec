"""Somebody else on the same API server, who reads and writes a ConfigMap of their own.

    python -m e2e.bench.neighbour KUBECONFIG NAMESPACE RATE

A process of its own, so that it waits for nobody but the API server. It sends GET and PATCH in
turn, at a rate, until its standard input ends; then it prints a JSON list of [verb, ms] from the
time at which each was to be sent.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from e2e.bench.session import MERGE, Session

Beside = AbstractAsyncContextManager[list[tuple[str, float]]]

NAME = "neighbour"
WARM = 20


async def live(kubeconfig: Path, *, namespace: str, rate: float) -> list[tuple[str, float]]:
    """Send requests until standard input ends; what each took in ms."""
    found: list[tuple[str, float]] = []
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    async with Session.connect(kubeconfig) as session:
        await session.object("POST", path, body={"metadata": {"name": NAME}, "data": {}})

        async def one(number: int, at: float) -> None:
            if number % 2:
                await session.send("GET", f"{path}/{NAME}")
            else:
                body = json.dumps({"data": {"number": str(number)}}).encode()
                await session.send("PATCH", f"{path}/{NAME}", body=body, content_type=MERGE)
            if number >= WARM:  # connections are there
                found.append(("GET" if number % 2 else "PATCH", 1000 * (time.monotonic() - at)))

        began = time.monotonic()
        number = 0
        async with asyncio.TaskGroup() as tasks:
            while not ended.done():
                at = began + number / rate
                await asyncio.sleep(max(0.0, at - time.monotonic()))
                tasks.create_task(one(number, at))
                number += 1
    return found


@asynccontextmanager
async def beside(
    kubeconfig: Path, *, namespace: str, rate: float
) -> AsyncIterator[list[tuple[str, float]]]:
    """A neighbour for the length of an `async with`; the list is filled at its end."""
    found: list[tuple[str, float]] = []
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "e2e.bench.neighbour",
        str(kubeconfig),
        namespace,
        str(rate),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield found
    finally:
        answer, _ = await process.communicate(b"")  # None would leave its input open
    found += [(verb, ms) for verb, ms in json.loads(answer)]


if __name__ == "__main__":
    told = asyncio.run(live(Path(sys.argv[1]), namespace=sys.argv[2], rate=float(sys.argv[3])))
    print(json.dumps(told))
