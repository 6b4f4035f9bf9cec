"""The endpoint policy against every spelling of an address that a URL can have.

An address is drawn from what is never allowed, written in a drawn way, and must be refused even as
the Secret's endpoint and with every network allowed; and nothing but a `Failure` may come out.
"""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.failure import Failure, Reason

EVERYTHING = Network.of(["0.0.0.0/0", "::/0"])
NEVER = ["127.0.0.0/8", "0.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32"]
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15"]

prefixes = st.sampled_from(["::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "::"])


def addresses(networks: list[str]) -> st.SearchStrategy[ipaddress.IPv4Address]:
    return st.one_of([st.ip_addresses(v=4, network=network) for network in networks]).map(
        lambda address: ipaddress.IPv4Address(int(address))
    )


@st.composite
def spelled(draw: st.DrawFn, networks: list[str]) -> str:
    """The host of a URL that leads to an address of the networks."""
    address = draw(addresses(networks))
    if draw(st.booleans()):
        return draw(st.sampled_from([_in_ipv6, _in_six_to_four]))(draw, address)
    return _in_ipv4(draw, address)


def _in_ipv4(draw: st.DrawFn, address: ipaddress.IPv4Address) -> str:
    """One to four numbers, each decimal, octal or hexadecimal; the last takes what is left."""
    value, count = int(address), draw(st.integers(1, 4))
    numbers = [(value >> (24 - 8 * place)) & 0xFF for place in range(count - 1)]
    numbers.append(value & ((1 << (32 - 8 * (count - 1))) - 1))
    host = ".".join(_number(draw, number) for number in numbers)
    return host + draw(st.sampled_from(["", "."]))


def _number(draw: st.DrawFn, value: int) -> str:
    zeros = "0" * draw(st.integers(0, 3))
    return draw(
        st.sampled_from([str(value), f"0{zeros}{value:o}", f"0x{zeros}{value:x}", f"0X{value:X}"])
    )


def _in_ipv6(draw: st.DrawFn, address: ipaddress.IPv4Address) -> str:
    """In a prefix that holds IPv4 addresses; the last four bytes may be written as one."""
    whole = ipaddress.IPv6Address(int(ipaddress.IPv6Address(draw(prefixes))) + int(address))
    dotted = f"{whole.exploded[:-10]}:{address}"
    return f"[{draw(st.sampled_from([str(whole), whole.exploded, str(whole).upper(), dotted]))}]"


def _in_six_to_four(draw: st.DrawFn, address: ipaddress.IPv4Address) -> str:
    rest = draw(st.integers(0, 2**80 - 1))
    return f"[{ipaddress.IPv6Address((0x2002 << 112) + (int(address) << 80) + rest)}]"


def outcome(url: str, *, network: Network, trusted: bool) -> Reason | None:
    try:
        network.check(url, trusted=trusted)
    except Failure as failure:
        return failure.reason
    return None


@pytest.fixture(autouse=True, scope="module")
def _dns() -> Iterator[None]:
    """Every name has a public address, so that a host which is taken for a name shows."""

    def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


schemes = st.sampled_from(["http", "https", "HTTP", "hTTps"])
ports = st.sampled_from(["", ":80", ":443", ":65535"])


@given(scheme=schemes, host=spelled(NEVER), port=ports)
def test_what_is_never_allowed_is_refused_in_every_spelling(
    scheme: str, host: str, port: str
) -> None:
    url = f"{scheme}://{host}{port}"
    assert outcome(url, network=EVERYTHING, trusted=True) is Reason.ENDPOINT_REFUSED


@given(scheme=schemes, host=spelled(PRIVATE), port=ports)
def test_what_is_private_is_refused_to_strangers_in_every_spelling(
    scheme: str, host: str, port: str
) -> None:
    url = f"{scheme}://{host}{port}"
    assert outcome(url, network=Network(), trusted=False) is Reason.ENDPOINT_REFUSED


@given(
    forbidden=addresses(NEVER),
    others=st.lists(st.just("8.8.8.8"), max_size=4),
    place=st.integers(0, 4),
)
def test_a_name_is_refused_for_any_of_its_addresses(
    forbidden: ipaddress.IPv4Address, others: list[str], place: int
) -> None:
    answers = [*others]
    answers.insert(place, str(forbidden))

    def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answers]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        assert (
            outcome("https://s3.example.com", network=EVERYTHING, trusted=True)
            is Reason.ENDPOINT_REFUSED
        )


@given(
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    scheme=schemes,
    host=st.sampled_from(["s3.example.com", "127.0.0.1", "[::1]", ""]),
)
def test_no_text_gets_past_but_a_plain_endpoint(
    before: str, after: str, scheme: str, host: str
) -> None:
    """What stands around a host is refused, or is part of a plain name with a public address."""
    url = f"{scheme}://{before}{host}{after}"
    if outcome(url, network=EVERYTHING, trusted=True) is not None:
        return
    rest = url.partition("://")[2].removesuffix("/")
    name, _, port = rest.partition(":")
    assert all(sign.isascii() and (sign.isalnum() or sign in "._-") for sign in name), url
    assert port == "" or (port.isascii() and port.isdigit()), url
    assert name != "127.0.0.1"


@given(url=st.text(min_size=7, max_size=60))
def test_any_text_is_judged_and_never_repeated(url: str) -> None:
    told = ""
    try:
        EVERYTHING.check(url, trusted=True)
    except Failure as failure:
        told = failure.message
    assert url not in told
