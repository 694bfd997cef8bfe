"""Network backend that connects only to checked addresses, with a deadline for the whole call."""

import os
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import httpcore

from app.core.http_client.addresses import Address

CONNECT_WITHIN: Final = 5.0  # seconds, for all addresses of a host together


class PinnedBackend(httpcore.NetworkBackend):
    """Connect to one of these addresses only, so that a changed DNS answer has no effect. All waits end at `deadline`.

    `deadline` is in seconds of the monotonic clock. `has_sent` is true once bytes of the request may have been sent.
    `peers` are the addresses of all connections that were made.
    """

    def __init__(self, addresses: Sequence[Address], deadline: float) -> None:
        self.peers: set[Address] = set()
        self.begin(addresses, deadline)

    def begin(self, addresses: Sequence[Address], deadline: float) -> None:
        """Start the next call. Connections that earlier calls made wait until the new deadline at most."""
        self._addresses = addresses
        self._deadline = deadline
        self.has_sent = self.has_connected = False

    def connect_tcp(  # noqa: PLR0917  (httpcore's contract)
        self,
        host: str,  # noqa: ARG002  (already resolved)
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[object] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        each = min(timeout or CONNECT_WITHIN, CONNECT_WITHIN) / len(self._addresses)
        *others, last = self._addresses
        for address in others:
            try:
                return self._connect(address, port, each, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port, each, local_address, socket_options)

    def time_left(self, at_most: float | None) -> float:
        """Return the seconds that a wait may take. Raises ReadTimeout after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("timed out")
        return left if at_most is None else min(left, at_most)

    def _connect(self, address: Address, port: int, timeout: float, *options: Any) -> httpcore.NetworkStream:
        within = self.time_left(timeout)
        stream = _Stream(httpcore.SyncBackend().connect_tcp(str(address), port, within, *options), self)
        self.has_connected = True
        self.peers.add(address)
        return stream


class _Stream(httpcore.NetworkStream):
    """A connection that waits until the call's deadline at most, so that a slow peer cannot extend it."""

    def __init__(self, inner: httpcore.NetworkStream, backend: PinnedBackend) -> None:
        self._inner, self._backend = inner, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._backend.time_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._backend.has_sent = True
        self._inner.write(buffer, self._backend.time_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = min(self._backend.time_left(timeout), CONNECT_WITHIN)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, within), self._backend)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def ssl_context() -> ssl.SSLContext:
    """Return the TLS context: the system's certificates, or those in the file of SSL_CERT_FILE."""
    return _trusted(os.environ.get("SSL_CERT_FILE"))


@lru_cache(maxsize=4)
def _trusted(_: str | None) -> ssl.SSLContext:
    """Cached by file name, because loading the certificates takes 40 ms."""
    return ssl.create_default_context()


NETWORK_ERRORS: Final = (
    *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol),
    *(httpcore.ConnectionNotAvailable, OSError, socket.gaierror, ssl.SSLError),
)
