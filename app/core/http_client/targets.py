"""Checks of outbound URLs: which host, port and addresses a call may use (protection against SSRF).

A URL is checked when it is saved and again at each call, because DNS may change in between.
"""

import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv6Address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna

from app.config import Settings, get_settings
from app.core.http_client.addresses import Address, is_public, read_address

LONGEST_URL: Final = 2000
DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # last part of an IPv4 address, in any notation
_DOTTED = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}", re.ASCII)
_LOCAL_NAMES: Final = (".localhost", ".local", ".internal")
_ASK: Final = "an operator can allow it with OUTGOING_ALLOW={place}"
_UNENCRYPTED: Final = {"http": "must begin with https://", "plain": "must be called with TLS or STARTTLS"}
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)


class NotAllowed(ValueError):
    """Calls to this URL are not allowed."""


class Unresolved(NotAllowed):
    """The host does not exist, or cannot be resolved now."""


@dataclass(frozen=True)
class Target:
    """A parsed URL. `host` is in the form used for DNS; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @cached_property
    def is_allowlisted(self) -> bool:
        """Whether OUTGOING_ALLOW lists this host and port."""
        return self.place in get_settings().outgoing_allow

    @property
    def place(self) -> str:
        """Return host and port, in the form of OUTGOING_ALLOW."""
        return f"{self.host}:{self.port}"


def parse_target(url: str) -> Target:
    """Parse a URL. Raises NotAllowed for a URL that no setting can allow."""
    parts = _split(url)
    host = read_host(parts.hostname or "")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port, path)


def names_public_host(target: Target) -> bool:
    """Whether the host is a public or allowed address, or a name other than that of this machine. Resolves nothing."""
    try:
        address = read_address(target.host)
    except ValueError:
        return not (target.host == "localhost" or target.host.endswith(_LOCAL_NAMES))
    return is_public(address) or _is_in_allowed_network(address, get_settings())


def resolve_allowed(url: str) -> tuple[Target, list[Address]]:
    """Return the target and the current addresses of its host, each of which may be called.

    Resolves the host, which may take seconds. Raises NotAllowed, Unresolved.
    """
    target = parse_target(url)
    return target, _allowed_addresses(target, get_settings().outgoing_ports)


def resolve_mail_server(host: str, port: int, *, ports: Collection[int], is_encrypted: bool) -> list[Address]:
    """Return the current addresses of a mail server, each of which may be called on this port.

    `ports` are the allowed ones. OUTGOING_ALLOW lists exceptions, as for URLs. Raises NotAllowed, Unresolved.
    """
    return _allowed_addresses(Target("tls" if is_encrypted else "plain", read_host(host), port, ""), ports)


def _allowed_addresses(target: Target, ports: Collection[int]) -> list[Address]:
    settings = get_settings()
    if not (target.is_allowlisted or settings.outgoing_allow):
        _require_allowed_port(target, ports)  # refused without a DNS lookup
    addresses = _resolve(target)
    if not target.is_allowlisted and not all(_is_in_allowed_network(address, settings) for address in addresses):
        _require_allowed_port(target, ports)
        for address in addresses:
            if not (is_public(address) or _is_in_allowed_network(address, settings)):
                raise NotAllowed(f"leads into a private network; {_ASK.format(place=target.place)}")
    return addresses


def _split(url: str) -> SplitResult:
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise NotAllowed(f"must be a URL of at most {LONGEST_URL} plain characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise NotAllowed("is no URL") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise NotAllowed("must begin with https:// and name a host")
    if "@" in parts.netloc:
        raise NotAllowed("must hold no user name and no password")
    return parts


def read_host(host: str) -> str:
    """Return the host in lower case and ASCII. An IPv4 address must have four decimal numbers."""
    if ":" in host:
        return _read_ipv6(host)
    host = host.rstrip(".")
    if not host.isascii():
        host = _encode(host)
    if not _HOST.fullmatch(host):
        raise NotAllowed("names no host")
    if _NUMBER.fullmatch(host.rpartition(".")[2]) and not _DOTTED.fullmatch(host):
        raise NotAllowed("writes an address in an unusual way")
    return host


def _read_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        raise NotAllowed("names no host") from None
    if address.scope_id is not None:
        raise NotAllowed("names a zone of this machine")
    return str(address)


def _encode(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise NotAllowed("names no host") from None


def _require_allowed_port(target: Target, ports: Collection[int]) -> None:
    if target.scheme in _UNENCRYPTED:
        raise NotAllowed(f"{_UNENCRYPTED[target.scheme]}; {_ASK.format(place=target.place)}")
    if target.port not in ports:
        allowed = ", ".join(map(str, sorted(ports)))
        raise NotAllowed(f"names port {target.port}; allowed: {allowed}; {_ASK.format(place=target.place)}")


def _resolve(target: Target) -> list[Address]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(read_address(str(place[0])) for *_, place in found))
    except (OSError, ValueError):
        raise Unresolved(f"{target.host} is not found") from None


def _is_in_allowed_network(address: Address, settings: Settings) -> bool:
    networks = [ip_network(place) for place in settings.outgoing_allow if "/" in place]
    return any(address in network for network in networks)
