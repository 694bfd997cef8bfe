"""`teams` channel: a notice to a user by a workflow of Microsoft Teams, as an Adaptive Card.

Office 365 connectors were switched off in 2025, so only the URLs of workflows are taken.
"""

from typing import Final

import orjson

from app.core.http_client.client import Response
from app.core.type_aliases import JsonDict
from app.messaging.channels import destination_client
from app.messaging.channels.base import Channel, ForUsers, OutgoingMessage, Permanent, Receipt
from app.messaging.channels.gateway_client import to_receipt
from app.messaging.channels.provider_call import post
from app.messaging.rendering.safe_text import one_line, shortened

HOSTS: Final = (".logic.azure.com", ".logic.azure.us", ".api.powerplatform.com", ".api.powerplatform.us")
MAX_BODY: Final = 8000  # characters; Teams takes cards of 28 KB

_CARD: Final = "application/vnd.microsoft.card.adaptive"


def check_url(url: str) -> None:
    """Check that the URL is that of a workflow. Raises NotAllowed."""
    destination_client.require_host(url, HOSTS, "the URL of a workflow of Teams (template “Send webhook alerts …”)")


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt."""
    if message.destination is None:
        return Permanent("the destination is gone")
    answer = post(
        message.destination.url, orjson.dumps(payload(message)), destination_client.JSON, called="destination"
    )
    return to_receipt(answer, destination_client.texts_of(message)) if isinstance(answer, Response) else answer


def payload(message: OutgoingMessage) -> JsonDict:
    """Return the body of the call: a message with one card. Text runs are plain, so that no name is markup."""
    card: JsonDict = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_text(one_line(message.subject), weight="Bolder", size="Medium"), *_paragraphs(message.body)],
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the lead", "url": message.link}]
    return {"type": "message", "attachments": [{"contentType": _CARD, "contentUrl": None, "content": card}]}


def _paragraphs(body: str) -> list[JsonDict]:
    return [_text(line) for line in shortened(body, MAX_BODY).splitlines() if line.strip()]


def _text(text: str, **style: str) -> JsonDict:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


CHANNEL: Final = Channel(name="teams", label="in Teams", send=send, for_users=ForUsers(has_destinations=True))
