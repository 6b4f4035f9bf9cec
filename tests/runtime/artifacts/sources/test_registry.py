"""A file of a registry's artifact, from a server that speaks as registries do."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.site import File, Handle, Request, Site, answer, moved, plain, status
from modelservice_runtime.artifacts import ranges
from modelservice_runtime.artifacts.sources import remote
from modelservice_runtime.artifacts.sources.opening import open_source
from modelservice_runtime.artifacts.sources.registry import TITLE, RegistrySource
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.s3 import LOOPBACK

DATA = b"a model" * 1000
V2 = "/v2/org/digits"
INDEX = "application/vnd.oci.image.index.v1+json"


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(data: bytes, *, title: str | None = "model.onnx") -> dict[str, Any]:
    notes = {"annotations": {TITLE: title}} if title else {}
    return {"mediaType": "x", "digest": sha(data), "size": len(data), **notes}


def manifest(*layers: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": layer(b"{}"), "layers": layers}).encode()


def index(*manifests: bytes) -> bytes:
    told = [{"digest": sha(one), "size": len(one)} for one in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": told}).encode()


def pushed(page: Site, body: bytes, *blobs: bytes, tag: str = "v1") -> str:
    """An artifact with its manifest and blobs; its address."""
    for reference in (tag, sha(body)):
        page.put(f"{V2}/manifests/{reference}", plain(body))
    for blob in blobs:
        page.put(f"{V2}/blobs/{sha(blob)}", File(blob))
    return f"oci://127.0.0.1:{page.port}/org/digits:{tag}"


def opened(uri: str, *, secret: Path | None = None) -> RegistrySource:
    source = open_source(uri, credentials=secret, network=LOOPBACK, claims=Path("/nowhere"), hub="")
    assert isinstance(source, RegistrySource)
    return source


def pulled(uri: str, folder: Path, *, secret: Path | None = None) -> bytes:
    target = folder / "model.onnx"
    source = opened(uri, secret=secret)
    assert source.head().size == len(DATA)
    assert source.download(target).digest == sha(DATA)
    return target.read_bytes()


def fails(uri: str, folder: Path, *, secret: Path | None = None) -> Failure:
    target = folder / "model.onnx"
    with pytest.raises(Failure) as caught:
        opened(uri, secret=secret).download(target)
    assert not target.exists()
    return caught.value


def test_the_only_file_of_an_artifact_is_pulled_and_pinned(page: Site, tmp_path: Path) -> None:
    body = manifest(layer(DATA))
    uri = pushed(page, body, DATA)
    source = opened(uri)
    assert source.pin() is None
    assert source.download(tmp_path / "model.onnx").digest == sha(DATA)
    assert source.pin() == sha(body)
    assert pulled(uri.replace(":v1", f"@{sha(body)}"), tmp_path) == DATA


def test_one_file_of_several_is_chosen_by_its_title(page: Site, tmp_path: Path) -> None:
    other = b"labels"
    titles = layer(other, title="labels.txt"), layer(DATA, title="onnx/model.onnx")
    uri = pushed(page, manifest(*titles), DATA, other)
    assert pulled(f"{uri}#onnx/model.onnx", tmp_path) == DATA
    assert "has 2 files" in fails(uri, tmp_path / "x").message
    assert "no file, or several" in fails(f"{uri}#none.onnx", tmp_path / "x").message


def test_an_index_of_one_leads_to_it(page: Site, tmp_path: Path) -> None:
    body = manifest(layer(DATA))
    pushed(page, body, DATA)
    around = index(body)
    uri = pushed(page, around, tag="indexed")
    assert pulled(uri, tmp_path) == DATA
    source = opened(uri)
    source.head()
    assert source.pin() == sha(around)


NO_FILE: dict[str, tuple[bytes, Reason, str]] = {
    "an index of two": (
        index(manifest(), manifest(layer(DATA))),
        Reason.SOURCE_NOT_FOUND,
        "index of 2 manifests",
    ),
    "an index of none": (index(), Reason.SOURCE_NOT_FOUND, "index of 0 manifests"),
    "an index of nonsense": (b'{"manifests": [{"digest": "../x"}]}', Reason.SOURCE_NOT_FOUND, ""),
    "an index of an index": (index(index(manifest())), Reason.SOURCE_NOT_FOUND, ""),
    "no layer": (manifest(), Reason.SOURCE_NOT_FOUND, "holds no files"),
    "no layers": (b"{}", Reason.SOURCE_NOT_FOUND, "holds no files"),
    "layers that are none": (b'{"layers": [1]}', Reason.SOURCE_NOT_FOUND, "holds no files"),
    "a layer of another digest": (
        manifest({**layer(DATA), "digest": "md5:abc"}),
        Reason.SOURCE_NOT_FOUND,
        "holds no files",
    ),
    "a layer that climbs": (
        manifest({**layer(DATA), "digest": "sha256:../../../../etc/passwd"}),
        Reason.SOURCE_NOT_FOUND,
        "holds no files",
    ),
    "a layer of no size": (
        manifest({**layer(DATA), "size": -1}),
        Reason.SOURCE_NOT_FOUND,
        "holds no files",
    ),
    "no JSON": (b"<html>", Reason.STORAGE_UNAVAILABLE, "not answer as a registry"),
    "a list": (b"[]", Reason.STORAGE_UNAVAILABLE, "not answer as a registry"),
    "a deep one": (b"[" * 100_000, Reason.STORAGE_UNAVAILABLE, "not answer as a registry"),
    "a huge one": (b" " * (4 * 2**20 + 1), Reason.STORAGE_UNAVAILABLE, "more than 4194304 bytes"),
}


@pytest.mark.parametrize(("body", "reason", "told"), NO_FILE.values(), ids=NO_FILE.keys())
def test_a_manifest_without_a_file_is_explained(
    body: bytes, reason: Reason, told: str, page: Site, tmp_path: Path
) -> None:
    pushed(page, index(manifest()), tag="nested")
    failure = fails(pushed(page, body, DATA), tmp_path)
    assert (failure.reason, told in failure.message) == (reason, True)


def test_another_manifest_than_that_of_the_digest_is_not_taken(page: Site, tmp_path: Path) -> None:
    body = manifest(layer(DATA))
    uri = pushed(page, body, DATA).replace(":v1", f"@{sha(body)}")
    page.put(f"{V2}/manifests/{sha(body)}", plain(manifest(layer(b"evil"))))
    failure = fails(uri, tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE
    assert "another manifest" in failure.message


@pytest.mark.parametrize(
    ("sent", "told"), [(DATA[::-1], "other bytes"), (DATA + b"x", "another size")]
)
def test_other_bytes_than_the_manifest_announces_are_not_taken(
    sent: bytes, told: str, page: Site, tmp_path: Path
) -> None:
    uri = pushed(page, manifest(layer(DATA)), DATA)
    page.put(f"{V2}/blobs/{sha(DATA)}", File(sent))
    failure = fails(uri, tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE
    assert told in failure.message


def test_an_artifact_that_is_missing(page: Site, tmp_path: Path) -> None:
    failure = fails(f"oci://127.0.0.1:{page.port}/org/none:v1", tmp_path)
    assert failure.reason is Reason.SOURCE_NOT_FOUND


TOKEN = "canary-token"
BASIC = "Basic " + base64.b64encode(b"me:hidden").decode()


def guarded(page: Site, *, realm: str, challenge: str = "Bearer") -> Callable[[Handle], Handle]:
    """Lets only those in that have a token (or, for Basic, the login)."""
    header = f'{challenge} realm="{realm}",service="the registry",scope="ignored"'
    wanted = f"Bearer {TOKEN}" if challenge == "Bearer" else BASIC

    def guard(handle: Handle) -> Handle:
        def guarded_page(request: Request) -> None:
            if request.headers.get("Authorization") == wanted:
                handle(request)
            else:
                answer(request, 401, WWW_Authenticate=header)

        return guarded_page

    for path in list(page.pages):
        page.pages[path] = guard(page.pages[path])
    return guard


QUERY = "?service=the+registry&scope=repository%3Aorg%2Fdigits%3Apull"


def docker(page: Site, **entry: str) -> str:
    return json.dumps({"auths": {f"https://127.0.0.1:{page.port}/v2/": entry}}, indent=1)


def test_a_token_is_fetched_with_the_login_of_the_registry(
    page: Site, secret: Path, tmp_path: Path
) -> None:
    uri = pushed(page, manifest(layer(DATA)), DATA)
    elsewhere = page.url("/cdn", host="localhost")
    page.put("/cdn", page.pages[f"{V2}/blobs/{sha(DATA)}"])
    page.put(f"{V2}/blobs/{sha(DATA)}", moved(elsewhere))
    cdn = page.pages.pop("/cdn")
    guarded(page, realm=page.url("/token", host="localhost"))
    page.put("/cdn", cdn)
    page.put(f"/token{QUERY}", plain(json.dumps({"token": TOKEN}).encode()))
    auth = base64.b64encode(b"me:hidden").decode()
    (secret / ".dockerconfigjson").write_text(docker(page, auth=auth))
    assert pulled(uri, tmp_path, secret=secret) == DATA
    sent = {one.path: one.headers.get("Authorization") for one in page.asked}
    assert sent[f"/token{QUERY}"] == BASIC
    assert sent["/cdn"] is None
    assert sent[f"{V2}/blobs/{sha(DATA)}"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("named", ["token", "access_token"])
def test_an_open_registry_gives_a_token_to_everybody(
    named: str, page: Site, tmp_path: Path
) -> None:
    uri = pushed(page, manifest(layer(DATA)), DATA)
    guarded(page, realm=page.url("/token"))
    page.put(f"/token{QUERY}", plain(json.dumps({named: TOKEN}).encode()))
    assert pulled(uri, tmp_path) == DATA
    assert "Authorization" not in page.requests(f"/token{QUERY}")[0]


def test_a_login_is_sent_where_the_registry_asks_for_it(
    page: Site, secret: Path, tmp_path: Path
) -> None:
    uri = pushed(page, manifest(layer(DATA)), DATA)
    guarded(page, realm="x", challenge="Basic")
    (secret / "HTTP_HOST").write_text(f"127.0.0.1:{page.port}")
    (secret / "HTTP_USERNAME").write_text("me")
    (secret / "HTTP_PASSWORD").write_text("hidden")
    assert pulled(uri, tmp_path, secret=secret) == DATA


def test_a_token_that_runs_out_on_the_way_is_renewed(
    page: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are good for a minute or five, and a model may take longer."""
    monkeypatch.setattr(ranges, "RANGE_BYTES", 1000)
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.001)
    uri = pushed(page, manifest(layer(DATA)), DATA)
    guarded(page, realm=page.url("/token"))
    blob = f"{V2}/blobs/{sha(DATA)}"
    inside = page.pages[blob]
    page.put(f"/token{QUERY}", plain(json.dumps({"token": TOKEN}).encode()))

    def expiring(request: Request) -> None:
        if len(page.requests(blob)) >= 3 and len(page.requests(f"/token{QUERY}")) < 2:
            answer(request, 401)
        else:
            inside(request)

    page.put(blob, expiring)
    opened(uri).download(tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == DATA
    assert len(page.requests(f"/token{QUERY}")) >= 2


@pytest.mark.parametrize(
    ("realm", "reason"),
    [
        ("http://127.0.0.1/token", Reason.SOURCE_REFUSED),
        ("https://169.254.169.254/token", Reason.SOURCE_REFUSED),
        ("file:///etc/passwd", Reason.SOURCE_REFUSED),
        ("https://me:x@127.0.0.1/token", Reason.SOURCE_REFUSED),
        ("", Reason.SOURCE_REFUSED),
    ],
)
def test_a_token_is_fetched_only_from_where_one_may_go(
    realm: str, reason: Reason, page: Site, tmp_path: Path
) -> None:
    uri = pushed(page, manifest(layer(DATA)), DATA)
    guarded(page, realm=realm)
    assert fails(uri, tmp_path).reason is reason


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (status(401), Reason.ACCESS_DENIED),
        (status(500), Reason.STORAGE_UNAVAILABLE),
        (plain(b"{}"), Reason.STORAGE_UNAVAILABLE),
        (plain(b'{"token": "a\\r\\nb"}'), Reason.STORAGE_UNAVAILABLE),
        (plain(b'{"token": 7}'), Reason.STORAGE_UNAVAILABLE),
        (plain(b'{"token": "wrong"}'), Reason.ACCESS_DENIED),
        (plain(b" " * (64 * 1024 + 1)), Reason.STORAGE_UNAVAILABLE),
    ],
)
def test_a_token_that_is_none_is_explained(
    token: Handle, reason: Reason, page: Site, tmp_path: Path
) -> None:
    uri = pushed(page, manifest(layer(DATA)), DATA)
    guarded(page, realm=page.url("/token"))
    page.put(f"/token{QUERY}", token)
    failure = fails(uri, tmp_path)
    assert failure.reason is reason
    assert len(page.asked) <= 3


@pytest.mark.parametrize("challenge", ["Negotiate", "Bearer", ""])
def test_a_challenge_that_nobody_knows_is_a_refusal(
    challenge: str, page: Site, tmp_path: Path
) -> None:
    page.put(f"{V2}/manifests/v1", status(401, WWW_Authenticate=challenge))
    failure = fails(f"oci://127.0.0.1:{page.port}/org/digits:v1", tmp_path)
    assert failure.reason in {Reason.ACCESS_DENIED, Reason.SOURCE_REFUSED}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ('{"auths": {"ghcr.io": {"username": "me", "password": "hidden"}}}', "no login for"),
        ('{"auths": {"127.0.0.1": {"username": "me", "password": "hidden"}}}', "no login for"),
        ('{"auths": {}}', "no login for"),
        ('{"auths": []}', "kubectl create secret docker-registry"),
        ("hidden", "kubectl create secret docker-registry"),
        ("[" * 60_000, "kubectl create secret docker-registry"),
    ],
)
def test_a_secret_for_other_registries_is_explained(
    config: str, told: str, page: Site, secret: Path
) -> None:
    (secret / ".dockerconfigjson").write_text(config)
    with pytest.raises(Failure, match=told) as caught:
        opened(f"oci://127.0.0.1:{page.port}/org/digits:v1", secret=secret)
    assert caught.value.reason is Reason.SECRET_MISSING
    assert "hidden" not in caught.value.message
    assert page.asked == []


@pytest.mark.parametrize(
    "uri", ["oci://ghcr.io/m", "oci://ghcr.io/m@sha256:abc", "oci:///m:v1", "oci://a/M:v1"]
)
def test_a_wrong_address_is_explained(uri: str) -> None:
    with pytest.raises(Failure, match="oci://registry/repository:tag") as caught:
        opened(uri)
    assert caught.value.reason is Reason.SOURCE_NOT_FOUND
