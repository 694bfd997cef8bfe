"""E-mail, handed in over SMTP."""

from typing import Self

from app.config import Settings
from app.messaging.channels.base import OutgoingMessage, Permanent, Receipt
from app.messaging.channels.mail_server import InvalidMailSettings, MailServer
from app.messaging.channels.mime import BadAddress, sender_of, write_letter
from app.messaging.channels.smtp import SmtpLine


class EmailChannel:
    """Sends from one address through one server."""

    def __init__(self, server: MailServer, mail_from: str) -> None:
        """Raises InvalidMailSettings when MAIL_FROM is no address."""
        try:
            self._sender = sender_of(mail_from)
        except BadAddress as error:
            raise InvalidMailSettings(f"MAIL_FROM: {error}") from None
        self._line = SmtpLine(server)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Through SMTP_URL, from MAIL_FROM. Raises InvalidMailSettings."""
        return cls(MailServer.from_settings(settings), settings.mail_from)

    def send(self, message: OutgoingMessage) -> Receipt:
        """Try once. Raises nothing that the provider or the network could be the cause of.

        Takes at most twice the settings' SMTP_TIMEOUT.
        """
        try:
            letter = write_letter(message, self._sender)
        except BadAddress as error:
            return Permanent(str(error))
        return self._line.deliver(letter)

    def close(self) -> None:
        """Say goodbye to the server."""
        self._line.close()
