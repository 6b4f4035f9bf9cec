"""The Secret with the key for pushes: made once, and never looked into."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modelservice_operator.controller.signing import Signer
from modelservice_operator.kube.errors import Forbidden
from modelservice_operator.push_key import ensure
from tests.kube.test_client import client_of


class Cluster:
    """An API server that keeps Secrets."""

    def __init__(self) -> None:
        self.secrets: dict[str, Any] = {}
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        body = await request.json()
        name = body["metadata"]["name"]
        if name in self.secrets:
            return web.json_response({"reason": "AlreadyExists"}, status=409)
        self.secrets[name] = body
        return web.json_response(body, status=201)


async def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The harm: an upgrade makes a new key, and every ConfigMap is written."""
    cluster = Cluster()
    async with client_of(cluster.answer) as client:
        await ensure(client, namespace="home", name="push")
        first = dict(cluster.secrets["push"]["data"])
        await ensure(client, namespace="home", name="push")

    assert cluster.secrets["push"]["data"] == first
    assert set(cluster.asked) == {"POST /api/v1/namespaces/home/secrets"}
    for name, text in first.items():
        (tmp_path / name).write_bytes(b64decode(text))
    assert len(Signer.read(tmp_path).public) == 1


async def test_a_missing_right_is_told() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"reason": "Forbidden", "message": "not you"}, status=403)

    async with client_of(refuse) as client:
        with pytest.raises(Forbidden, match="not you"):
            await ensure(client, namespace="home", name="push")
