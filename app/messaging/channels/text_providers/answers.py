"""Answers of providers of text messages, as receipts.

A refusal is stored as `error CODE: WORDS`, so that the channel finds the provider's code in it again.
"""

import re
from collections.abc import Collection
from typing import Any, Final

import orjson

from app.core.http_client.client import Response
from app.messaging.channels.base import OutgoingMessage, Permanent, Receipt, Transient
from app.messaging.channels.provider_call import excerpt, retry_receipt

# The account takes no message at all, whoever gets it: a refused login, or an account that is not there.
_ACCOUNT_REFUSED: Final = frozenset({401, 403, 404})
_REDIRECTION: Final = 3  # a proxy or another server answers, not the provider
_CODE: Final = re.compile(r"error (\d{1,9})\b")


def refusal(code: object, words: object) -> str:
    """Return the text of a refusal with this code and these words of the provider."""
    return f"error {'unknown' if code is None else code}: {words}"


def code_of(response: str) -> int | None:
    """Return the provider's code in the text of a receipt; None if it has none."""
    found = _CODE.match(response)
    return int(found[1]) if found else None


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one for anything else."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return given if isinstance(given, dict) else {}


def to_receipt(
    answer: Response, error: tuple[object, str], message: OutgoingMessage, *, retried: Collection[int] = ()
) -> Receipt:
    """Return the receipt of a refusal. `error` is the provider's code and its words; `retried` are codes to retry."""
    code, words = error
    response = refusal(code, excerpt(words or str(answer.status), _texts(message)))
    if receipt := retry_receipt(answer, response):
        return receipt
    if answer.status in _ACCOUNT_REFUSED or answer.status // 100 == _REDIRECTION:
        return Transient(response, is_outage=True)
    return Transient(response) if code in retried else Permanent(response)


def _texts(message: OutgoingMessage) -> list[str]:
    parameters = message.provider_template.parameters if message.provider_template else ()
    return [message.body, message.address or "", *parameters]
