"""`sms` channel: text messages through the clinic's account at Twilio. Its setting is TWILIO_API_URL."""

import re
from typing import Final

from app.config import get_settings
from app.messaging.channels.account import Account
from app.messaging.channels.base import Channel, ForLeads, OutgoingMessage, Permanent, Receipt, TextPart
from app.messaging.channels.text_providers import twilio
from app.messaging.channels.text_providers.answers import code_of
from app.messaging.channels.text_providers.twilio import TwilioAccount
from app.messaging.models import AddressKind
from app.messaging.rendering.render import Limits
from app.messaging.rendering.variants import MediaType

LONGEST_TEXT: Final = 1600  # characters that Twilio accepts
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def send(message: OutgoingMessage) -> Receipt:
    """Make one delivery attempt. Errors of the provider or the network become receipts."""
    account = message.account
    if account is None:
        return Permanent("the message has no sending account")
    sender = account.settings.get("messaging_service_sid") or account.settings.get("number")
    if not sender:
        return Permanent("the sending account has no number for SMS")
    return twilio.send(twilio_account(account, sender), message, status_url=status_url(account, message))


def twilio_account(account: Account, sender: str) -> TwilioAccount:
    """Return the account at Twilio with this sender."""
    settings, token = account.settings, account.credentials.get("auth_token", "")
    return TwilioAccount(settings["account_sid"], token, sender, get_settings().twilio_api_url.rstrip("/"))


def status_url(account: Account, message: OutgoingMessage) -> str:
    """Return the URL for reports about the message. Its id is signed with the URL."""
    return f"{get_settings().own_url}/api/channels/{account.kind}/{account.id}/events?message={message.message_id}"


def is_number(address: str | None) -> bool:
    """Return whether the text is a phone number in E.164."""
    return address is not None and _NUMBER.fullmatch(address) is not None


CHANNEL: Final = Channel(
    name="sms",
    label="by text message",
    send=send,
    for_leads=ForLeads(address=lambda lead: lead.phone, suppressed_by=AddressKind.PHONE, is_valid=is_number),
    parts=frozenset({TextPart.BODY, TextPart.MEDIA}),
    media=frozenset({MediaType.IMAGE, MediaType.VIDEO}),
    limits=Limits(subject=0, body=LONGEST_TEXT),
    needs_account=True,
    message_id=str,
    is_bounce=lambda response: code_of(response) in twilio.INVALID_NUMBER,
    is_opt_out=lambda response: code_of(response) in twilio.UNSUBSCRIBED,
)
