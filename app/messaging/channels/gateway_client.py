"""Gateway client: one signed call, and the receipt for its response."""

import re
from collections.abc import Collection
from datetime import timedelta
from typing import Final

import orjson

from app import clock
from app.core.http_client import client
from app.core.http_client.client import NoResponse, NotSent, Response
from app.core.http_client.retry_after import read_retry_after
from app.core.http_client.signing import sign
from app.core.http_client.targets import NotAllowed, Unresolved
from app.core.type_aliases import JsonObject
from app.messaging.channels.base import Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.channels.gateway_payload import Endpoint

RETRYABLE_STATUSES: Final = frozenset({408, 425, 429})  # and every 5xx
OUTAGE_STATUSES: Final = frozenset({502, 503, 504})  # the gateway itself is away; 500 may be about one message
MAX_RETRY_AFTER: Final = timedelta(hours=1)  # the longest wait that a gateway may ask for
UNANSWERED: Final = "no answer after it was sent"  # begins the receipt of a call that may have arrived
MAX_EXCERPT_LENGTH: Final = 150  # characters of a refusal that are stored
MAX_SCANNED_LENGTH: Final = 1000  # characters of a refusal that are scanned for addresses

_ADDRESS = re.compile(r"[^\s<>@;,:\"']+@[^\s<>@;,:\"']+|\+?[0-9](?:[ ().\-/]{0,2}[0-9]){6,}")


def call(endpoint: Endpoint, call_id: str, payload: JsonObject, *, hide: Collection[str] | None = ()) -> Receipt:
    """Send `payload` as JSON in one signed call and return the receipt. Errors of gateway or network become receipts.

    The receipt of a refusal has the status and the beginning of the response, without e-mail addresses, phone numbers
    and the texts in `hide`. If `hide` is None, it has only the status.
    """
    body = orjson.dumps(payload)
    headers = {"Content-Type": "application/json", **sign(endpoint.secrets, call_id, body, at=clock.now())}
    try:
        answer = client.post(endpoint.url, body, headers)
    except Unresolved as error:
        return Transient(_not_found(error), is_outage=True)
    except NotAllowed as refusal:
        return Permanent(f"the gateway's URL {refusal}")
    except NotSent as error:
        return Transient(str(error), is_outage=True)
    except NoResponse as error:
        return unanswered_receipt(endpoint, str(error))
    return _to_receipt(answer, hide)


def probe(url: str, *, timeout: float) -> str | None:
    """Ask a gateway for the headers of its URL, without a message. Returns why it takes none; None if it answers.

    Takes at most `timeout` seconds. Any status but 502, 503 and 504 is an answer, such as 405.
    """
    try:
        status = client.head(url, timeout=timeout).status
    except Unresolved as error:
        return _not_found(error)
    except NotAllowed:
        return None  # the next message reports it
    except (NotSent, NoResponse) as error:
        return str(error)
    return f"status {status}" if status in OUTAGE_STATUSES else None


def _not_found(error: Unresolved) -> str:
    return f"the host of the gateway's URL is not found: {type(error).__name__}"


def unanswered_receipt(endpoint: Endpoint, error: str) -> Receipt:
    """Return Transient if the gateway is idempotent, so that repeating the call is safe, else Unknown."""
    response = f"{UNANSWERED}: {error}"
    return Transient(response, is_outage=True) if endpoint.is_idempotent else Unknown(response)


def _to_receipt(answer: Response, hide: Collection[str] | None) -> Receipt:
    if 200 <= answer.status < 300:  # noqa: PLR2004
        return Sent(str(answer.status))  # without the body, which may repeat the message
    response = str(answer.status) if hide is None else f"{answer.status} {_excerpt(answer.body, hide)}"
    if answer.status in RETRYABLE_STATUSES or answer.status >= 500:  # noqa: PLR2004
        wait = read_retry_after(answer.headers.get("retry-after", ""), most=MAX_RETRY_AFTER)
        return Transient(response, wait=wait, is_outage=answer.status in OUTAGE_STATUSES)
    return Permanent(response)


def _excerpt(body: bytes, hide: Collection[str]) -> str:
    text = _scanned_part(body.decode(errors="replace"))
    for secret in sorted(filter(None, hide), key=len, reverse=True):
        text = text.replace(secret, "…")
    return _ADDRESS.sub("<address>", text)[:MAX_EXCERPT_LENGTH]


def _scanned_part(text: str) -> str:
    """Return the beginning of the text, up to a space. The address pattern takes time quadratic in the length."""
    return text if len(text) <= MAX_SCANNED_LENGTH else text[:MAX_SCANNED_LENGTH].rpartition(" ")[0]
