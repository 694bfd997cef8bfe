"""Public IP addresses. Pure."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: IPv4 addresses in an IPv6-only network
_RELAYS: Final = IPv4Network("192.88.99.0/24")  # RFC 7526: 6to4 relays (deprecated)
# Networks that Python takes for global: tunnels to other addresses, and special purposes of the IANA registries.
_NOT_GLOBAL: Final = tuple(
    map(
        IPv6Network,
        (
            "::/96",  # IPv4-compatible addresses (deprecated)
            "64:ff9b:1::/48",  # RFC 8215: local translation
            "100::/32",  # RFC 6666, RFC 9780: discard and dummy prefixes
            "2001::/23",  # IETF protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # RFC 9637: documentation
            "5f00::/16",  # RFC 9602: segment routing
            "fec0::/10",  # site-local
        ),
    )
)


def read_address(text: str) -> Address:
    """Parse the address of a resolver's answer. One with a zone (`fe80::1%eth0`) is link-local. Raises ValueError."""
    return ip_address(text)


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet. For IPv6 that embeds IPv4, the IPv4 address is checked."""
    address = _meant_by(address)
    if isinstance(address, IPv6Address) and any(address in network for network in _NOT_GLOBAL):
        return False
    if isinstance(address, IPv4Address) and address in _RELAYS:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meant_by(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address
