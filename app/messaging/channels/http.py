"""`http` channel: a gateway of the clinic sends the message by SMS or on a social network.

Its settings are the clinic's gateways, and OUTGOING_ALLOW and OUTGOING_TIMEOUT for the calls.
"""

import json
from collections.abc import Iterator
from typing import Final

from app.core.http_client.targets import NotAllowed, Unresolved, resolve_allowed
from app.messaging.channels.base import (
    Channel,
    ForLeads,
    LeadContact,
    OutgoingMessage,
    Permanent,
    Receipt,
    TextPart,
    Unknown,
)
from app.messaging.channels.gateway_client import call, unanswered_receipt
from app.messaging.models import AddressKind
from app.messaging.rendering.variants import MediaType


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt: a signed call with the message's id, which is the same at each attempt."""
    if message.gateway_payload is None or message.address is None or message.message_id is None:
        return Permanent("the message's gateway is gone")
    gateway_payload, to = message.gateway_payload, json.loads(message.address)
    if refusal := _refusal(gateway_payload.media_url):
        return Permanent(refusal)
    payload = {
        "id": message.message_id,
        "type": gateway_payload.type,
        "text": message.body,
        "media_url": gateway_payload.media_url,
        "to": to,
        "lead_id": gateway_payload.lead_id,
        "clinic": {"id": gateway_payload.clinic_id, "name": message.sender_name},
    }
    return call(gateway_payload.endpoint, message.message_id, payload, hide=[message.body, *_texts(to)])


def _refusal(media_url: str | None) -> str | None:
    """Return why the gateway must not fetch that URL, such as an address in our own network; None: it may."""
    if media_url is None:
        return None
    try:
        resolve_allowed(media_url)
    except Unresolved:
        return None  # the gateway may be able to resolve it
    except NotAllowed as refusal:
        return f"the media URL {refusal}"
    return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def interrupted(message: OutgoingMessage, error: str) -> Receipt:
    """Return Transient if the gateway accepts the message's id as an idempotency key, else Unknown."""
    return unanswered_receipt(message.gateway_payload.endpoint, error) if message.gateway_payload else Unknown(error)


def destination(lead: LeadContact) -> str | None:
    """Return all addresses of the lead as JSON with `phone` and `social`; None if it has none."""
    social = {"platform": lead.social_platform, "handle": lead.social_handle} if lead.social_handle else None
    reach = {"phone": lead.phone, "social": social}
    return json.dumps(reach) if any(reach.values()) else None


CHANNEL: Final = Channel(
    name="http",
    label="through a gateway",
    send=send,
    for_leads=ForLeads(
        address=lambda lead: lead.phone or lead.social_handle, suppressed_by=AddressKind.PHONE, destination=destination
    ),
    parts=frozenset({TextPart.BODY, TextPart.MEDIA}),
    media=frozenset({MediaType.IMAGE, MediaType.VIDEO}),
    needs_gateway=True,
    message_id=str,
    interrupted=interrupted,
)
