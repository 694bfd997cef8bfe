"""smtplib with an end to all waiting."""

import smtplib
import socket
import ssl
import time
from typing import Any

from app.messaging.channels.mail_server import MailServer, Security

# What a network or a server can do to us. ValueError: a login with letters that smtplib cannot send.
TROUBLE = (OSError, smtplib.SMTPException, ValueError)


def words(error: Exception) -> str:
    """What the server or the network said."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


class Line(smtplib.SMTP):
    """Each reply has its time, and all of them together end at `deadline` (of the monotonic clock)."""

    def __init__(self, server: MailServer, deadline: float, **options: Any) -> None:
        self.deadline = deadline
        self.patient = False  # whether one reply may take all the time that is left
        self.messages = 0
        self._wait = server.timeout
        super().__init__(server.host, server.port, server.local_name, timeout=server.timeout, **options)

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib's, in time. Raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise TimeoutError("timed out")
        if self.sock is not None:
            self.sock.settimeout(left if self.patient else min(left, self._wait))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # Each address of a name is tried for this long: all of them together may take the one wait that is meant.
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return super()._get_socket(host, port, timeout / len(addresses))  # type: ignore[misc,no-any-return]


class _TlsLine(Line, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


def open_line(server: MailServer, deadline: float) -> Line:
    """Connected, encrypted and logged in, as the settings want it."""
    line = _connect(server, deadline)
    try:
        _introduce(line)
        if server.security is Security.STARTTLS:
            line.starttls(context=ssl.create_default_context())
            _introduce(line)
        if server.user:
            line.login(server.user, server.password)
    except BaseException:
        line.close()
        raise
    return line


def _connect(server: MailServer, deadline: float) -> Line:
    if server.security is Security.TLS:
        return _TlsLine(server, deadline, context=ssl.create_default_context())
    return Line(server, deadline)


def _introduce(line: Line) -> None:
    code, text = line.ehlo()
    if 500 <= code < 600:  # noqa: PLR2004  (a server older than EHLO)
        code, text = line.helo()
    if code != 250:  # noqa: PLR2004
        raise smtplib.SMTPHeloError(code, text)
