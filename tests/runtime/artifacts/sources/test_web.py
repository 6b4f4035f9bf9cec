"""Where a user's URL and its server may lead to, and who gets to see which credentials."""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Any

import pytest

from e2e.site import File, Request, Site, answer, moved, status
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sources.opening import open_source
from modelservice_runtime.artifacts.sources.source import Source
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.test_network import ITSELF, METADATA, NO_SERVER, PRIVATE
from tests.runtime.s3 import LOOPBACK

FILE = File(b"a model")


def opened(uri: str, *, secret: Path | None = None, network: Network = LOOPBACK) -> Source:
    return open_source(uri, credentials=secret, network=network, claims=Path("/nowhere"), hub="")


def failure(source: Source) -> Failure:
    with pytest.raises(Failure) as caught:
        source.head()
    return caught.value


def test_redirects_are_followed_but_not_for_ever(page: Site) -> None:
    page.put("/5", FILE)
    for number in range(5):
        page.put(f"/{number}", moved(f"/{number + 1}", code=[301, 302, 303, 307, 308][number]))
    assert opened(page.url("/0")).head().size == 7
    told = failure(opened(page.put("/more", moved("/0"))))
    assert (told.reason, told.heals) == (Reason.SOURCE_REFUSED, True)
    assert "redirects more than 5 times" in told.message


ELSEWHERE = [
    "http://127.0.0.1/m.onnx",
    "file:///etc/passwd",
    "ftp://127.0.0.1/m.onnx",
    "gopher://127.0.0.1/m.onnx",
    "data:application/octet-stream,model",
    "https://me:password@127.0.0.1/",
    "https://example.com@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://127.0.0.1:port/",
    "https://127.0.0.1:99999/",
    "https://[::1/",
    "https://[v1.a]/",
    "https://",
    "https:///m.onnx",
    "https://%31%32%37.0.0.1/",
    "https://1\u3002\u30020.0.1/".encode().decode("latin-1"),
    "https://127.0.0.1/a b",
    "https://127.0.0.1/\x01",
    "//",
    "",
]


@pytest.mark.parametrize("location", ELSEWHERE)
def test_a_redirect_to_what_is_no_https_address_is_refused(location: str, page: Site) -> None:
    told = failure(opened(page.put("/m.onnx", moved(location))))
    assert told.reason is Reason.SOURCE_REFUSED
    assert {one.path for one in page.asked} == {"/m.onnx"}  # some lead back to where they came from


@pytest.mark.parametrize("url", [*METADATA, *NO_SERVER, *PRIVATE])
def test_a_redirect_to_an_address_that_is_nobody_s_business_is_refused(
    url: str, page: Site
) -> None:
    url = url.replace("http://", "https://") + "/latest/meta-data"
    told = failure(opened(page.put("/m.onnx", moved(url))))
    assert told.reason is Reason.SOURCE_REFUSED
    assert "redirects to" in told.message
    assert url not in told.message


@pytest.mark.parametrize("url", [*ITSELF, *METADATA, *NO_SERVER, *PRIVATE])
def test_no_spelling_of_such_an_address_is_an_address_for_a_model(url: str) -> None:
    uri = url.replace("http://", "https://") + "/m.onnx"
    told = failure(opened(uri, network=Network()))
    assert told.reason is Reason.SOURCE_REFUSED
    assert uri in told.message
    assert "Correct source.uri" in told.message


def test_a_private_network_may_be_allowed_by_the_platform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network.of(["10.0.0.0/8"])
    monkeypatch.setattr(socket, "create_connection", _refuse)
    told = failure(opened("https://10.1.2.3/m.onnx", network=network))
    assert told.reason is Reason.STORAGE_UNAVAILABLE
    told = failure(opened("https://192.168.1.1/m.onnx", network=network))
    assert told.reason is Reason.SOURCE_REFUSED


def _refuse(address: object, **options: object) -> socket.socket:
    raise ConnectionRefusedError


def test_the_servers_of_aws_may_not_be_private_to_a_user_s_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only as the platform's S3 they may."""
    answers(monkeypatch, "10.1.2.3")
    told = failure(opened("https://models.s3.eu-1.amazonaws.com/m.onnx", network=Network()))
    assert told.reason is Reason.SOURCE_REFUSED


def test_dns_that_changes_its_mind_gets_nowhere(
    page: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.put("/m.onnx", FILE)
    source = opened(page.url("/m.onnx", host="localhost"))
    answers(monkeypatch, "127.0.0.1", "169.254.169.254")
    assert source.head().size == 7
    told = failure(opened(page.url("/m.onnx", host="localhost")))
    assert told.reason is Reason.SOURCE_REFUSED
    assert len(page.asked) == 1


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let DNS answer one after another, and then the last for good; addresses are themselves."""
    left = list(addresses)
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        if host[0].isdigit():
            return real(host, port, *more, **named)
        chosen = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (chosen, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_that_dns_does_not_know_may_come_to_be_known() -> None:
    told = failure(opened("https://models.invalid/m.onnx"))
    assert told.reason is Reason.STORAGE_UNAVAILABLE
    assert "DNS does not know it" in told.message
    assert "AWS" not in told.message


def filled(folder: Path, **keys: str) -> Path:
    for name, value in keys.items():
        (folder / name).write_text(value)
    return folder


BASIC = "Basic " + base64.b64encode(b"me:pass:word").decode()


def host(page: Site) -> str:
    return f"127.0.0.1:{page.port}"


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({"HTTP_AUTHORIZATION": "Bearer abc\n"}, "Bearer abc"),
        ({"HTTP_USERNAME": "me", "HTTP_PASSWORD": "pass:word"}, BASIC),
    ],
)
def test_credentials_are_for_the_server_of_the_uri_alone(
    keys: dict[str, str], sent: str, page: Site, secret: Path
) -> None:
    page.put("/away", moved(page.url("/back", host="localhost")))
    page.put("/back", moved(page.url("/m.onnx")))
    page.put("/m.onnx", FILE)
    filled(secret, HTTP_HOST=host(page), **keys)
    assert opened(page.url("/away"), secret=secret).head().size == 7
    seen = {one.path: one.headers.get("Authorization") for one in page.asked}
    assert seen == {"/away": sent, "/back": None, "/m.onnx": sent}


def test_without_a_secret_nothing_is_sent(page: Site) -> None:
    opened(page.put("/m.onnx", FILE)).head()
    assert "Authorization" not in page.requests("/m.onnx")[0]
    assert "Cookie" not in page.requests("/m.onnx")[0]


def test_cookies_are_not_kept(page: Site) -> None:
    page.put("/m.onnx", status(302, Location="/on", Set_Cookie="a=b"))
    page.put("/on", FILE)
    opened(page.url("/m.onnx", host="localhost")).head()
    assert "Cookie" not in page.requests("/on")[0]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "does not exist in this namespace or has none of the keys"),
        ({"AWS_ACCESS_KEY_ID": "someone"}, "has none of the keys HTTP_AUTHORIZATION"),
        ({"HTTP_USERNAME": "me"}, "no key HTTP_PASSWORD"),
        ({"HTTP_PASSWORD": "hidden"}, "no key HTTP_USERNAME"),
        ({"HTTP_AUTHORIZATION": "Bearer hidden\r\nHost: b"}, "more than one line"),
        ({"HTTP_AUTHORIZATION": "Bearer hidden"}, "no key HTTP_HOST"),
        ({"HTTP_AUTHORIZATION": "Bearer hidd\xe9n"}, "other characters than ASCII"),
        ({"ca.crt": "hidden"}, "no certificate in PEM"),
    ],
)
def test_a_secret_that_is_wrong_is_explained(
    keys: dict[str, str], told: str, page: Site, secret: Path
) -> None:
    uri = page.put("/m.onnx", FILE)
    with pytest.raises(Failure, match=told) as caught:
        opened(uri, secret=filled(secret, **keys)).head()
    assert caught.value.reason is Reason.SECRET_MISSING
    assert "hidden" not in caught.value.message
    assert page.asked == []


def test_wrong_credentials_are_told_by_the_name_of_the_secret(page: Site, secret: Path) -> None:
    filled(secret, HTTP_HOST=host(page), **TOKEN)
    told = failure(opened(page.put("/m.onnx", status(403)), secret=secret))
    assert told.reason is Reason.ACCESS_DENIED
    assert "of the Secret web-secret" in told.message


@pytest.mark.parametrize("named", ["example.com", "127.0.0.1", "127.0.0.1:1"])
def test_credentials_are_not_sent_to_a_server_that_their_secret_does_not_name(
    named: str, page: Site, secret: Path
) -> None:
    """Somebody who may write ModelServices, and not read Secrets, names a server of their own."""
    uri = page.put("/m.onnx", FILE)
    filled(secret, HTTP_HOST=named, **TOKEN)
    with pytest.raises(Failure, match="is for another server") as caught:
        opened(uri, secret=secret)
    assert caught.value.reason is Reason.ACCESS_DENIED
    assert page.asked == []


TOKEN = {"HTTP_AUTHORIZATION": "Bearer canary-0123"}


@pytest.mark.parametrize("code", [302, 403, 404, 500, 200])
def test_what_a_server_repeats_is_not_repeated(code: int, page: Site, secret: Path) -> None:
    """Error pages and redirects are known to hold the request, its credentials included."""

    def repeat(request: Request) -> None:
        token = request.headers["Authorization"].replace(" ", "-")
        answer(
            request,
            code,
            token.encode(),
            Location=f"http://{token}.example.com/{token}",
            Content_Encoding=token,
            Content_Range=token,
        )

    filled(secret, HTTP_HOST=host(page), **TOKEN)
    told = failure(opened(page.put("/m.onnx", repeat), secret=secret))
    assert "canary" not in str(told)


@pytest.mark.parametrize("uri", ["http://example.com/m.onnx", "file:///m.onnx", "m.onnx", ""])
def test_another_scheme_is_explained(uri: str) -> None:
    with pytest.raises(Failure, match=r"https://host/path/model\.onnx") as caught:
        opened(uri)
    assert caught.value.reason is Reason.SOURCE_NOT_FOUND
