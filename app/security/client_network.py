"""Client network: the part of an IP address that one attacker cannot vary freely. Rate limits count by it."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

IPV6_PREFIX: Final = 64  # a provider gives a customer at least this many bits to choose from


def client_network(address: str) -> str:
    """Return an IPv4 address as it is, and an IPv6 address as its /64 network. Other texts stay unchanged."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
