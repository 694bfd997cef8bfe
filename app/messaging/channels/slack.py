"""`slack` channel: a notice to a user by an incoming webhook of Slack."""

from typing import Final

import orjson

from app.core.http_client.client import Response
from app.core.type_aliases import JsonDict
from app.messaging.channels import destination_client
from app.messaging.channels.base import Channel, ForUsers, OutgoingMessage, Permanent, Receipt
from app.messaging.channels.gateway_client import to_receipt
from app.messaging.channels.provider_call import post
from app.messaging.rendering.safe_text import one_line, shortened

HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
MAX_HEADING, MAX_SECTION = 150, 3000  # characters that Slack takes in these blocks


def check_url(url: str) -> None:
    """Check that the URL is an incoming webhook. Raises NotAllowed."""
    destination_client.require_host(url, HOSTS, "the URL of an incoming webhook (https://hooks.slack.com/services/…)")


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt."""
    if message.destination is None:
        return Permanent("the destination is gone")
    answer = post(
        message.destination.url, orjson.dumps(payload(message)), destination_client.JSON, called="destination"
    )
    return to_receipt(answer, destination_client.texts_of(message)) if isinstance(answer, Response) else answer


def payload(message: OutgoingMessage) -> JsonDict:
    """Return the body of the call: a text for notifications, and blocks. Texts are plain, so that no name is markup."""
    blocks: list[JsonDict] = [
        {"type": "header", "text": _plain(one_line(message.subject), MAX_HEADING)},
        {"type": "section", "text": _plain(message.body, MAX_SECTION)},
    ]
    if message.link:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{message.link}|Open the lead>"}})
    return {"text": _escaped(one_line(message.subject)), "blocks": [block for block in blocks if block["text"]["text"]]}


def _plain(text: str, most: int) -> JsonDict:
    return {"type": "plain_text", "text": shortened(text, most), "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


CHANNEL: Final = Channel(name="slack", label="in Slack", send=send, for_users=ForUsers(has_destinations=True))
