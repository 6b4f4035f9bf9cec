"""Status writes against a real API server: nothing else is written, and nobody else's is."""

from __future__ import annotations

import pytest

from modelservice_operator.controller.execute import Executor
from modelservice_operator.controller.store import Store
from modelservice_operator.kube.client import Client
from modelservice_operator.kube.errors import Conflict, NotFound
from modelservice_operator.kube.kinds import MODEL_SERVICE
from modelservice_operator.view import Key, Manifest
from tests.integration.children import service_spec
from tests.integration.engine import apply_as, create_service, remove, writer

STATUS = {"url": "http://x", "observedGeneration": 1}


async def test_a_status_is_known_at_once_and_nothing_else_is_written(
    client: Client, namespace: str
) -> None:
    service, store, executor = await serving(client, namespace=namespace)

    await write_status(executor, service)

    view = store.view(Key(namespace, "digits"))
    assert view.service is not None
    assert view.service["status"] == STATUS
    found = await client.get(MODEL_SERVICE, namespace=namespace, name="digits")
    assert found["status"] == STATUS
    assert found["spec"] == service["spec"]
    assert found["metadata"].keys() == service["metadata"].keys()


async def test_a_status_never_reaches_a_service_that_was_made_again(
    client: Client, namespace: str
) -> None:
    """The status of the old one (its URL, its version) would be a lie about the new one."""
    service, _, executor = await serving(client, namespace=namespace)
    await remove(client, MODEL_SERVICE, namespace=namespace, name="digits")
    new = await create_service(client, namespace=namespace)

    with pytest.raises(Conflict):
        await write_status(executor, service)

    assert await client.get(MODEL_SERVICE, namespace=namespace, name="digits") == new


async def test_a_status_for_a_service_that_is_gone_is_not_found(
    client: Client, namespace: str
) -> None:
    service, store, executor = await serving(client, namespace=namespace)
    await remove(client, MODEL_SERVICE, namespace=namespace, name="digits")

    with pytest.raises(NotFound):
        await write_status(executor, service)
    assert not await executor.lives(MODEL_SERVICE, obj=service)
    assert store.view(Key(namespace, "digits")).service is None


async def test_a_status_of_an_older_spec_is_not_written_over_a_newer_one(
    client: Client, namespace: str
) -> None:
    """A restarted operator may begin with an old list: its status would go back in time."""
    service, store, executor = await serving(client, namespace=namespace)
    changed = {**service_spec(), "serving": {"replicas": 2}}
    kind = {"kind": "ModelService", "metadata": named(namespace), "spec": changed}
    await apply_as(client, kind, manager="argocd")

    with pytest.raises(Conflict):
        await write_status(executor, service)

    found = await client.get(MODEL_SERVICE, namespace=namespace, name="digits")
    assert "status" not in found
    view = store.view(Key(namespace, "digits"))
    assert view.service is not None
    assert view.service["metadata"]["generation"] == 2


async def test_a_status_that_another_replica_wrote_meanwhile_is_looked_at_first(
    client: Client, namespace: str
) -> None:
    service, store, executor = await serving(client, namespace=namespace)
    newer = {**STATUS, "url": "http://newer"}
    other = Executor(client=client, writer=writer(client), store=Store())
    await other.apply_status(MODEL_SERVICE, obj=service, status=newer)

    with pytest.raises(Conflict):
        await write_status(executor, service)

    view = store.view(Key(namespace, "digits"))
    assert view.service is not None
    assert view.service["status"] == newer


async def test_a_service_that_was_made_again_is_not_the_one_that_children_are_made_for(
    client: Client, namespace: str
) -> None:
    service, store, executor = await serving(client, namespace=namespace)
    assert await executor.lives(MODEL_SERVICE, obj=service)
    await remove(client, MODEL_SERVICE, namespace=namespace, name="digits")
    new = await create_service(client, namespace=namespace)

    assert not await executor.lives(MODEL_SERVICE, obj=service)
    view = store.view(Key(namespace, "digits"))
    assert view.service is not None
    assert view.service["metadata"]["uid"] == new["metadata"]["uid"]


async def test_a_status_is_written_although_somebody_wrote_the_service_just_now(
    client: Client, namespace: str
) -> None:
    service, _, executor = await serving(client, namespace=namespace)
    kind = {"kind": "ModelService", "metadata": {**named(namespace), "labels": {"team": "ml"}}}
    await apply_as(client, kind, manager="argocd")

    await write_status(executor, service)

    found = await client.get(MODEL_SERVICE, namespace=namespace, name="digits")
    assert found["status"] == STATUS
    assert found["metadata"]["labels"] == {"team": "ml"}


def named(namespace: str) -> dict[str, str]:
    return {"name": "digits", "namespace": namespace}


async def serving(client: Client, *, namespace: str) -> tuple[Manifest, Store, Executor]:
    service = await create_service(client, namespace=namespace)
    store = Store()
    store.put("ModelService", service)
    return service, store, Executor(client=client, writer=writer(client), store=store)


async def write_status(executor: Executor, service: Manifest) -> None:
    await executor.apply_status(MODEL_SERVICE, obj=service, status=STATUS)
