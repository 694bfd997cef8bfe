"""Test messages of a sending account, to the user who asks for one."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import new_id
from app.core.type_aliases import JsonObject
from app.engine.steps.waiting import ACCOUNT
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.models import User
from app.messaging.channels.account import AccountKind
from app.messaging.channels.base import OutgoingMessage, Permanent, Receipt
from app.messaging.channels.registry import CHANNELS
from app.messaging.delivery.sender_changes import wake_after_change
from app.messaging.sending_accounts.directory import account_of
from app.messaging.sending_accounts.models import SendingAccount
from app.messaging.sending_accounts.service import read_account


class AccountTest(NamedTuple):
    """A test message and its channel."""

    channel: str
    message: OutgoingMessage


def prepare(session: Session, actor: Actor, account_id: UUID, data: JsonObject) -> AccountTest:
    """Return the test message; `data` as loaded by SendingAccountTestIn. Raises NotFound, Invalid."""
    row = read_account(session, actor.clinic.id, account_id)
    channel = data.get("channel", row.channels[0])
    if channel not in row.channels:
        raise Invalid.at("/channel", f"The account serves {' and '.join(row.channels)}.")
    message_id = CHANNELS[channel].message_id(new_id()) if channel in CHANNELS else None
    account = account_of(row)
    message = OutgoingMessage(
        _address(session, actor, row, data),
        f"Test of the sending account {row.name}",
        f"This message shows that the sending account {row.name} of {actor.clinic.name} works.",
        message_id=message_id,
        account=account,
        sender_name=account.settings.get("sender_name") or actor.clinic.sender,
    )
    return AccountTest(channel, message)


def send(test: AccountTest) -> Receipt:
    """Send the message. Call it without a transaction."""
    if test.channel not in CHANNELS:
        return Permanent(f"this installation has no channel {test.channel}")
    return CHANNELS[test.channel].send(test.message)


def note_success(session: Session, actor: Actor, account_id: UUID) -> None:
    """Let messages go that wait for the account: it has accepted the test message."""
    wake_after_change(session, read_account(session, actor.clinic.id, account_id), ACCOUNT)


def _address(session: Session, actor: Actor, row: SendingAccount, data: JsonObject) -> str:
    if row.kind != AccountKind.SMTP:
        if "to" not in data:
            raise Invalid.at("/to", "Missing data for required field.")
        return str(data["to"])
    address = session.scalar(select(User.email).where(User.id == actor.stands_for))
    if address is None:
        raise Invalid.at("/to", "The caller has no e-mail address.")
    return address
