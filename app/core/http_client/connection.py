"""Connections that go to addresses that were looked at, and to no others; and that end in time."""

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


class Wire(httpcore.NetworkBackend):
    """Connects to one of these addresses, whatever the URL's host may mean by now; all of it ends at `deadline`.

    `has_spoken` says whether the other side may have heard anything of the request.
    """

    def __init__(self, addresses: Sequence[Address], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self.has_spoken = False

    def connect_tcp(  # noqa: PLR0917  (httpcore's contract)
        self,
        host: str,  # noqa: ARG002  (it was looked up, and is not asked again)
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first of the addresses that answers."""
        each = min(timeout or CONNECT_WITHIN, CONNECT_WITHIN) / len(self._addresses)
        *others, last = self._addresses
        for address in others:
            try:
                return self._connect(address, port, each, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port, each, local_address, socket_options)

    def time_left(self, at_most: float | None) -> float:
        """Seconds that a wait may take. Raises ReadTimeout when the time is over."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("timed out")
        return left if at_most is None else min(left, at_most)

    def _connect(self, address: Address, port: int, timeout: float, *options: Any) -> httpcore.NetworkStream:
        within = self.time_left(timeout)
        return _Stream(httpcore.SyncBackend().connect_tcp(str(address), port, within, *options), self)


class _Stream(httpcore.NetworkStream):
    """A connection in which each wait ends with the call's time: who sends a byte a second gains nothing."""

    def __init__(self, inner: httpcore.NetworkStream, wire: Wire) -> None:
        self._inner, self._wire = inner, wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._wire.time_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._wire.has_spoken = True
        self._inner.write(buffer, self._wire.time_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = min(self._wire.time_left(timeout), CONNECT_WITHIN)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, within), self._wire)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def trusted() -> ssl.SSLContext:
    """Whose certificates are believed: the system's, or those in the file that SSL_CERT_FILE names."""
    return _trusted(os.environ.get("SSL_CERT_FILE"))


@lru_cache(maxsize=4)
def _trusted(_: str | None) -> ssl.SSLContext:
    """Reading them takes 40 ms."""
    return ssl.create_default_context()


TROUBLE: Final = (
    *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol),
    *(httpcore.ConnectionNotAvailable, OSError, socket.gaierror, ssl.SSLError),
)
