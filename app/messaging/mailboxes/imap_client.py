"""IMAP connection: signs in to a mailbox, and limits the time and the size of everything that the server sends.

The address is checked like that of other calls (`app.core.http_client`). Errors are in IMAP_ERRORS.
"""

import imaplib
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import imapclient
from imapclient.exceptions import IMAPClientError, LoginError

from app.core.http_client import pinned_socket
from app.core.http_client.connection import ssl_context
from app.core.http_client.targets import NotAllowed
from app.messaging.channels.mail.mail_server import Security
from app.messaging.channels.mail.microsoft import (
    Application,
    ApplicationRefused,
    access_token,
    forget_token,
    xoauth2,
)

PORTS: Final = frozenset({143, 993})
REPLY_WITHIN: Final = 60.0  # seconds for each reply
LARGEST_REPLY: Final = 27_000_000  # bytes of one literal: a mail of 25 MB
LONGEST_LINE: Final = 2_000_000  # bytes; the list of many UIDs is one line
IMAP_ERRORS: Final = (NotAllowed, OSError, imaplib.IMAP4.error, IMAPClientError, ssl.SSLError, ValueError)


class SignInRefused(IMAPClientError):  # type: ignore[misc]  # as above
    """The server refused the user name or the password."""


@dataclass(frozen=True, slots=True)
class MailboxLogin:
    """The settings of one mailbox, decrypted."""

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    folder: str
    application: Application | None = None  # sign in with its tokens instead of the password


class _LimitedConnection(imaplib.IMAP4):
    """imaplib's connection, which reads from the socket itself: with a deadline, and a limit for each literal."""

    def __init__(self, login: MailboxLogin, within: float) -> None:
        self._login = login
        self._buffer = bytearray()
        self.has_news = False  # the server has reported a change of the number of mails
        self.deadline = time.monotonic() + within
        super().__init__(login.host, login.port)

    def _create_socket(self, _: float | None = None) -> socket.socket:
        login = self._login
        is_encrypted = login.security is not Security.NONE
        plain = pinned_socket.connect(login.host, login.port, ports=PORTS, is_encrypted=is_encrypted)
        plain.settimeout(REPLY_WITHIN)
        if login.security is not Security.TLS:
            return plain
        try:
            return ssl_context().wrap_socket(plain, server_hostname=login.host)
        except BaseException:
            plain.close()
            raise

    def _get_capabilities(self) -> None:
        if self._tls_established and self._buffer:
            raise self.abort("the server sent text before TLS")  # it may come from someone in between (CVE-2011-0411)
        super()._get_capabilities()  # type: ignore[misc]  # private, so it has no types

    def read(self, size: int) -> bytes:
        """Read a literal. Raises `abort` when it is larger than LARGEST_REPLY."""
        if size > LARGEST_REPLY:
            raise self.abort(f"a reply of {size} bytes")
        while len(self._buffer) < size:
            self._receive()
        return self._take(size)

    def readline(self) -> bytes:
        """Read a line. Raises `abort` when it is longer than LONGEST_LINE."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LONGEST_LINE:
                raise self.abort("a very long line")
            self._receive()
        return self._take(end + 1)

    def _append_untagged(self, name: str, content: bytes) -> None:
        self.has_news = self.has_news or name == "EXISTS"
        super()._append_untagged(name, content)  # type: ignore[misc]  # private, so it has no types

    def has_line(self, seconds: float) -> bool:
        """Wait for a line. Returns False after `seconds` without one."""
        until = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            poller = select.poll()
            poller.register(self.sock, select.POLLIN)
            if not (self._is_decrypted() or poller.poll(max(0.0, until - time.monotonic()) * 1000)):
                return False
            self._receive()
        return True

    def _is_decrypted(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _receive(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(left)
        part = self.sock.recv(65536)
        if not part:
            raise self.abort("the server closed the connection")
        self._buffer += part

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


class ImapClient(imapclient.IMAPClient):  # type: ignore[misc]  # the library has no types
    """A connection to one mailbox. Signing in, with all replies until the first `allow`, takes `within` seconds."""

    def __init__(self, login: MailboxLogin, within: float) -> None:
        self._login, self._within = login, within
        super().__init__(login.host, login.port, ssl=login.security is Security.TLS)
        self.normalise_times = False  # times with a zone

    def _create_IMAP4(self) -> _LimitedConnection:  # noqa: N802  (the library's name)
        return _LimitedConnection(self._login, self._within)

    def sign_in(self) -> None:
        """Encrypt the connection if it is not, and sign in. Raises SignInRefused."""
        if self._login.security is Security.STARTTLS:
            self.starttls(ssl_context())
        if self._login.application is not None:
            return self._sign_in_with_token(self._login.application)
        try:
            sign_in = self.login if self._login.password.isascii() else self.plain_login
            sign_in(self._login.username, self._login.password)
        except LoginError as refusal:
            raise SignInRefused(str(refusal)) from None
        return None

    def _sign_in_with_token(self, application: Application) -> None:
        """Sign in by XOAUTH2. After a refusal the server waits for an empty line."""
        try:
            first = xoauth2(self._login.username, access_token(application))
            self._command_and_check("authenticate", "XOAUTH2", lambda challenge: "" if challenge else first)
        except ApplicationRefused as refusal:
            raise SignInRefused(str(refusal)) from None
        except IMAPClientError as refusal:
            forget_token(application)
            raise SignInRefused(str(refusal)) from None

    def allow(self, seconds: float = REPLY_WITHIN) -> None:
        """Begin a new deadline: all replies until the next call must come within `seconds`."""
        self._imap.deadline = time.monotonic() + seconds

    @property
    def has_news(self) -> bool:
        """Whether the server has reported mail since `forget_news`. It may do so in the reply to any command."""
        return bool(self._imap.has_news)

    def forget_news(self) -> None:
        """Call it before the mails are listed, so that no report is lost."""
        self._imap.has_news = False

    def start_idle(self) -> None:
        """Begin to wait for mail. Raises IMAPClientError."""
        self.allow()
        self._idle_tag = self._imap._command("IDLE")  # noqa: SLF001  (as the library does, which drops early reports)
        while self._imap._get_response() is not None:  # noqa: SLF001
            if self._imap.tagged_commands[self._idle_tag]:
                raise IMAPClientError("the server refused IDLE")

    def wait_in_idle(self, seconds: float) -> None:
        """Wait until the server reports something, at most `seconds`, and read it."""
        while self._imap.has_line(0.0 if self.has_news else seconds):
            self.allow()
            self._imap._get_response()  # noqa: SLF001
            if "BYE" in self._imap.untagged_responses:
                raise self.AbortError("the server ended the connection")
            self._imap.untagged_responses.clear()

    def end_idle(self) -> None:
        """End the wait, so that other commands can follow."""
        self.allow()
        self.idle_done()


@contextmanager
def open_mailbox(login: MailboxLogin, *, within: float = REPLY_WITHIN) -> Iterator[ImapClient]:
    """Connect and sign in, in `within` seconds. Raises an error in IMAP_ERRORS; its text has no password."""
    client = ImapClient(login, within)
    try:
        client.sign_in()
        yield client
    finally:
        with suppress(*IMAP_ERRORS):
            client.allow(2)
            client.logout()
        with suppress(*IMAP_ERRORS):
            client.shutdown()


def error_text(error: Exception) -> str:
    """Return the reason of a failed connection in one line of at most 300 characters."""
    if isinstance(error, NotAllowed):
        return f"The address {error}."
    raw = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    return " ".join(text.split())[:300] or type(error).__name__
