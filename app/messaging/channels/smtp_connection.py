"""SMTP connection: smtplib with a timeout for each reply and a deadline for all of them."""

import smtplib
import socket
import ssl
import time
from typing import Any

from app.messaging.channels.mail_server import MailServer, Security

# Errors of the network or the server. ValueError: smtplib cannot encode the login.
CONNECTION_ERRORS = (OSError, smtplib.SMTPException, ValueError)


def error_text(error: Exception) -> str:
    """Return the server's reply, or the text of the error."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


class SmtpConnection(smtplib.SMTP):
    """An SMTP connection with a timeout for each reply. All replies together end at `deadline` (monotonic clock)."""

    def __init__(self, server: MailServer, deadline: float, **options: Any) -> None:
        self.deadline = deadline
        self.may_use_all_time = False  # whether one reply may take all the time before the deadline
        self.messages = 0
        self._wait = server.timeout
        super().__init__(server.host, server.port, server.local_name, timeout=server.timeout, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply in the remaining time. Raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise TimeoutError("timed out")
        if self.sock is not None:
            self.sock.settimeout(left if self.may_use_all_time else min(left, self._wait))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # smtplib tries every address of the host with the same timeout; together they must take only one.
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return super()._get_socket(host, port, timeout / len(addresses))  # type: ignore[misc,no-any-return]


class _TlsConnection(SmtpConnection, smtplib.SMTP_SSL):
    """An SMTP connection with TLS from the first byte."""


def open_connection(server: MailServer, deadline: float) -> SmtpConnection:
    """Connect, encrypt and log in, according to the settings. Raises an error in CONNECTION_ERRORS."""
    connection = _connect(server, deadline)
    try:
        _greet(connection)
        if server.security is Security.STARTTLS:
            connection.starttls(context=ssl.create_default_context())
            _greet(connection)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(server: MailServer, deadline: float) -> SmtpConnection:
    if server.security is Security.TLS:
        return _TlsConnection(server, deadline, context=ssl.create_default_context())
    return SmtpConnection(server, deadline)


def _greet(connection: SmtpConnection) -> None:
    code, text = connection.ehlo()
    if 500 <= code < 600:  # noqa: PLR2004  (a server older than EHLO)
        code, text = connection.helo()
    if code != 250:  # noqa: PLR2004
        raise smtplib.SMTPHeloError(code, text)
