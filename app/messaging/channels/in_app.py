"""`in_app` channel: a message in the application. The notification's row is the message, so nothing is sent."""

from typing import Final

from app.messaging.channels.base import Channel, ForUsers, OutgoingMessage, Receipt, Sent


def send(_: OutgoingMessage) -> Receipt:
    """Return Sent: the message is visible as soon as its row is committed."""
    return Sent("in the app")


CHANNEL: Final = Channel(
    name="in_app", label="in the app", send=send, for_users=ForUsers(address=None), is_sent_when_written=True
)
