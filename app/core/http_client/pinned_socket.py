"""Connections to mail servers that users enter: only to checked addresses, without another DNS lookup."""

import socket
from collections.abc import Collection
from typing import Final

from app.core.http_client.targets import resolve_mail_server

CONNECT_WITHIN: Final = 10.0  # seconds, for all addresses of a host together


def connect(host: str, port: int, *, ports: Collection[int], is_encrypted: bool) -> socket.socket:
    """Connect to the first address of the host that answers. The caller starts TLS.

    `ports` are the allowed ones; `is_encrypted` says whether TLS will be used. Raises NotAllowed, Unresolved, OSError.
    """
    addresses = resolve_mail_server(host, port, ports=ports, is_encrypted=is_encrypted)
    each = CONNECT_WITHIN / len(addresses)
    *others, last = addresses
    for address in others:
        try:
            return socket.create_connection((str(address), port), each)
        except OSError:
            continue
    return socket.create_connection((str(last), port), each)
