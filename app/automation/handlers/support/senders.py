"""The sender of a step's message: the clinic, the user who wrote it, or the lead's coordinator."""

from typing import NamedTuple

from app.automation.handlers.support.context import StepContext
from app.messaging.channels.account import AccountKind
from app.messaging.channels.mail.smtp_account import coordinator_address


class MessageSender(NamedTuple):
    """Name and address of a sender. Without an address, it is that of the account or of this installation."""

    name: str
    address: str | None = None


def sender_of(context: StepContext) -> MessageSender:
    """Return the sender: its author or the coordinator if the account sends as them, else the account or the clinic."""
    account = context.account_context.account
    if account is None or account.kind != AccountKind.SMTP:
        return MessageSender(context.clinic.sender)
    person = context.person(context.message.written_by) or context.coordinator
    if person and context.message.user_id is None and (address := coordinator_address(account, person.email)):
        return MessageSender(person.name, address)
    return MessageSender(account.settings["sender_name"] or context.clinic.sender)
