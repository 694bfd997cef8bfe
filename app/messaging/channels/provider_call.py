"""One call to a provider of messages, and the receipts for calls that were not answered or not accepted."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from app.core.http_client import client
from app.core.http_client.client import NoResponse, NotSent, Response
from app.core.http_client.retry_after import read_retry_after
from app.core.http_client.targets import NotAllowed, Unresolved
from app.messaging.channels.base import Permanent, Transient, Unknown

RETRYABLE_STATUSES: Final = frozenset({408, 425, 429})  # and every 5xx
OUTAGE_STATUSES: Final = frozenset({502, 503, 504})  # the provider itself is away; 500 may be about one message
MAX_RETRY_AFTER: Final = timedelta(hours=1)  # the longest wait that a provider may ask for
UNANSWERED: Final = "no answer after it was sent"  # begins the receipt of a call that may have arrived
MAX_EXCERPT_LENGTH: Final = 150  # characters of a refusal that are stored
MAX_SCANNED_LENGTH: Final = 1000  # characters of a refusal that are scanned for addresses

_ADDRESS = re.compile(r"[^\s<>@;,:\"']+@[^\s<>@;,:\"']+|\+?[0-9](?:[ ().\-/]{0,2}[0-9]){6,}")


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, called: str
) -> Response | Transient | Permanent | Unknown:
    """Send one POST request. Returns the response, or the receipt of a call without one.

    `called` names the other side in receipts, such as `gateway`. Unknown: the message may have arrived.
    """
    try:
        return client.post(url, body, headers)
    except Unresolved as error:
        return Transient(not_found(error, called), is_outage=True)
    except NotAllowed as refusal:
        return Permanent(f"the {called}'s URL {refusal}")
    except NotSent as error:
        return Transient(str(error), is_outage=True)
    except NoResponse as error:
        return Unknown(f"{UNANSWERED}: {error}")


def not_found(error: Unresolved, called: str) -> str:
    """Return the words for a host that is not found."""
    return f"the host of the {called}'s URL is not found: {type(error).__name__}"


def retry_receipt(answer: Response, words: str) -> Transient | None:
    """Return Transient for a status that allows another attempt, with the wait that the provider asks for."""
    if answer.status not in RETRYABLE_STATUSES and answer.status < 500:  # noqa: PLR2004
        return None
    wait = read_retry_after(answer.headers.get("retry-after", ""), most=MAX_RETRY_AFTER)
    return Transient(words, wait=wait, is_outage=answer.status in OUTAGE_STATUSES)


def is_success(answer: Response) -> bool:
    """Return whether the provider accepted the message."""
    return 200 <= answer.status < 300  # noqa: PLR2004


def excerpt(words: str, hide: Collection[str]) -> str:
    """Return the beginning of a refusal, without e-mail addresses, phone numbers and the texts in `hide`."""
    text = _scanned_part(words)
    for secret in sorted(filter(None, hide), key=len, reverse=True):
        text = text.replace(secret, "…")
    return _ADDRESS.sub("<address>", text)[:MAX_EXCERPT_LENGTH]


def _scanned_part(text: str) -> str:
    """Return the beginning of the text, up to a space. The address pattern takes time quadratic in the length."""
    return text if len(text) <= MAX_SCANNED_LENGTH else text[:MAX_SCANNED_LENGTH].rpartition(" ")[0]
