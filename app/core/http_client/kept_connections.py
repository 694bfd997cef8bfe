"""HTTP client that keeps connections open, for many calls to the same hosts. It checks the host at each call."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import httpcore

from app.core.http_client.addresses import Address
from app.core.http_client.client import Response, exchange, failure, post_timeout
from app.core.http_client.connection import NETWORK_ERRORS, PinnedBackend, ssl_context
from app.core.http_client.targets import Target, resolve_allowed

MAX_HOSTS: Final = 8  # whose connections stay open
IDLE_SECONDS: Final = 4.0  # many servers close a connection after five


class KeptConnections:
    """One open connection to each of the last hosts. Only one thread may use it at a time."""

    def __init__(self) -> None:
        self._by_host: OrderedDict[tuple[str, str], _Connection] = OrderedDict()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Send one POST request, as `client.post` does and with the same errors.

        A server may close an open connection just when the request is sent. The request is then sent again over a new
        connection, so use this for receivers that recognize repeated calls only.
        """
        target, addresses = resolve_allowed(url)
        connection = self._connection_to(target, addresses)
        try:
            return connection.post(target, body, headers)
        except NETWORK_ERRORS as error:
            self.forget(target)
            raise failure(connection.backend, error) from error

    def forget(self, target: Target) -> None:
        """Close the connection to the host, if there is one."""
        if connection := self._by_host.pop((target.scheme, target.place), None):
            connection.pool.close()

    def _connection_to(self, target: Target, addresses: Sequence[Address]) -> "_Connection":
        key = target.scheme, target.place
        found = self._by_host.get(key)
        if found is not None and not found.backend.peers <= {*addresses}:
            self.forget(target)  # the host has another address now
            found = None
        connection = found or _Connection()
        connection.backend.begin(addresses, time.monotonic() + post_timeout())
        self._by_host[key] = connection
        self._by_host.move_to_end(key)
        if len(self._by_host) > MAX_HOSTS:
            self._by_host.popitem(last=False)[1].pool.close()
        return connection


class _Connection:
    """A connection to one host."""

    def __init__(self) -> None:
        self.backend = PinnedBackend((), 0.0)
        self.pool = httpcore.ConnectionPool(
            ssl_context=ssl_context(), network_backend=self.backend, max_connections=1, keepalive_expiry=IDLE_SECONDS
        )

    def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Response:
        try:
            return exchange(self.pool, target, "POST", (body, headers))
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            if self.backend.has_connected:
                raise
        return exchange(self.pool, target, "POST", (body, headers))  # the server had closed the open connection
