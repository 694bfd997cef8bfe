"""Where a URL leads, and whether a call may go there.

A URL is looked at when it is saved, and anew at each call: what a name means may change in between.
"""

import re
import socket
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
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # how the last part of an IPv4 address looks, in any spelling
_DOTTED = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)


class NotAllowed(ValueError):
    """No call goes there."""


class Unresolved(NotAllowed):
    """There is no such host, or nobody knows just now."""


@dataclass(frozen=True)
class Target:
    """A URL, taken apart: the host as it is looked up, and what is asked of it (path and query)."""

    scheme: str
    host: str
    port: int
    asked: str

    @cached_property
    def is_named(self) -> bool:
        """Whether OUTGOING_ALLOW names this very host and port."""
        return f"{self.host}:{self.port}" in get_settings().outgoing_allow


def read_target(url: str) -> Target:
    """Take a URL apart. Raises NotAllowed for what no setting would allow."""
    parts = _split(url)
    host = _read_host(parts.hostname or "")
    asked = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port, asked)


def require_allowed(url: str) -> tuple[Target, list[Address]]:
    """Where the URL leads: all addresses that its host has now, each of which may be called.

    Looks the host up, which may take seconds. Raises NotAllowed, Unresolved.
    """
    target, settings = read_target(url), get_settings()
    if not (target.is_named or settings.outgoing_allow):
        _require_open(target, settings)  # nobody need be asked who that is
    addresses = _look_up(target)
    if not target.is_named and not all(_is_in_allowed_network(address, settings) for address in addresses):
        _require_open(target, settings)
        for address in addresses:
            if not (is_public(address) or _is_in_allowed_network(address, settings)):
                raise NotAllowed("leads into a private network")
    return target, addresses


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


def _read_host(host: str) -> str:
    """The host in lower case and ASCII. An IPv4 address has one spelling, with four decimal numbers."""
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


def _require_open(target: Target, settings: Settings) -> None:
    if target.scheme != "https":
        raise NotAllowed("must begin with https://")
    if target.port not in settings.outgoing_ports:
        raise NotAllowed(f"names port {target.port}; allowed: {', '.join(map(str, sorted(settings.outgoing_ports)))}")


def _look_up(target: Target) -> list[Address]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(read_address(str(place[0])) for *_, place in found))
    except (OSError, ValueError):
        raise Unresolved(f"{target.host} is not found") from None


def _is_in_allowed_network(address: Address, settings: Settings) -> bool:
    networks = [ip_network(place) for place in settings.outgoing_allow if "/" in place]
    return any(address in network for network in networks)
