"""The endpoint policy: every spelling of a forbidden address, before and after DNS."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.failure import Failure, Reason

Resolve = Callable[..., None]

ITSELF = [
    "http://127.0.0.1",
    "http://127.1",
    "http://127.0.0.1.",
    "http://0x7f.1",
    "http://0x7f000001",
    "http://2130706433",
    "http://017700000001",
    "http://0",
    "http://0.0.0.0",
    "http://localhost",
    "http://LOCALHOST",
    "http://[::1]",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[::127.0.0.1]",
    "http://[64:ff9b::7f00:1]",
    "http://[64:ff9b:1::7f00:1]",
    "http://[2002:7f00:1::]",
]
METADATA = [
    "http://169.254.169.254",
    "http://169.254.170.2",
    "http://0xa9fea9fe",
    "http://2852039166",
    "http://[::ffff:169.254.169.254]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[2002:a9fe:a9fe::]",
    "http://[fe80::1]",
    "http://[fe80::1%eth0]",
    "http://[fd00:ec2::254]",
    "http://100.100.100.200",
    "http://168.63.129.16",
]
NO_SERVER = ["http://224.0.0.1", "http://255.255.255.255", "http://[ff02::1]"]
NOT_PLAIN = [
    "http://\uff11\uff12\uff17.0.0.1",
    "http://127\u30020\u30020\u30021",
    "http://%31%32%37.0.0.1",
    "http://127.0.0.1%00.example.com",
    "http://user:secret@s3.example.com",
    "http://s3.example.com@127.0.0.1",
    "http://s3.example.com\\@127.0.0.1",
    "http://s3.example.com/path",
    "http://s3.example.com?x=1",
    "http://s3.example.com#x",
    "http://s3.example.com?",
    "http://s3.example.com#",
    "http://s3.example.com:port",
    "http://[::1",
    "http://s3.example.com\n",
    "http://s3.exa\tmple.com",
    " http://s3.example.com",
    "http://s3.example.com\x7f",
    "http://[gg::1]",
    "http://1.2.3.4.5",
    "http://999.1",
    "http://",
    "file:///etc/passwd",
    "gopher://s3.example.com",
    "s3.example.com",
    "",
]

STRICT = Network()


def reason(url: str, *, network: Network = STRICT, trusted: bool = True) -> Reason | None:
    try:
        network.check(url, trusted=trusted)
    except Failure as failure:
        return failure.reason
    return None


@pytest.mark.parametrize("url", ITSELF + METADATA + NO_SERVER + NOT_PLAIN)
def test_is_refused_even_for_the_endpoint_of_the_secret(url: str) -> None:
    everything = Network.of(["0.0.0.0/0", "::/0"])
    assert reason(url, network=everything) is Reason.ENDPOINT_REFUSED


@pytest.mark.parametrize("url", ["http://user:secret@s3.example.com"])
def test_a_refusal_does_not_repeat_a_password(url: str) -> None:
    with pytest.raises(Failure) as caught:
        Network().check(url, trusted=True)
    assert "secret@" not in caught.value.message


PRIVATE = [
    "http://10.1.2.3:9000",
    "http://192.168.0.1",
    "http://198.18.0.1:17070",
    "http://[fd12::1]",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_for_trusted_endpoints_and_allowed_networks(url: str) -> None:
    assert reason(url, trusted=True) is None
    assert reason(url, trusted=False) is Reason.ENDPOINT_REFUSED
    allowed = Network.of(["10.0.0.0/8", "192.168.0.0/16", "198.18.0.0/15", "fd00::/8"])
    assert reason(url, network=allowed, trusted=False) is None


@pytest.mark.parametrize("url", ["https://8.8.8.8", "https://[2001:4860:4860::8888]:443"])
def test_a_public_address_is_for_everyone(url: str) -> None:
    assert reason(url, trusted=False) is None


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Make DNS answer with these addresses."""

    def answer(*addresses: str) -> None:
        def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
            if not addresses:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return answer


def test_a_name_is_judged_by_every_address_it_has(resolve: Resolve) -> None:
    resolve("8.8.8.8", "169.254.169.254")
    assert reason("https://s3.example.com") is Reason.ENDPOINT_REFUSED
    resolve("8.8.8.8", "10.0.0.1")
    assert reason("https://s3.example.com", trusted=False) is Reason.ENDPOINT_REFUSED
    assert reason("https://s3.example.com", trusted=True) is None


def test_a_name_that_dns_does_not_know_may_come_to_be_known(resolve: Resolve) -> None:
    resolve()
    assert reason("https://s3.example.com") is Reason.STORAGE_UNAVAILABLE


def test_loopback_is_allowed_only_by_code() -> None:
    assert reason("http://127.0.0.1:9000", network=Network(allow_loopback=True)) is None
    assert not Network.of(["127.0.0.0/8"]).allow_loopback
