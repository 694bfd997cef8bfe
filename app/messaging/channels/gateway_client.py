"""Gateway client: one signed call, and the receipt for its response."""

from collections.abc import Collection

import orjson

from app import clock
from app.core.http_client import client
from app.core.http_client.client import NoResponse, NotSent, Response
from app.core.http_client.signing import sign
from app.core.http_client.targets import NotAllowed, Unresolved
from app.core.type_aliases import JsonObject
from app.messaging.channels.base import Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.channels.gateway_payload import Endpoint
from app.messaging.channels.provider_call import (
    OUTAGE_STATUSES,
    UNANSWERED,
    excerpt,
    is_success,
    not_found,
    post,
    retry_receipt,
)


def call(endpoint: Endpoint, call_id: str, payload: JsonObject, *, hide: Collection[str] | None = ()) -> Receipt:
    """Send `payload` as JSON in one signed call and return the receipt. Errors of gateway or network become receipts.

    The receipt of a refusal has the status and the beginning of the response, without e-mail addresses, phone numbers
    and the texts in `hide`. If `hide` is None, it has only the status.
    """
    body = orjson.dumps(payload)
    headers = {"Content-Type": "application/json", **sign(endpoint.secrets, call_id, body, at=clock.now())}
    answer = post(endpoint.url, body, headers, called="gateway")
    if isinstance(answer, Response):
        return to_receipt(answer, hide)
    is_repeatable = isinstance(answer, Unknown) and endpoint.is_idempotent
    return Transient(answer.response, is_outage=True) if is_repeatable else answer


def probe(url: str, *, timeout: float) -> str | None:
    """Ask a gateway for the headers of its URL, without a message. Returns why it takes none; None if it answers.

    Takes at most `timeout` seconds. Any status but 502, 503 and 504 is an answer, such as 405.
    """
    try:
        status = client.head(url, timeout=timeout).status
    except Unresolved as error:
        return not_found(error, "gateway")
    except NotAllowed:
        return None  # the next message reports it
    except (NotSent, NoResponse) as error:
        return str(error)
    return f"status {status}" if status in OUTAGE_STATUSES else None


def unanswered_receipt(endpoint: Endpoint, error: str) -> Receipt:
    """Return Transient if the gateway is idempotent, so that repeating the call is safe, else Unknown."""
    response = f"{UNANSWERED}: {error}"
    return Transient(response, is_outage=True) if endpoint.is_idempotent else Unknown(response)


def to_receipt(answer: Response, hide: Collection[str] | None) -> Receipt:
    """Return the receipt for an answer. `hide`: as for `call`."""
    if is_success(answer):
        return Sent(str(answer.status))  # without the body, which may repeat the message
    words = None if hide is None else excerpt(answer.body.decode(errors="replace"), hide)
    response = str(answer.status) if words is None else f"{answer.status} {words}"
    return retry_receipt(answer, response) or Permanent(response)
