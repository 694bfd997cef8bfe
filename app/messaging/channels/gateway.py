"""`http`: handed to a gateway of the clinic's, which hands it on: by text message, or on a social network."""

import json
from collections.abc import Iterator
from typing import Any

from app.core.http_client.targets import NotAllowed, Unresolved, require_allowed
from app.messaging.channels.base import OutgoingMessage, Permanent, Receipt
from app.messaging.channels.gateway_client import call


class GatewayChannel:
    def send(self, message: OutgoingMessage) -> Receipt:
        """Try once: a signed call, known by the message's id, the same at each try."""
        if message.parcel is None or message.address is None or message.message_id is None:
            return Permanent("the message's gateway is gone")
        parcel, to = message.parcel, json.loads(message.address)
        if refusal := _refusal(parcel.media_url):
            return Permanent(refusal)
        said = {
            "id": message.message_id,
            "type": parcel.type,
            "text": message.body,
            "media_url": parcel.media_url,
            "to": to,
            "lead_id": parcel.lead_id,
            "clinic": {"id": parcel.clinic_id, "name": message.sender_name},
        }
        return call(parcel.endpoint, message.message_id, said, hide=[message.body, *_texts(to)])


def _refusal(media_url: str | None) -> str | None:
    """Why the gateway is not told to fetch that: it may stand in our own network."""
    if media_url is None:
        return None
    try:
        require_allowed(media_url)
    except Unresolved:
        return None  # who fetches it may know better
    except NotAllowed as refusal:
        return f"the media URL {refusal}"
    return None


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for below in said.values():
            yield from _texts(below)
    elif isinstance(said, str):
        yield said
