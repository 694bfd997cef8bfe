"""The one way to call a URL that somebody wrote down (security: SSRF).

https to a public host, no redirects, no proxies, no cookies, an end to all waiting, and little of the answer is read.
OUTGOING_ALLOW names what else may be called.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpcore

from app.config import get_settings
from app.core.http_client.connection import TROUBLE, Wire, trusted
from app.core.http_client.targets import Target, require_allowed

MOST_READ: Final = 64 * 1024  # bytes of an answer
_OURS: Final = {"User-Agent": "Relance", "Accept": "application/json", "Connection": "close"}


class NotReached(Exception):
    """Nothing was sent: nobody was there to take it."""


class Unanswered(Exception):
    """It was sent, at least in part, and no answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers in lower case, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send it once. Takes at most OUTGOING_TIMEOUT or half of SOFT_TIME_LIMIT, and a look at who the host is.

    Raises NotAllowed, Unresolved (nothing was sent), NotReached, Unanswered.
    """
    target, addresses = require_allowed(url)
    settings = get_settings()
    wire = Wire(addresses, time.monotonic() + min(settings.outgoing_timeout, settings.soft_time_limit / 2))
    try:
        with httpcore.ConnectionPool(ssl_context=trusted(), network_backend=wire) as line:
            return _exchange(line, target, body, {**_OURS, **headers})
    except TROUBLE as trouble:
        words = str(trouble) or type(trouble).__name__
        raise (Unanswered if wire.has_spoken else NotReached)(words) from trouble


def _exchange(line: httpcore.ConnectionPool, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    host = f"[{target.host}]" if ":" in target.host else target.host
    url = httpcore.URL(
        scheme=target.scheme.encode(), host=host.encode(), port=target.port, target=target.asked.encode()
    )
    with line.stream("POST", url, headers=list(headers.items()), content=body) as response:
        read = b""
        for part in response.iter_stream():
            read += part
            if len(read) >= MOST_READ:
                break
    said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(response.status, said, read[:MOST_READ])
