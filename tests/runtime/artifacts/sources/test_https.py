"""A file from a web server arrives right or not at all, whatever the server does."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from e2e.site import File, Handle, Request, Site, answer, moved, plain, status
from modelservice_runtime.artifacts import ranges
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources import landing, remote, web
from modelservice_runtime.artifacts.sources.opening import open_source
from modelservice_runtime.artifacts.sources.source import Source
from modelservice_runtime.artifacts.storage import Download, Head
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.s3 import LOOPBACK

DATA = os.urandom(100_000)
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"


def opened(uri: str, *, secret: Path | None = None, network: Network = LOOPBACK) -> Source:
    return open_source(uri, credentials=secret, network=network, claims=Path("/nowhere"), hub="")


def brought(source: Source, folder: Path) -> bytes:
    """What arrives; nothing else may lie beside it."""
    target = folder / "models" / "model.onnx"
    target.parent.mkdir(exist_ok=True)
    source.download(target)
    assert list(target.parent.iterdir()) == [target]
    return target.read_bytes()


def fails(source: Source, folder: Path) -> Failure:
    target = folder / "models" / "model.onnx"
    target.parent.mkdir(exist_ok=True)
    with pytest.raises(Failure) as caught:
        source.download(target)
    assert list(target.parent.iterdir()) == []
    return caught.value


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", 4096)
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(remote, "GAIN", 512)


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 100_000])
@pytest.mark.parametrize("kind", [File, plain])
def test_a_file_of_any_size_arrives_whole(
    size: int, kind: type[File], page: Site, tmp_path: Path
) -> None:
    data = DATA[:size]
    seen: list[tuple[int, int]] = []
    target = tmp_path / "model.onnx"
    source = opened(page.put("/m.onnx", kind(data)))
    assert source.head().size == size
    got = source.download(target, on_progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == data
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert got == Download(digest=digest, size=size, seconds=got.seconds)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert not size or seen[-1] == (size, size)


def test_parts_travel_side_by_side_and_are_of_one_version(page: Site, tmp_path: Path) -> None:
    source = opened(page.put("/m.onnx", File(DATA)))
    assert source.head() == Head(size=len(DATA), etag='"one"')
    assert brought(source, tmp_path) == DATA
    first, *others = page.requests("/m.onnx")
    assert "If-Range" not in first
    assert len(others) == -(-len(DATA) // 4096)
    assert {request["If-Range"] for request in others} == {'"one"'}
    assert {request["Accept-Encoding"] for request in (first, *others)} == {"identity"}


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": 'W/"one"', "Last-Modified": DATE}, DATE),
        ({"Last-Modified": DATE}, DATE),
        ({"ETag": 'W/"one"'}, None),
        ({}, None),
    ],
)
def test_a_version_is_asked_for_by_what_may_be_compared(
    headers: dict[str, str], validator: str | None, page: Site, tmp_path: Path
) -> None:
    source = opened(page.put("/m.onnx", File(DATA, headers=headers)))
    assert brought(source, tmp_path) == DATA
    _, *others = page.requests("/m.onnx")
    assert {request.get("If-Range") for request in others} == {validator}


def test_a_broken_connection_goes_on_where_it_broke(page: Site, tmp_path: Path) -> None:
    source = opened(page.put("/m.onnx", File(DATA, cut=[4000, 1, 0, 700, 700, 700, 700, 700])))
    assert brought(source, tmp_path) == DATA
    # which range was cut how often is a matter of which request came first
    starts = [
        int(request["Range"].split("=")[1].split("-")[0]) for request in page.requests("/m.onnx")
    ]
    assert [start for start in starts if start % ranges.RANGE_BYTES] != []


def test_a_server_that_always_breaks_off_is_given_up(page: Site, tmp_path: Path) -> None:
    failure = fails(opened(page.put("/m.onnx", File(DATA, cut=[1] * 10_000))), tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE
    assert "breaks off" in failure.message
    assert len(page.asked) < 100


def test_a_signed_address_that_has_expired_is_asked_for_again(page: Site, tmp_path: Path) -> None:
    """Hubs redirect to addresses that are good for minutes, and a model may take longer."""
    uri = page.put("/m.onnx", moved("/signed-1"))
    first = File(DATA)

    def expiring(request: Request) -> None:
        if len(page.requests("/signed-1")) < 5:
            first(request)
        else:
            page.pages["/m.onnx"] = moved("/signed-2")
            answer(request, 403)

    page.put("/signed-1", expiring)
    page.put("/signed-2", File(DATA))
    assert brought(opened(uri), tmp_path) == DATA
    assert page.requests("/signed-2")


@pytest.mark.parametrize("kind", [File, plain])
def test_a_file_that_is_replaced_meanwhile_is_not_mixed(
    kind: type[File], page: Site, tmp_path: Path
) -> None:
    source = opened(page.put("/m.onnx", kind(DATA, **_tag(kind, '"one"'))))
    source.head()
    page.put("/m.onnx", kind(DATA[::-1], **_tag(kind, '"two"')))
    failure = fails(source, tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE
    assert "replaced while it was being read" in failure.message


def _tag(kind: object, etag: str) -> dict[str, object]:
    return {"headers": {"ETag": etag}} if kind is File else {"ETag": etag}


def lies(request: Request) -> None:
    """Answers every range with the first bytes."""
    answer(request, 206, DATA[:1], Content_Range=f"bytes 0-0/{len(DATA)}")


def longer(request: Request) -> None:
    """Announces a range and sends more, in chunks, which announce no length."""
    start, end = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
    request.send_response(206)
    request.send_header("Content-Range", f"bytes {start}-{end}/{len(DATA)}")
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    body = DATA[start : end + 1] + (b"more" if end else b"")
    request.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


def endless(request: Request) -> None:
    """A body without a length and without an end."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(bytes(65536))


def huge_headers(request: Request) -> None:
    request.send_response(200)
    for number in range(2000):
        request.send_header(f"X-{number}", "x" * 1000)
    request.end_headers()


def long_header(request: Request) -> None:
    answer(request, 200, b"x", X="x" * 1_000_000)


def endless_headers(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"X: " + b"x" * 1000 + b"\r\n")


def nonsense(request: Request) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    request.close_connection = True


def short(request: Request) -> None:
    """Announces more bytes than there are."""
    answer(request, 200, DATA[:1000], length=len(DATA))
    request.close_connection = True


@pytest.mark.parametrize(
    ("handle", "told"),
    [
        (lies, "other parts of the file"),
        (longer, "more bytes than it announces"),
        (endless, "does not say how many bytes"),
        (huge_headers, "does not answer"),
        (long_header, "does not answer"),
        (endless_headers, "does not answer"),
        (nonsense, "does not answer"),
        (short, "breaks off"),
        (status(206, Content_Range="bytes 0-0/*"), "does not say how many bytes"),
        (status(206, Content_Range=f"bytes 0-0/{'9' * 19}"), "does not say how many bytes"),
        (status(206), "does not say how many bytes"),
        (plain(DATA, Content_Encoding="gzip"), "compressed"),
        (status(500), "HTTP status 500"),
        (status(429), "HTTP status 429"),
        (status(204), "HTTP status 204"),
        (status(304), "HTTP status 304"),
    ],
)
def test_a_server_that_does_not_play_by_the_rules(
    handle: Handle, told: str, page: Site, tmp_path: Path
) -> None:
    failure = fails(opened(page.put("/m.onnx", handle)), tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE
    assert told in failure.message
    assert "https://127.0.0.1" in failure.message


def test_what_cannot_fit_is_not_begun(page: Site, tmp_path: Path) -> None:
    huge = status(206, Content_Range=f"bytes 0-0/{10**17}")
    failure = fails(opened(page.put("/m.onnx", huge)), tmp_path)
    assert failure.reason is Reason.STORAGE_FULL
    assert len(page.asked) == 1


def test_a_full_disk_is_told(page: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(landing.Landing):
        def __enter__(self) -> Full:
            super().__enter__()
            self._file.close()
            self._file = Path("/dev/full").open("wb", buffering=0)
            return self

    monkeypatch.setattr("modelservice_runtime.artifacts.sources.https.Landing", Full)
    failure = fails(opened(page.put("/m.onnx", File(DATA))), tmp_path)
    assert failure.reason is Reason.STORAGE_FULL
    assert "modelStorage" in failure.message


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (404, Reason.SOURCE_NOT_FOUND, "does not exist"),
        (410, Reason.SOURCE_NOT_FOUND, "does not exist"),
        (401, Reason.ACCESS_DENIED, "Name a Secret with HTTP_AUTHORIZATION"),
        (403, Reason.ACCESS_DENIED, "Name a Secret with HTTP_AUTHORIZATION"),
    ],
)
def test_a_refusal_says_what_to_do(
    code: int, reason: Reason, told: str, page: Site, tmp_path: Path
) -> None:
    failure = fails(opened(page.put("/m.onnx", status(code))), tmp_path)
    assert (failure.reason, told in failure.message) == (reason, True)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    failure = fails(opened("https://127.0.0.1:1/m.onnx"), tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE


def test_a_server_that_says_nothing(
    page: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "HEAD_SECONDS", 0.2)
    silent = page.put("/m.onnx", wait)
    failure = fails(opened(silent), tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE


def wait(request: Request) -> None:
    request.rfile.read(1)  # until the client hangs up


def test_a_certificate_of_nobody_is_not_trusted(
    page: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    uri = page.put("/m.onnx", File(DATA))
    failure = fails(opened(uri), tmp_path)
    assert failure.reason is Reason.STORAGE_UNAVAILABLE
    assert "ca.crt" in failure.message
    assert page.asked == []
    secret = tmp_path / "authority"
    secret.mkdir()
    (secret / "ca.crt").write_text(page.authority.read_text())
    assert brought(opened(uri, secret=secret), tmp_path) == DATA


def test_a_certificate_of_another_server_is_not_trusted(
    page: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.put("/m.onnx", File(DATA))
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *more, **named: [address(port)])
    failure = fails(opened(page.url("/m.onnx", host="other.example")), tmp_path)
    assert "certificate" in failure.message


def address(port: int, host: str = "127.0.0.1") -> tuple[object, ...]:
    """One of DNS's answers."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
