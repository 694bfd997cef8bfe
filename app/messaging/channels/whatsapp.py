"""`whatsapp` channel: messages through the WhatsApp Cloud API, or through Twilio.

Its settings are WHATSAPP_API_URL and TWILIO_API_URL.
"""

from datetime import timedelta
from typing import Final

from app.config import get_settings
from app.messaging.channels.account import Account, AccountKind
from app.messaging.channels.base import Channel, ForLeads, OutgoingMessage, Permanent, Receipt, TextPart
from app.messaging.channels.sms import is_number, status_url, twilio_account
from app.messaging.channels.text_providers import twilio, whatsapp_cloud
from app.messaging.channels.text_providers.answers import code_of
from app.messaging.channels.text_providers.whatsapp_cloud import WhatsAppAccount
from app.messaging.models import AddressKind
from app.messaging.rendering.render import Limits
from app.messaging.rendering.variants import MediaType

LONGEST_TEXT: Final = 4096  # characters that WhatsApp accepts; Twilio: 1600, and it refuses more
SESSION: Final = timedelta(hours=24)  # WhatsApp's customer service window
_NOT_ON_WHATSAPP: Final = whatsapp_cloud.NOT_ON_WHATSAPP | twilio.NOT_ON_WHATSAPP | twilio.INVALID_NUMBER


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt. Errors of the provider or the network become receipts."""
    account = message.account
    if account is None:
        return Permanent("the message has no sending account")
    if account.kind == AccountKind.WHATSAPP_CLOUD:
        return whatsapp_cloud.send(_cloud_account(account), message)
    sender = account.settings.get("whatsapp_number")
    if not sender:
        return Permanent("the sending account has no number for WhatsApp")
    reports = status_url(account, message)
    return twilio.send(twilio_account(account, sender), message, status_url=reports, by_whatsapp=True)


def _cloud_account(account: Account) -> WhatsAppAccount:
    url, token = get_settings().whatsapp_api_url.rstrip("/"), account.credentials.get("access_token", "")
    return WhatsAppAccount(account.settings["phone_number_id"], token, url)


CHANNEL: Final = Channel(
    name="whatsapp",
    label="by WhatsApp",
    send=send,
    for_leads=ForLeads(
        address=lambda lead: lead.phone,
        suppressed_by=AddressKind.PHONE,
        is_valid=is_number,
        unreachable_as=lambda number: f"{twilio.WHATSAPP}{number}",  # text messages may still reach it
    ),
    parts=frozenset({TextPart.BODY, TextPart.MEDIA}),
    media=frozenset(MediaType),
    limits=Limits(subject=0, body=LONGEST_TEXT),
    needs_account=True,
    message_id=str,
    is_bounce=lambda response: code_of(response) in _NOT_ON_WHATSAPP,
    is_opt_out=lambda response: code_of(response) in twilio.UNSUBSCRIBED,
    session=SESSION,
)
