"""Networks of callers: the keyed hash that groups hits, and whether an address belongs to a mail filter or a cloud."""

import hashlib
import hmac
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from app.core.key_derivation import key_for

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 48
_HASH_BYTES: Final = 16

# Published ranges of mail filters and large clouds. They change, and people surf through clouds too: one signal only.
_DATA_CENTRES: Final[tuple[_Network, ...]] = tuple(
    ip_network(one)
    for one in (
        # Microsoft
        *("40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "13.64.0.0/11", "20.33.0.0/16"),
        *("20.36.0.0/14", "20.40.0.0/13", "20.48.0.0/12", "20.64.0.0/10", "40.64.0.0/10", "52.224.0.0/11"),
        *("104.40.0.0/13", "2a01:111:f400::/48", "2603:1000::/24"),
        # Proofpoint, Mimecast, Barracuda, Cisco, Sophos
        *("67.231.144.0/20", "148.163.128.0/19", "205.220.160.0/19", "208.84.65.0/24", "185.183.28.0/22"),
        *("207.211.30.0/23", "205.139.110.0/23", "91.220.42.0/24", "195.130.217.0/24", "146.101.78.0/24"),
        *("64.235.144.0/20", "209.222.80.0/21", "68.232.128.0/19", "216.71.128.0/19", "184.94.240.0/20"),
        # Amazon
        *("3.0.0.0/9", "18.128.0.0/9", "34.192.0.0/10", "44.192.0.0/10", "52.0.0.0/11", "54.64.0.0/11"),
        *("54.144.0.0/12", "2600:1f00::/24", "2a05:d000::/25"),
        # Google
        *("34.64.0.0/10", "35.184.0.0/13", "35.192.0.0/12", "66.102.0.0/20", "66.249.64.0/19", "74.125.0.0/16"),
        *("64.233.160.0/19", "2600:1900::/28"),
        # DigitalOcean, Hetzner, OVH
        *("104.131.0.0/16", "138.68.0.0/16", "159.65.0.0/16", "167.99.0.0/16", "88.198.0.0/16", "95.216.0.0/15"),
        *("51.68.0.0/16", "51.75.0.0/16", "54.36.0.0/14"),
    )
)


def network_hash(address: str | None) -> bytes | None:
    """Return a keyed hash of the address's /24 or /48; None if it is no IP address."""
    parsed = _parse(address)
    if parsed is None:
        return None
    prefix = _IPV4_PREFIX if isinstance(parsed, IPv4Address) else _IPV6_PREFIX
    network = ip_network(f"{parsed}/{prefix}", strict=False)
    return hmac.digest(key_for("tracking network"), str(network).encode(), hashlib.sha256)[:_HASH_BYTES]


def is_data_centre(address: str | None) -> bool:
    """Return whether the address is in a known range of a mail filter or a cloud."""
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in _DATA_CENTRES)


def _parse(address: str | None) -> _Address | None:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
