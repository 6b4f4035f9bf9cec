"""Which addresses a URL of a ModelService may lead to, so that it is no way into the platform.

Loopback, link-local and metadata addresses are always refused. Private ones are for endpoints
that come from the Secret or the platform (`trusted`) and for `security.allowedNetworks`. A host is
judged after DNS, by every address that it has, and a literal address in whatever spelling a URL
parser takes for one (`127.1`, `0x7f000001`, `::ffff:127.0.0.1`, NAT64, 6to4). What is refused is
not repeated: the endpoint stands in a Secret, and messages reach a status that more people read.

`check` looks before anything else is done, for a message that says what to correct. What counts is
`guard`, which judges each connection of a client by `addresses` when it is made.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from modelservice_runtime.failure import Failure, Reason

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Hosts in letters, digits, dots and hyphens only: percent-encoding, full-width digits and other
# Unicode that URL parsers fold into an address are refused rather than folded once more here.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")

_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # AWS, Azure, Google and most others
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server, a public address
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google over IPv6
    )
)
_THIS_HOST = ipaddress.ip_network("0.0.0.0/8")  # Linux connects 0.0.0.0 to itself
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")


@dataclass(frozen=True)
class Subject:
    """What led to an address, and what to do where it may not: words for messages."""

    name: str
    advice: str
    reason: Reason

    def refused(self, problem: str) -> Failure:
        """`problem` goes on after the name: "leads to …"."""
        return Failure(reason=self.reason, message=f"{self.name} {problem}. {self.advice}")


ENDPOINT = Subject(
    name="The endpoint",
    advice="Correct AWS_ENDPOINT_URL in the Secret.",
    reason=Reason.ENDPOINT_REFUSED,
)


@dataclass(frozen=True)
class Network:
    """The platform's policy. `allow_loopback` is for tests: nothing that a user sets reaches it."""

    allowed: tuple[IPNetwork, ...] = ()
    allow_loopback: bool = False

    @classmethod
    def of(cls, networks: Iterable[str]) -> Self:
        """The policy of `security.allowedNetworks` (CIDRs)."""
        return cls(allowed=tuple(ipaddress.ip_network(network) for network in networks))

    def check(self, url: str, *, trusted: bool) -> None:
        """Raise `Failure` unless every address of the URL's host may be connected to.

        `trusted` says that the URL is the S3 endpoint of the Secret or of the platform, which may
        be private. A name that does not resolve (now) is `StorageUnavailable`, which heals.
        """
        host, port = _host_and_port(url)
        self.addresses(host, port=port, trusted=trusted)

    def addresses(
        self, host: str, *, port: int, trusted: bool, subject: Subject = ENDPOINT
    ) -> tuple[str, ...]:
        """The addresses of a host; raises `Failure` where one of them may not be connected to.

        `subject` is what led to the host, for the message.
        """
        found = _addresses(host, port=port, subject=subject)
        for address in found:
            problem = self._problem(address, trusted=trusted)
            if problem is not None:
                raise subject.refused(f"leads to {problem}")
        return tuple(str(address) for address in found)

    def _problem(self, address: Address, *, trusted: bool) -> str | None:
        for one in _with_embedded(address):
            if one.is_loopback or one in _THIS_HOST:
                if not self.allow_loopback:
                    return "an address of the pod itself, which is never allowed"
                continue
            if one in _METADATA or one.is_link_local:
                return "a link-local or metadata address, which is never allowed"
            if one.is_multicast or one.is_unspecified or one == _BROADCAST:
                return "a multicast or broadcast address, which no server has"
            if not one.is_global and not trusted and not any(one in net for net in self.allowed):
                return "a private address outside the platform's security.allowedNetworks"
        return None


_BROADCAST = ipaddress.ip_address("255.255.255.255")


def _host_and_port(url: str) -> tuple[str, int]:
    if not (url.isascii() and url.isprintable()) or " " in url:
        # URL parsers drop some of these and keep others, each its own.
        raise ENDPOINT.refused("must be written without spaces and special characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ENDPOINT.refused(
            "is not a URL; write it as https://host or https://host:port"
        ) from None
    if parts.scheme not in ("http", "https"):
        raise ENDPOINT.refused("must be a URL that begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ENDPOINT.refused("holds a user name or password; these belong into the Secret")
    if parts.path not in ("", "/") or any(mark in url for mark in "\\?#"):
        raise ENDPOINT.refused("must be https://host or https://host:port, with nothing after it")
    host = parts.hostname or ""
    if ":" not in host and not _PLAIN_HOST.fullmatch(host):
        raise ENDPOINT.refused("has a host with more than letters, digits, dots and hyphens")
    return host, port or (443 if parts.scheme == "https" else 80)


def canonical(host: str) -> str:
    """A host as URL parsers write it in the end, whichever way it was spelled."""
    try:
        address = _literal(host, subject=ENDPOINT)
    except Failure:
        address = None
    return str(address) if address is not None else host.rstrip(".").lower()


def _literal(host: str, *, subject: Subject) -> Address | None:
    """The address that a host is, None for a name; `Failure` for what looks like one and is not."""
    bare = host.rstrip(".")
    if ":" in bare:
        try:
            return ipaddress.IPv6Address(bare.partition("%")[0])
        except ValueError:
            raise subject.refused("leads to a host that is no IPv6 address") from None
    if _NUMBER.fullmatch(bare.rpartition(".")[2]):
        # URL parsers take a host whose last label is a number for an IPv4 address, whole.
        try:
            return ipaddress.IPv4Address(socket.inet_aton(bare))
        except OSError:
            raise subject.refused("leads to a host that is no IPv4 address") from None
    return None


def _addresses(host: str, *, port: int, subject: Subject) -> tuple[Address, ...]:
    address = _literal(host, subject=subject)
    if address is not None:
        return (address,)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failure(
            reason=Reason.STORAGE_UNAVAILABLE,
            message=f"{subject.name} leads to a host without an address (DNS does not know it). "
            f"{subject.advice} Or wait until the name exists.",
        ) from None
    return tuple(ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found)


def _with_embedded(address: Address) -> tuple[Address, ...]:
    """The address, and the IPv4 address that a gateway or the kernel would make of it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return address, address.sixtofour
    if address.teredo is not None:
        return address, address.teredo[1]
    embeds = any(address in network for network in _NAT64)
    # "::" and "::1" lie in ::/96 too, and are what they are.
    embeds = embeds or (address in _IPV4_COMPATIBLE and int(address) > 1)
    if embeds:
        return address, ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return (address,)
