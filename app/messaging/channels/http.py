"""`http`: handed to a gateway of the clinic, which sends it by text message or on a social network.

Its settings are the clinic's gateways, and OUTGOING_ALLOW and OUTGOING_TIMEOUT for the calls.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from app.core.http_client.targets import NotAllowed, Unresolved, require_allowed
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
from app.messaging.channels.gateway_client import call, unanswered
from app.messaging.models import Way


def send(message: OutgoingMessage) -> Receipt:
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
    """Return why the gateway must not fetch that URL: it may be in our own network."""
    if media_url is None:
        return None
    try:
        require_allowed(media_url)
    except Unresolved:
        return None  # the gateway may be able to resolve it
    except NotAllowed as refusal:
        return f"the media URL {refusal}"
    return None


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for below in said.values():
            yield from _texts(below)
    elif isinstance(said, str):
        yield said


def interrupted(message: OutgoingMessage, error: str) -> Receipt:
    """Return Transient where the gateway accepts the message's id as an idempotency key, else Unknown."""
    return unanswered(message.parcel.endpoint, error) if message.parcel else Unknown(error)


def destination(lead: LeadContact) -> str | None:
    """Return all ways to reach the lead, as JSON with `phone` and `social`; None where there is none."""
    social = {"platform": lead.social_platform, "handle": lead.social_handle} if lead.social_handle else None
    reach = {"phone": lead.phone, "social": social}
    return json.dumps(reach) if any(reach.values()) else None


CHANNEL: Final = Channel(
    name="http",
    label="through a gateway",
    send=send,
    for_leads=ForLeads(
        address=lambda lead: lead.phone or lead.social_handle, suppressed_by=Way.PHONE, destination=destination
    ),
    parts=frozenset({TextPart.BODY, TextPart.MEDIA}),
    needs_gateway=True,
    message_id=str,
    interrupted=interrupted,
)
