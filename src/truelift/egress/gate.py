"""Decides whether an address may be fetched, and pins it to the machine that it means now."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from truelift.errors import Refusal


Address = ipaddress.IPv4Address | ipaddress.IPv6Address

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host; raises OSError when it has none."""

_KEPT: Final = "%/:?#[]@!$&'()*+,;=~|^{}"
"""What stands in a path as it is; letters beyond ASCII are written as a browser writes them."""

_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_NEVER: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # Azure answers virtual machines here, on a public address
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata
            "192.88.99.0/24",  # 6to4 relays
            "64:ff9b:1::/48",  # local translation to IPv4
            "2001::/23",  # Teredo and other special uses
            "100::/64",
            "5f00::/16",
        ),
    )
)
_METADATA: Final = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "168.63.129.16/32"),
    )
)
"""Where clouds tell machines their secrets; no name that is allowed leads here."""


class BadAddress(Refusal):
    """An address that is not one, or not of the web."""

    code = "egress.bad_address"

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(
            f"{url[:200]!r} cannot be fetched: {reason}. Give an address such as"
            " https://shop.example/page.",
            url=url[:200],
            reason=reason,
        )


class PrivateAddress(Refusal):
    """A host that lies in the company's own network, on this machine, or nowhere."""

    code = "egress.private_address"

    def __init__(self, *, host: str, address: str) -> None:
        super().__init__(
            f"{host} is {address}, which is not on the public internet. If Truelift may go"
            f" there, add {host} to TRUELIFT_EGRESS_ALLOW and restart.",
            host=host,
            address=address,
        )


class HostNotVerified(Refusal):
    """A page of a host that the site has not shown to be its own."""

    code = "egress.host_not_verified"

    def __init__(self, *, host: str) -> None:
        super().__init__(
            f"The site has not verified that {host} is its own. An owner can do that on the page"
            " of its hosts.",
            host=host,
        )


class HostUnknown(Refusal):
    """A host that has no address."""

    code = "egress.host_unknown"

    def __init__(self, *, host: str) -> None:
        super().__init__(f"{host} has no address. Correct its name.", host=host)


@dataclass(frozen=True, slots=True)
class Target:
    """Where exactly a connection goes.

    Attributes:
        scheme: `http` or `https`.
        host: Its name in small letters, or its address without brackets.
        port: The port.
        address: The machine that was checked; connect to this one and resolve no more.
        path: With its query; begins with a slash.
    """

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def netloc(self) -> str:
        """Host, and port where it is not the usual one, as a `Host` header says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS[self.scheme] == self.port else f"{host}:{self.port}"


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the machine's own resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Gate:
    """Which addresses may be fetched.

    Attributes:
        allowed: `host` or `host:port`, of which the operator said that they may be private.
        resolve: What gives a host's addresses.
    """

    allowed: tuple[str, ...] = ()
    resolve: Resolve = system_resolver

    def check(self, url: str, *, hosts: Sequence[str] | None = None) -> Target:
        """Let an address through, pinned to a machine, or refuse it.

        Args:
            url: The address, of a redirect as well.
            hosts: `host` or `host:port`; no others. None: any public one.

        Raises:
            BadAddress: It is none, or not of the web.
            HostNotVerified: Its host is not one of those given.
            HostUnknown: Its host has no address.
            PrivateAddress: It is not on the public internet, and nobody allowed it.
        """
        parts, host, port = parsed(url) if hosts is None else of_hosts(url, hosts=hosts)
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT)
        return Target(parts.scheme, host, port, self.pinned(host, port), path)

    def pinned(self, host: str, port: int) -> str:
        """Give the one address of a host that a connection goes to.

        Every address that it has is looked at: a name that means a public and a private
        machine by turns is refused.

        Raises:
            HostUnknown: It has none.
            PrivateAddress: One is not on the public internet, and nobody allowed it.
        """
        host = host.lower().rstrip(".")
        literal = _literal(host)
        try:
            found = [str(literal)] if literal else list(self.resolve(host, port))
            addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
        except (OSError, UnicodeError, ValueError) as error:
            raise HostUnknown(host=host) from error
        if not addresses:
            raise HostUnknown(host=host)
        allowed = named(host, port, self.allowed, usual=True)
        for address in addresses:
            if allowed and (literal or not _is_in(address, _METADATA)):
                continue
            if not is_public(address):
                raise PrivateAddress(host=host, address=str(address))
        return str(addresses[0])


def parsed(url: str) -> tuple[SplitResult, str, int]:
    """Take an address of the web apart: its parts, the host in plain letters, and the port.

    Raises:
        BadAddress: It is none.
    """
    if any(ord(letter) < 0x21 or letter == "\\" for letter in url) or len(url) > 4000:
        raise BadAddress(url=url, reason="it has a blank, a backslash or too many letters")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError as error:
        raise BadAddress(url=url, reason="it is no address") from error
    if parts.scheme not in _PORTS:
        raise BadAddress(url=url, reason="only http and https are fetched")
    if parts.username is not None or parts.password is not None:
        raise BadAddress(url=url, reason="it carries a user or password")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError as error:
            raise BadAddress(url=url, reason="its host is no name") from error
    if _literal(host) is None:
        if not _NAME.fullmatch(host):
            raise BadAddress(url=url, reason="its host is no name")
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            # 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to many programs.
            raise BadAddress(url=url, reason="its host is a number in an unusual form")
    return parts, host, port or _PORTS[parts.scheme]


def of_hosts(url: str, *, hosts: Sequence[str]) -> tuple[SplitResult, str, int]:
    """Take an address apart that must be of one of these hosts; no name is looked up.

    Raises:
        BadAddress: It is none, or not of the web.
        HostNotVerified: Its host is not one of those given.
    """
    parts, host, port = parsed(url)
    usual = port == _PORTS[parts.scheme]
    if not named(host, port, hosts, usual=usual):
        raise HostNotVerified(host=host if usual else f"{host}:{port}")
    return parts, host, port


def named(host: str, port: int, hosts: Sequence[str], *, usual: bool) -> bool:
    """Say whether a host is one of a list; an entry without port means the usual ones.

    Args:
        host: In small letters.
        port: Where it would be spoken to.
        hosts: `host` or `host:port`.
        usual: Whether entries without a port mean this port.
    """
    shown = f"[{host}]" if ":" in host else host
    known = {each.strip().lower().rstrip(".") for each in hosts}
    return f"{shown}:{port}" in known or (usual and bool({host, shown} & known))


def is_public(address: Address) -> bool:
    """Say whether an address is a machine on the public internet, however it is written."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and (address in _NAT64 or address in _COMPATIBLE):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not _is_in(address, _NEVER)
    )


def _is_in(
    address: Address, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return any(address in network for network in networks if network.version == address.version)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
