"""A file of a Hugging Face repository, from a server that answers as the hub does."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.site import File, Site, plain, status
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.hub import HubSource
from modelservice_runtime.artifacts.sources.opening import open_source
from modelservice_runtime.artifacts.sources.source import Pinning
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.s3 import LOOPBACK

DATA = b"a model" * 1000
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": '"abc"', "X-Linked-Size": str(len(DATA))}


def opened(
    uri: str, *, hub: str, secret: Path | None = None, network: Network = LOOPBACK
) -> HubSource:
    source = open_source(uri, credentials=secret, network=network, claims=Path("/nowhere"), hub=hub)
    assert isinstance(source, HubSource)
    assert isinstance(source, Pinning)
    return source


def stored(page: Site, path: str, *, revision: str = "main", **headers: str) -> None:
    """A big file as the hub has it: elsewhere, behind a redirect that says what it is."""
    told = {name.replace("-", "_"): value for name, value in {**LFS, **headers}.items()}
    elsewhere = page.url("/cdn/blob", host="localhost")
    page.put(f"/org/digits/resolve/{revision}/{path}", status(302, Location=elsewhere, **told))
    page.put("/cdn/blob", File(DATA, headers={"ETag": '"abc"'}))


def test_a_big_file_comes_from_where_the_hub_says(page: Site, secret: Path, tmp_path: Path) -> None:
    stored(page, "onnx/model.onnx")
    (secret / "HF_TOKEN").write_text("hf_token\n")
    source = opened("hf://org/digits/onnx/model.onnx", hub=page.url(""), secret=secret)
    target = tmp_path / "model.onnx"
    source.download(target)
    assert target.read_bytes() == DATA
    assert source.pin() == COMMIT
    sent = {one.path: one.headers.get("Authorization") for one in page.asked}
    assert sent == {
        "/org/digits/resolve/main/onnx/model.onnx": "Bearer hf_token",
        "/cdn/blob": None,
    }


def test_a_small_file_comes_from_the_hub_itself(page: Site, tmp_path: Path) -> None:
    small = plain(DATA, ETag='W/"abc"', X_Repo_Commit=COMMIT)
    page.put("/org/digits/resolve/main/m.onnx", small)
    source = opened("hf://org/digits/m.onnx", hub=page.url("/"))
    source.download(tmp_path / "model.onnx")
    assert source.pin() == COMMIT


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("hf://org/digits@v1.0/m.onnx", "/org/digits/resolve/v1.0/m.onnx"),
        (f"hf://org/digits@{COMMIT}/a@b/m.onnx", f"/org/digits/resolve/{COMMIT}/a@b/m.onnx"),
        ("hf://org/di.gi-ts_1/a/b@main/m.onnx", "/org/di.gi-ts_1/resolve/main/a/b@main/m.onnx"),
    ],
)
def test_a_revision_is_asked_for(uri: str, path: str, page: Site) -> None:
    page.put(path, File(DATA))
    assert opened(uri, hub=page.url("")).head().size == len(DATA)


def test_a_mirror_may_have_a_path(page: Site) -> None:
    page.put("/api/mirror/org/digits/resolve/main/m.onnx", File(DATA))
    source = opened("hf://org/digits/m.onnx", hub=page.url("/api/mirror/"))
    assert source.head().size == len(DATA)


@pytest.mark.parametrize("commit", ["main", "../../other", COMMIT.upper(), f"{COMMIT}0", ""])
def test_a_pin_is_a_commit_or_none(commit: str, page: Site) -> None:
    stored(page, "m.onnx", **{"X-Repo-Commit": commit})
    source = opened("hf://org/digits/m.onnx", hub=page.url(""))
    assert source.pin() is None
    source.head()
    assert source.pin() is None


def test_only_the_platform_s_mirror_may_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network()
    with pytest.raises(Failure) as caught:
        opened("hf://org/m/x.onnx", hub="https://10.255.255.1:1", network=network).head()
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE


def test_what_the_hub_redirects_to_is_judged_as_a_stranger(page: Site) -> None:
    target = "https://169.254.169.254/latest"
    page.put("/org/digits/resolve/main/m.onnx", status(302, Location=target))
    with pytest.raises(Failure) as caught:
        opened("hf://org/digits/m.onnx", hub=page.url("")).head()
    assert caught.value.reason is Reason.SOURCE_REFUSED


def test_a_gated_repository_asks_for_a_token(page: Site) -> None:
    page.put("/org/digits/resolve/main/m.onnx", status(401))
    with pytest.raises(Failure, match="Name a Secret with HF_TOKEN") as caught:
        opened("hf://org/digits/m.onnx", hub=page.url("")).head()
    assert caught.value.reason is Reason.ACCESS_DENIED


@pytest.mark.parametrize(
    "uri", ["hf://m.onnx", "hf://org/digits", "hf://org/digits@/m", "hf://a b/c/d"]
)
def test_a_wrong_address_is_explained(uri: str) -> None:
    with pytest.raises(Failure, match="hf://org/repo@revision") as caught:
        opened(uri, hub="")
    assert caught.value.reason is Reason.SOURCE_NOT_FOUND
