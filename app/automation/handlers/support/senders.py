"""The sender of a step's message: the clinic, or the lead's coordinator."""

from typing import NamedTuple

from app.automation.handlers.support.context import StepContext
from app.messaging.channels.account import AccountKind
from app.messaging.channels.smtp_account import coordinator_address


class MessageSender(NamedTuple):
    """Name and address of a sender. Without an address, it is that of the account or of this installation."""

    name: str
    address: str | None = None


def sender_of(context: StepContext) -> MessageSender:
    """Return the sender: the coordinator if the mail account sends as them, else the account's name or the clinic's."""
    account = context.account_context.account
    if account is None or account.kind != AccountKind.SMTP:
        return MessageSender(context.clinic.sender)
    coordinator = context.coordinator if context.message.user_id is None else None
    if coordinator and (address := coordinator_address(account, coordinator.email)):
        return MessageSender(coordinator.name, address)
    return MessageSender(account.settings["sender_name"] or context.clinic.sender)
