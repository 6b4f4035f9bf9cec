"""Who may push a document to an agent: the table of what is refused, and why."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modelservice_runtime.document import Document
from modelservice_runtime.triton import admin
from modelservice_runtime.triton.push import PUSH_HEADER, SIGNATURE_HEADER, SIZE_LIMIT, Pushes
from modelservice_runtime.triton.repository import Repository
from modelservice_runtime.triton.wanted import Wanted
from tests.runtime.examples import document, model_entry
from tests.runtime.s3 import free_port
from tests.runtime.triton.pushing import KEY, OTHER_KEY, POD, headers, publish

NOW = 1_800_000_000.0
MICRO = 10**6


def text(revision: str = "r2", **fields: Any) -> bytes:
    return json.dumps(document(model_entry(), revision=revision, **fields)).encode()


IN_FORCE = text("r1", sequence=5).decode()
NEW = text(sequence=6)


def said(value: Any) -> str:
    """The name of a case: the reason of its refusal."""
    return str(value[1]) if isinstance(value, tuple) else ""


@dataclass
class Agent:
    """The part of an agent that takes pushes in, on a port of its own."""

    folder: Path
    port: int
    session: aiohttp.ClientSession
    now: float = NOW

    def __post_init__(self) -> None:
        self.mounted.write_text(IN_FORCE)
        publish(self.keys, KEY)
        self.restart()

    @property
    def mounted(self) -> Path:
        return self.folder / "models.json"

    @property
    def keys(self) -> Path:
        return self.folder / "push-keys.json"

    def restart(self) -> None:
        """A process that starts anew on the volume."""
        repository = Repository(self.folder)
        self.wanted = Wanted(mounted=self.mounted, repository=repository, in_force=IN_FORCE)
        self.pushes = Pushes(
            pod=POD,
            document=Document.parse_text(IN_FORCE),
            keys=self.keys,
            wanted=self.wanted,
            clock=lambda: self.now,
        )

    async def push(
        self, body: bytes = NEW, *, told: dict[str, str] | None = None, **fields: Any
    ) -> tuple[int, str]:
        """The status and the reason, or the revision that was taken in."""
        told = headers(body, now=self.now, **fields) if told is None else told
        url = f"http://127.0.0.1:{self.port}/document"
        async with self.session.post(url, data=io.BytesIO(body), headers=told) as answer:
            said = await answer.json()
            return answer.status, said.get("reason") or said["revision"]

    @property
    def revision(self) -> str | None:
        return self.wanted.newest()[0].revision


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        one = Agent(tmp_path, free_port(), session)
        await admin.serve(stack, one.pushes, port=one.port)
        yield one


async def test_a_signed_document_is_taken_in(agent: Agent) -> None:
    assert await agent.push() == (202, "r2")
    assert agent.revision == "r2"
    assert agent.wanted.taken == {"push": 1, "mount": 0}
    assert sum(agent.pushes.refused.values()) == 0


async def test_the_same_document_twice_is_one_piece_of_news(agent: Agent) -> None:
    await agent.push()
    agent.now += 5
    assert await agent.push() == (202, "r2")
    assert agent.wanted.taken["push"] == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"keys": [OTHER_KEY]}, (401, "NotSigned")),
        ({"signed_for": b""}, (401, "NotSigned")),
        ({"signed_for": b"modelservice.io push v2\n"}, (401, "NotSigned")),
        ({"keys": [OTHER_KEY] * 5}, (400, "Malformed")),
        ({"pod": "uid-2"}, (403, "WrongPod")),
        ({"namespace": "other"}, (403, "WrongService")),
        ({"service": "other"}, (403, "WrongService")),
        ({"issuedAt": int((NOW - 95) * MICRO), "expiresAt": int((NOW - 35) * MICRO)},
         (403, "Expired")),
        ({"issuedAt": int((NOW + 35) * MICRO), "expiresAt": int((NOW + 95) * MICRO)},
         (403, "FromTheFuture")),
        ({"expiresAt": int((NOW + 86_400) * MICRO)}, (400, "Malformed")),
        ({"expiresAt": int(NOW * MICRO)}, (400, "Malformed")),
        ({"issuedAt": True}, (400, "Malformed")),
        ({"issuedAt": NOW * MICRO}, (400, "Malformed")),
        ({"pod": None}, (400, "Malformed")),
        ({"sha256": "0" * 64}, (403, "Altered")),
    ],
    ids=said,
)  # fmt: skip
async def test_what_is_not_for_this_pod_now_is_refused(
    agent: Agent, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert await agent.push(**fields) == expected
    assert agent.revision == "r1"
    assert agent.pushes.refused[expected[1]] == 1
    assert await agent.push() == (202, "r2")  # and it is no obstacle to who may


@pytest.mark.parametrize("skew", [-85, -30, 25])
async def test_clocks_may_differ_a_little(agent: Agent, skew: float) -> None:
    issued_at = int((NOW + skew) * MICRO)
    fields = {"issuedAt": issued_at, "expiresAt": issued_at + 60 * MICRO}
    assert await agent.push(**fields) == (202, "r2")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {PUSH_HEADER: "", SIGNATURE_HEADER: ""},
        {PUSH_HEADER: "%%%", SIGNATURE_HEADER: "%%%"},
        {PUSH_HEADER: "e30=", SIGNATURE_HEADER: "e30="},
        {PUSH_HEADER: "e30=", SIGNATURE_HEADER: "e30=," * 100},
    ],
)
async def test_garbage_is_refused_before_the_document_is_read(
    agent: Agent, told: dict[str, str]
) -> None:
    status, reason = await agent.push(told=told)
    assert (status, reason) in {(400, "Malformed"), (401, "NotSigned")}


@pytest.mark.parametrize("signed", [b"", b"[]", b"{}", b"null", b"\xff", b"{"])
async def test_what_is_signed_and_is_no_push_is_refused(agent: Agent, signed: bytes) -> None:
    told = {
        PUSH_HEADER: base64.b64encode(signed).decode(),
        SIGNATURE_HEADER: base64.b64encode(
            KEY.sign(b"modelservice.io push v1\n" + signed)
        ).decode(),
    }
    assert await agent.push(told=told) == (400, "Malformed")


async def test_nobody_else_gets_a_document_signed_for_another_one(agent: Agent) -> None:
    """The harm: who listens on the network sends a document of their own with the signature."""
    assert await agent.push(NEW + b" ", told=headers(NEW, now=NOW)) == (403, "Altered")
    assert agent.revision == "r1"


async def test_a_push_counts_once(agent: Agent) -> None:
    """The harm: a pod is taken back by a push of an hour ago, or of a minute."""
    first = headers(NEW, now=agent.now)
    assert await agent.push(told=first) == (202, "r2")
    assert await agent.push(told=first) == (409, "Replayed")
    newer = text("r3", sequence=7)
    agent.now += 1
    assert await agent.push(newer) == (202, "r3")
    assert await agent.push(told=first) == (409, "Replayed")
    agent.restart()
    assert agent.wanted.told.pushed_at == int(agent.now * MICRO)


async def test_an_older_document_does_not_come_back(agent: Agent) -> None:
    """The harm: a leader that stood still for a minute takes pods back."""
    assert await agent.push(text("r3", sequence=7)) == (202, "r3")
    agent.now += 1
    assert await agent.push(NEW) == (409, "Superseded")
    assert agent.revision == "r3"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (422, "NoDocument")),
        (b"\xff", (422, "NoDocument")),
        (b"[]", (422, "NoDocument")),
        (b'{"apiVersion": "runtime.modelservice.io/v9"}', (422, "NoDocument")),
        (text(service={"namespace": "default", "name": "other"}), (403, "WrongService")),
        (text(service={"namespace": "other", "name": "digits"}), (403, "WrongService")),
        (json.dumps(document(revision=None)).encode(), (403, "WrongService")),
        (text(padding="x" * SIZE_LIMIT), (413, "TooLarge")),
    ],
    ids=said,
)
async def test_what_is_signed_has_to_be_a_document_of_the_service(
    agent: Agent, body: bytes, expected: tuple[int, str]
) -> None:
    assert await agent.push(body) == expected
    assert agent.revision == "r1"


async def test_keys_come_and_go_without_a_restart(agent: Agent) -> None:
    both = {"keys": [OTHER_KEY, KEY]}
    assert await agent.push(**both) == (202, "r2")  # one of two is known here yet
    publish(agent.keys, OTHER_KEY, KEY)
    agent.now += 1
    assert await agent.push(keys=[OTHER_KEY]) == (202, "r2")
    publish(agent.keys, OTHER_KEY)
    agent.now += 1
    assert await agent.push(keys=[KEY]) == (401, "NotSigned")
    assert await agent.push(**both) == (202, "r2")


@pytest.mark.parametrize(
    "keys", [None, "", "{", "[]", '{"keys": ["AAAA"]}', '{"keys": 5}', '{"keys": []}']
)
async def test_without_a_key_nothing_is_taken_in(agent: Agent, keys: str | None) -> None:
    agent.keys.unlink()
    if keys is not None:
        agent.keys.write_text(keys)
    assert await agent.push() == (503, "NoKeys")


async def test_a_volume_that_takes_no_note_takes_no_push(agent: Agent) -> None:
    """The harm: a process that starts anew goes back, since nothing says what it was told."""
    (agent.folder / "..told.json.partial").mkdir()
    assert await agent.push() == (507, "NotNoted")
    assert agent.revision == "r1"


def head(told: dict[str, str], *, length: int) -> bytes:
    lines = [f"{name}: {value}" for name, value in told.items()]
    start = ["POST /document HTTP/1.1", "Host: pod", f"Content-Length: {length}"]
    return "\r\n".join([*start, *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (lambda: b"", b""),
        (lambda: b"POST /document HT", b""),
        (lambda: head(headers(NEW, now=NOW), length=10), b'"TooSlow"'),
        (lambda: head(headers(NEW, now=NOW, pod="uid-2"), length=10), b'"WrongPod"'),
    ],
    ids=["says nothing", "half a line", "no document", "not for this pod"],
)
async def test_who_is_slow_does_not_stay(
    agent: Agent,
    monkeypatch: pytest.MonkeyPatch,
    sent: Callable[[], bytes],
    answered: bytes,
) -> None:
    monkeypatch.setattr(admin, "READ_SECONDS", 0.05)
    monkeypatch.setattr(admin, "CONNECTION_SECONDS", 1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", agent.port)
    writer.write(sent())
    async with asyncio.timeout(5):
        told = await reader.read()  # until the other side closes
    assert answered in told
    assert bool(told) == bool(answered)
    writer.close()


async def test_there_are_few_connections_at_a_time(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harm: what runs in the pod takes all of the agent's files, and it answers no probe."""
    monkeypatch.setattr(admin, "MOST_CONNECTIONS", 2)
    held = [await asyncio.open_connection("127.0.0.1", agent.port) for _ in range(3)]
    async with asyncio.timeout(5):
        assert await held[2][0].read() == b""
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(5):
        while True:  # until the agent has noticed that they are gone
            try:
                assert await agent.push() == (202, "r2")
            except aiohttp.ClientError:
                continue
            break
