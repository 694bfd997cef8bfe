"""Calling a gateway: signed, once; and what its answer means."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from app import clock
from app.core.http_client import client
from app.core.http_client.client import Answer, NotReached, Unanswered
from app.core.http_client.signing import sign
from app.core.http_client.targets import NotAllowed, Unresolved
from app.messaging.channels.base import Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.channels.gateway_payload import Endpoint

LATER: Final = frozenset({408, 425, 429})  # and whatever is the server's own trouble
LONGEST_WAIT: Final = timedelta(hours=1)  # that a gateway may ask for
FIRST_WORDS: Final = 150  # characters of an answer that says no
LOOKED_AT: Final = 1000

_ADDRESS = re.compile(r"[^\s<>@;,:\"']+@[^\s<>@;,:\"']+|\+?[0-9](?:[ ().\-/]{0,2}[0-9]){6,}")


def call(endpoint: Endpoint, call_id: str, said: Mapping[str, Any], *, hide: Collection[str] | None = ()) -> Receipt:
    """Send it once. Raises nothing that the gateway or the network could be the cause of.

    What is kept of an answer that says no are its first words, without addresses and without anything of `hide`; with
    None, nothing but its status.
    """
    body = orjson.dumps(said)
    headers = {"Content-Type": "application/json", **sign(endpoint.secrets, call_id, body, at=clock.now())}
    try:
        answer = client.post(endpoint.url, body, headers)
    except Unresolved as trouble:
        return Transient(f"the host of the gateway's URL is not found: {type(trouble).__name__}")
    except NotAllowed as refusal:
        return Permanent(f"the gateway's URL {refusal}")
    except NotReached as trouble:
        return Transient(str(trouble))
    except Unanswered as trouble:
        return unanswered(endpoint, str(trouble))
    return _read(answer, hide)


def unanswered(endpoint: Endpoint, words: str) -> Receipt:
    """It may have arrived: sent again, a gateway that knows it by its id does nothing twice."""
    words = f"no answer after it was sent: {words}"
    return Transient(words) if endpoint.is_idempotent else Unknown(words)


def _read(answer: Answer, hide: Collection[str] | None) -> Receipt:
    if 200 <= answer.status < 300:  # noqa: PLR2004
        return Sent(str(answer.status))  # what it says may be what it was sent
    words = str(answer.status) if hide is None else f"{answer.status} {_first_words(answer.body, hide)}"
    if answer.status in LATER or answer.status >= 500:  # noqa: PLR2004
        return Transient(words, wait=_wait(answer.headers.get("retry-after", "")))
    return Permanent(words)


def _first_words(body: bytes, hide: Collection[str]) -> str:
    words = _beginning(body.decode(errors="replace"))
    for secret in sorted(filter(None, hide), key=len, reverse=True):
        words = words.replace(secret, "…")
    return _ADDRESS.sub("<address>", words)[:FIRST_WORDS]


def _beginning(words: str) -> str:
    """The words that are looked at: whole ones, and few, for looking for addresses takes the square of their length."""
    return words if len(words) <= LOOKED_AT else words[:LOOKED_AT].rpartition(" ")[0]


def _wait(retry_after: str) -> timedelta | None:
    """What `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or a date; no longer than an hour."""
    if retry_after.isascii() and retry_after.isdecimal():
        return min(timedelta(seconds=int(retry_after[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return min(max(_aware(until) - clock.now(), timedelta()), LONGEST_WAIT)


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
