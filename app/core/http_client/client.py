"""HTTP client for URLs that users enter (protected against SSRF). All such calls go through `post`, `get` and `head`.

Only https to public hosts; no redirects, proxies or cookies; a total timeout; only the start of the response is read.
OUTGOING_ALLOW lists exceptions.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpcore

from app.config import get_settings
from app.core.http_client.connection import NETWORK_ERRORS, PinnedBackend, ssl_context
from app.core.http_client.targets import Target, resolve_allowed

MAX_RESPONSE_BYTES: Final = 64 * 1024  # of a response body
_OURS: Final = {"User-Agent": "Relance", "Accept": "application/json"}
_CLOSE: Final = {"Connection": "close"}


class NotSent(Exception):
    """The request was not sent: no connection could be made."""


class NoResponse(Exception):
    """The request was sent, at least in part, but no response came."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response: the status, the headers with lower-case names, and the start of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """Send one POST request. After the DNS lookup it takes at most OUTGOING_TIMEOUT or half of SOFT_TIME_LIMIT.

    Raises NotAllowed, Unresolved and NotSent (nothing was sent), and NoResponse.
    """
    return _request("POST", url, (body, headers), timeout=post_timeout())


def post_timeout() -> float:
    """Return the seconds that one POST request may take after the DNS lookup."""
    settings = get_settings()
    return min(settings.outgoing_timeout, settings.soft_time_limit / 2)


def head(url: str, *, timeout: float) -> Response:
    """Ask for the headers of a URL, in `timeout` seconds or OUTGOING_TIMEOUT. Raises the same errors as `post`."""
    return _request("HEAD", url, (b"", {}), timeout=min(timeout, get_settings().outgoing_timeout))


def get(url: str, *, timeout: float) -> Response:
    """Get a URL, in `timeout` seconds or OUTGOING_TIMEOUT. Raises the same errors as `post`."""
    return _request("GET", url, (b"", {"Accept": "*/*"}), timeout=min(timeout, get_settings().outgoing_timeout))


def _request(method: str, url: str, content: tuple[bytes, Mapping[str, str]], *, timeout: float) -> Response:
    body, headers = content
    target, addresses = resolve_allowed(url)
    backend = PinnedBackend(addresses, time.monotonic() + timeout)
    try:
        with httpcore.ConnectionPool(ssl_context=ssl_context(), network_backend=backend) as pool:
            return exchange(pool, target, method, (body, {**_CLOSE, **headers}))
    except NETWORK_ERRORS as error:
        raise failure(backend, error) from error


def failure(backend: PinnedBackend, error: Exception) -> NotSent | NoResponse:
    """Return the error of a call that failed in the network."""
    return (NoResponse if backend.has_sent else NotSent)(str(error) or type(error).__name__)


def exchange(
    pool: httpcore.ConnectionPool, target: Target, method: str, content: tuple[bytes, Mapping[str, str]]
) -> Response:
    """Send one request over a connection of the pool, and read the response. Raises the errors of httpcore."""
    body, headers = content
    host = f"[{target.host}]" if ":" in target.host else target.host
    url = httpcore.URL(scheme=target.scheme.encode(), host=host.encode(), port=target.port, target=target.path.encode())
    with pool.stream(method, url, headers=list({**_OURS, **headers}.items()), content=body) as response:
        read = b""
        for part in response.iter_stream():
            read += part
            if len(read) >= MAX_RESPONSE_BYTES:
                break
    received = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Response(response.status, received, read[:MAX_RESPONSE_BYTES])
