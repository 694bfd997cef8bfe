"""Calls of providers of text messages: check them, and process their messages and reports."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound, RelanceError, Unauthenticated
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.messaging.channels.account import Account, AccountKind
from app.messaging.inbound.texts import twilio_webhook, whatsapp_webhook
from app.messaging.inbound.texts.items import Item, ReceivedText, TextCall, UnreadableCall, UntrustedCall
from app.messaging.inbound.texts.receive import receive_text
from app.messaging.inbound.texts.reports import apply_report
from app.messaging.sending_accounts.directory import account_of
from app.messaging.sending_accounts.models import SendingAccount

# A body in another form raises these where it is read.
_WRONG_FORM: Final = (UnreadableCall, AttributeError, TypeError, KeyError, ValueError, OverflowError)


class InvalidChannelCall(RelanceError):
    """The body of the call is not in the form of the provider."""

    status = 400


class CalledAccount(NamedTuple):
    """The sending account that a call is for, and its clinic."""

    account: Account
    clinic_id: UUID


def find_account(session: Session, provider: str, account_id: UUID) -> CalledAccount:
    """Return the account, also an inactive one: leads still answer its messages.

    Raises Unauthenticated: callers cannot tell which ids exist.
    """
    wanted = select(SendingAccount).where(SendingAccount.id == account_id, SendingAccount.kind == provider)
    row = session.scalars(wanted).one_or_none()
    if row is None:
        raise Unauthenticated
    return CalledAccount(account_of(row), row.clinic_id)


def read_call(account: Account, call: TextCall) -> list[Item]:
    """Check and read a call. Raises Unauthenticated, InvalidChannelCall."""
    try:
        _verify(account, call)
    except UntrustedCall:
        raise Unauthenticated from None
    try:
        if account.kind == AccountKind.TWILIO:
            return list(twilio_webhook.read(call))
        return list(whatsapp_webhook.read(call, account.settings["phone_number_id"]))
    except _WRONG_FORM:
        raise InvalidChannelCall from None


def _verify(account: Account, call: TextCall) -> None:
    match account.kind:
        case AccountKind.TWILIO:
            twilio_webhook.verify(call, account.credentials.get("auth_token", ""))
        case AccountKind.WHATSAPP_CLOUD:
            whatsapp_webhook.verify(call, account.credentials.get("app_secret", ""))
        case _:
            raise UntrustedCall


def answer_handshake(account: Account, query: Mapping[str, str]) -> str:
    """Return the challenge with which Meta checks the URL. Raises Unauthenticated, NotFound (another provider)."""
    if account.kind != AccountKind.WHATSAPP_CLOUD:
        raise NotFound
    try:
        return whatsapp_webhook.answer_handshake(query, account.credentials.get("verify_token", ""))
    except UntrustedCall:
        raise Unauthenticated from None


def process(session: Session, called: CalledAccount, item: Item) -> None:
    """Process one message or report of a verified call, in a transaction of its own. A repeated one changes nothing.

    Raises MessageIsBeingSent: the provider repeats the call.
    """
    actor = Actor.system(load_context(session, called.clinic_id))
    if isinstance(item, ReceivedText):
        receive_text(session, actor, called.account.id, item)
    else:
        apply_report(session, actor, called.account.id, item)
