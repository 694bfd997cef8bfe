"""`in_app`: a message in the application. The row is the message, so nothing is handed over."""

from typing import Final

from app.messaging.channels.base import Channel, ForUsers, OutgoingMessage, Receipt, Sent


def send(_: OutgoingMessage) -> Receipt:
    """Do nothing: the message was there as soon as it was written."""
    return Sent("in the app")


CHANNEL: Final = Channel(
    name="in_app", label="in the app", send=send, for_users=ForUsers(address=None), is_sent_when_written=True
)
