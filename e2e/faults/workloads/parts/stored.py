"""Files for workloads of real pods, and the Secret that opens the store which they lie in."""

from __future__ import annotations

import asyncio
from typing import Final

from e2e.demo import bucket, surroundings
from e2e.demo.bucket import DATA, MODELS, Bucket
from e2e.faults.workload import User
from e2e.suite.models import line, scaling

FIRST: Final = f"s3://{MODELS}/faults/first.onnx"
SECOND: Final = f"s3://{MODELS}/faults/second.onnx"
BROKEN: Final = f"s3://{MODELS}/faults/broken.onnx"
SAMPLES: Final = f"s3://{DATA}/faults/line.npz"


def fill(store: Bucket) -> None:
    """Put them there."""
    store.ensure(DATA, MODELS)
    store.put(scaling(2.0), uri=FIRST)
    store.put(scaling(3.0), uri=SECOND)
    store.put(scaling(4.0)[:-20], uri=BROKEN)
    store.put(line(), uri=SAMPLES)


async def opens_store(user: User) -> None:
    """The Secret by which the plan's pods reach the store."""
    around = await asyncio.to_thread(surroundings.find, namespace=user.namespace)
    await user.apply(bucket.secret(around.storage))
