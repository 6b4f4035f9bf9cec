"""Leader election against a real API server: one leader at a time, take-over, fence, release."""

from __future__ import annotations

import asyncio

import pytest

from modelservice_operator.kube.apply import Writer
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import Fenced, NotFound
from modelservice_operator.kube.kinds import BY_NAME, LEASE, MODEL_SERVICE
from modelservice_operator.kube.lease import Lease, Timings
from tests.integration.children import child
from tests.integration.engine import eventually

QUICK = Timings(duration=2.0, renew=1.5, retry=0.2)


class Clock:
    """A clock that a test can stop for one candidate, as a paused process stops it."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.offset


@pytest.fixture
async def candidates(client: Client, namespace: str) -> tuple[Lease, Lease]:
    return candidate(client, namespace, "one"), candidate(client, namespace, "two")


def candidate(
    client: Client,
    namespace: str,
    identity: str,
    *,
    clock: Clock | None = None,
    timings: Timings = QUICK,
) -> Lease:
    return Lease(
        client,
        namespace=namespace,
        name="operator",
        identity=identity,
        timings=timings,
        clock=clock or Clock(),
    )


async def spec(client: Client, namespace: str) -> dict[str, object]:
    found = await client.get(LEASE, namespace=namespace, name="operator")
    return dict(found["spec"])


async def test_one_candidate_leads_and_the_other_waits(
    client: Client, namespace: str, candidates: tuple[Lease, Lease]
) -> None:
    one, two = candidates
    await one.acquire()
    keep = asyncio.create_task(one.keep())
    waits = asyncio.create_task(two.acquire())
    before = await spec(client, namespace)
    renewals: set[object] = set()

    async def outlived() -> bool:
        renewals.add((await spec(client, namespace))["renewTime"])
        return len(renewals) > 15  # longer than a lease without renewals

    await eventually(outlived)

    assert one.held
    assert not two.held
    assert not waits.done()
    now = await spec(client, namespace)
    assert now["acquireTime"] == before["acquireTime"]
    assert now["leaseTransitions"] == 0
    for task in (keep, waits):
        task.cancel()


async def test_a_dead_leader_is_followed_after_its_lease(
    client: Client, namespace: str, candidates: tuple[Lease, Lease]
) -> None:
    one, two = candidates
    await one.acquire()  # and dies: it renews no more

    await asyncio.wait_for(two.acquire(), 10)

    assert two.held
    assert not one.held  # its own deadline was before the other's take-over
    now = await spec(client, namespace)
    assert (now["holderIdentity"], now["leaseTransitions"]) == ("two", 1)


async def test_a_follower_looks_again_when_the_lease_ends(client: Client, namespace: str) -> None:
    """The harm: up to one and a fifth of the retry period, with nobody leading."""
    slow = Timings(duration=2.0, renew=1.5, retry=1.4)
    one = candidate(client, namespace, "one", timings=slow)
    two = candidate(client, namespace, "two", timings=slow)
    await one.acquire()
    began = asyncio.get_running_loop().time()

    await two.acquire()

    assert asyncio.get_running_loop().time() - began < 2 * slow.retry


async def test_a_released_lease_is_taken_at_once(
    client: Client, namespace: str, candidates: tuple[Lease, Lease]
) -> None:
    one, two = candidates
    await one.acquire()
    await one.release()

    began = asyncio.get_running_loop().time()
    await two.acquire()

    assert asyncio.get_running_loop().time() - began < QUICK.duration
    assert not one.held


async def test_a_leader_that_slept_finds_out_and_steps_down(client: Client, namespace: str) -> None:
    """A paused process: time went by, another one leads, and nothing of it may write."""
    clock = Clock()
    one = candidate(client, namespace, "one", clock=clock)
    two = candidate(client, namespace, "two")
    await one.acquire()
    clock.offset = 100.0

    assert not one.held
    await asyncio.wait_for(two.acquire(), 10)
    await asyncio.wait_for(one.keep(), 5)

    assert not one.held
    assert two.held


async def test_the_fence_refuses_every_write_after_the_deadline(
    client: Client, namespace: str
) -> None:
    clock = Clock()
    lease = candidate(client, namespace, "one", clock=clock)
    writer = Writer(client, fence=lease)
    kind = BY_NAME["ConfigMap"]
    manifest = child("ConfigMap", namespace=namespace)
    names = {"namespace": namespace, "name": "digits", "uid": "u"}
    with pytest.raises(Fenced):
        await writer.create_applied(kind, manifest=manifest)

    await lease.acquire()
    clock.offset = QUICK.renew + 0.1

    with pytest.raises(Fenced):
        await writer.create_applied(kind, manifest=manifest)
    with pytest.raises(Fenced):
        await writer.create(kind, manifest=manifest)
    with pytest.raises(Fenced):
        await writer.apply(kind, manifest=manifest, uid="u")
    with pytest.raises(Fenced):
        await writer.delete(kind, propagation="Background", **names)
    with pytest.raises(Fenced):
        await writer.apply_status(
            MODEL_SERVICE, version="1", status={}, namespace=namespace, name="digits"
        )
    with pytest.raises(NotFound):
        await client.get(kind, namespace=namespace, name="digits")

    await lease.acquire()
    await writer.create_applied(kind, manifest=manifest)


async def test_of_two_that_begin_together_one_leads(
    candidates: tuple[Lease, Lease],
) -> None:
    tasks = [asyncio.create_task(lease.acquire()) for lease in candidates]

    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    assert len(done) == 1
    assert sorted(lease.held for lease in candidates) == [False, True]
    for task in tasks:
        task.cancel()
