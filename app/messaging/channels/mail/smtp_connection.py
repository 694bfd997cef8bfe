"""SMTP connection: smtplib with a timeout for each reply and a deadline for all of them."""

import smtplib
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

from app.core.http_client.targets import resolve_mail_server
from app.messaging.channels.mail.mail_server import SMTP_PORTS, MailServer, Security
from app.messaging.channels.mail.microsoft import Application, access_token, forget_token, xoauth2

# Errors of the network or the server. ValueError: smtplib cannot encode the login, or an address is not allowed.
CONNECTION_ERRORS = (OSError, smtplib.SMTPException, ValueError)

LONGEST_REPLY = 65536  # bytes, in all lines together


def error_text(error: Exception) -> str:
    """Return the server's reply, or the text of the error."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


class _Replies:
    """Read replies with a limit of time and size for each, because users name servers that they do not know."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._deadline, self._left = 0.0, 0

    def begin(self, seconds: float) -> None:
        """Begin a reply, which takes at most so long."""
        self._deadline, self._left = time.monotonic() + seconds, LONGEST_REPLY

    def readline(self, most: int) -> bytes:
        """Return the next line, or its first `most` bytes; nothing at the end. Raises TimeoutError, OSError."""
        while (end := self._buffer.find(b"\n") + 1) == 0 and len(self._buffer) < most and self._receive():
            pass
        size = min(end or len(self._buffer), most)
        line = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._left -= size
        if self._left < 0:
            raise OSError("the server's reply is too long")
        return line

    def close(self) -> None:
        """Forget what was received. smtplib closes the socket."""
        self._buffer.clear()

    def _receive(self) -> bool:
        """Wait for more bytes. Returns False at the end."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        part = self._sock.recv(4096)
        self._buffer += part
        return bool(part)


class SmtpConnection(smtplib.SMTP):
    """An SMTP connection with a timeout for each reply. All replies together end at `deadline` (monotonic clock)."""

    def __init__(self, server: MailServer, deadline: float, **options: Any) -> None:
        self.deadline = deadline
        self.may_use_all_time = False  # whether one reply may take all the time before the deadline
        self.messages = 0
        self._wait, self._server = server.timeout, server
        super().__init__(server.host, server.port, server.local_name, timeout=server.timeout, **options)

    @property
    def pipelines(self) -> bool:
        """Whether the server takes several commands at once (RFC 2920)."""
        return self.has_extn("pipelining")

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply in the remaining time. Raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.close()
            raise TimeoutError("timed out")
        if self.sock is not None:
            # smtplib sets `file` to None after STARTTLS, so text that came before it is not read as a reply.
            self.file = self.file or _Replies(self.sock)
            self.file.begin(left if self.may_use_all_time else min(left, self._wait))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = self._connect(host, port, timeout)
        # A message ends with a small packet of its own. Otherwise it waits until the server has confirmed the rest.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _connect(self, host: str, port: int, timeout: float) -> socket.socket:
        # smtplib tries every address of the host with the same timeout; together they must take only one.
        *others, last = self._addresses(host, port)
        each = timeout / (len(others) + 1)
        for address in others:
            with suppress(OSError):
                return super()._get_socket(address, port, each)  # type: ignore[misc,no-any-return]
        return super()._get_socket(last, port, each)  # type: ignore[misc,no-any-return]

    def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of the host. Raises NotAllowed for one that users may not name."""
        if self._server.is_entered_by_user:
            is_encrypted = self._server.security is not Security.NONE
            allowed = resolve_mail_server(host, port, ports=SMTP_PORTS, is_encrypted=is_encrypted)
            return [str(address) for address in allowed]
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(place[0]) for *_, place in found))


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
        if server.application is not None:
            _sign_in_with_token(connection, server, server.application)
        elif server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _sign_in_with_token(connection: SmtpConnection, server: MailServer, application: Application) -> None:
    """Sign in by XOAUTH2. After a refusal the server waits for an empty line (RFC 4954, 4)."""
    first = xoauth2(server.user, access_token(application))
    try:
        connection.auth("XOAUTH2", lambda challenge=None: "" if challenge else first)
    except smtplib.SMTPAuthenticationError:
        forget_token(application)
        raise


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
