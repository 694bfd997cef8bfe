"""SMTP transport. It knows at each moment whether the server may have accepted the message.

smtplib speaks the protocol, but its `sendmail` does not tell whether the connection broke before the final dot or after
it. Before the dot, the server cannot have accepted the message, so another attempt is safe. After the dot the outcome
is unknown, and another attempt might deliver the message twice.
"""

import re
import threading
import time
from collections.abc import Container, Sequence
from contextlib import suppress

from app.messaging.channels.base import Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.channels.mail.mail_server import MailServer
from app.messaging.channels.mail.mime import MimeMessage
from app.messaging.channels.mail.smtp_connection import CONNECTION_ERRORS, SmtpConnection, error_text, open_connection

MAX_MESSAGES_PER_CONNECTION = 100  # servers have limits of their own
MAX_IDLE_SECONDS = 30  # an older connection is replaced
MAX_UNCHECKED_SECONDS = 1  # after a longer pause the server is asked first whether it still answers
CONFIGURATION_CODES = frozenset({530, 534, 535, 538})  # login or encryption fails: the message itself is not refused
MAX_WAITS = 2  # network timeouts per delivery: well below a task's time limit
OK, START_MAIL_INPUT, SERVICE_CLOSING = 250, 354, 421
OUTAGE_CODES = CONFIGURATION_CODES | {SERVICE_CLOSING}
_MAIL_SYSTEM = re.compile(r"^4\d\d[ -]4\.3\.\d")


class SmtpTransport:
    """A connection to one server, kept open between messages. A lock serializes threads."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._connection: SmtpConnection | None = None
        self._last_used = 0.0
        self._lock = threading.Lock()

    def deliver(self, message: MimeMessage) -> Receipt:
        """Make one delivery attempt. A message that the server may have accepted is never sent again."""
        with self._lock:
            try:
                receipt = self._deliver(message)
            except BaseException:  # such as a time limit: the next message must not read the reply to this one
                self._drop()
                raise
            self._last_used = time.monotonic()
            return receipt

    def close(self) -> None:
        """Send QUIT and close, without waiting for a reply."""
        if self._connection is not None:
            with suppress(*CONNECTION_ERRORS):
                self._connection.putcmd("QUIT")
        self._drop()

    def _deliver(self, message: MimeMessage) -> Receipt:
        try:
            connection = self._send_envelope(message, time.monotonic() + MAX_WAITS * self._server.timeout)
            connection.send(re.sub(rb"(?m)^\.", b"..", message.content))  # without the dot no message is accepted
        except _UnexpectedReply as reply:
            self._reset(reply.code)
            return _to_receipt(reply)
        except CONNECTION_ERRORS as error:
            self._drop()
            return Transient(error_text(error), is_outage=True)
        return self._send_final_dot(connection)

    def _send_final_dot(self, connection: SmtpConnection) -> Receipt:
        """Send the final dot. From here on the server may have accepted the message, whatever happens."""
        connection.may_use_all_time = True
        try:
            connection.send(b".\r\n")
            reply = _UnexpectedReply(*connection.getreply())
        except CONNECTION_ERRORS as error:
            self._drop()
            return Unknown(f"no answer after the message was handed over: {error_text(error)}")
        if 200 <= reply.code < 300:  # noqa: PLR2004  (RFC 5321, 4.2.1: the first digit decides)
            return Sent(str(reply))
        self._reset(reply.code)
        return _to_receipt(reply) if 400 <= reply.code < 600 else Unknown(str(reply))  # noqa: PLR2004

    def _send_envelope(self, message: MimeMessage, deadline: float) -> SmtpConnection:
        """Send the envelope over the open connection, or over a new one if the server has closed it."""
        connection = self._ready_connection(deadline)
        try:
            _send_envelope(connection, message)
        except _Closed as closed:
            if connection.messages == 1:
                raise closed.because from None
            self._drop()
            return self._send_envelope(message, deadline)  # the new connection has no message before
        return connection

    def _ready_connection(self, deadline: float) -> SmtpConnection:
        """Return the open connection if it still answers, else a new one. No message was sent over it yet."""
        if self._connection is not None and not self._still_answers(self._connection, deadline):
            self.close()
        if self._connection is None:
            self._connection = open_connection(self._server, deadline)
        self._connection.messages += 1
        return self._connection

    def _still_answers(self, connection: SmtpConnection, deadline: float) -> bool:
        if connection.messages >= MAX_MESSAGES_PER_CONNECTION or time.monotonic() - self._last_used > MAX_IDLE_SECONDS:
            return False
        connection.deadline, connection.may_use_all_time = deadline, False
        if connection.pipelines and time.monotonic() - self._last_used < MAX_UNCHECKED_SECONDS:
            return True  # `_send_envelope` notices that it is closed
        with suppress(*CONNECTION_ERRORS):
            return connection.noop()[0] == 250  # noqa: PLR2004  (RFC 5321, 4.1.1.9)
        return False

    def _reset(self, code: int) -> None:
        """Discard the refused message, or the connection if the server closes it or sends no valid SMTP."""
        if self._connection is None or code == SERVICE_CLOSING or code < 0:
            return self._drop()
        with suppress(*CONNECTION_ERRORS):
            if self._connection.rset()[0] == 250:  # noqa: PLR2004
                return None
        return self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*CONNECTION_ERRORS):
                connection.close()


class _UnexpectedReply(Exception):
    """A reply of the server with another code than expected."""

    def __init__(self, code: int, text: bytes) -> None:
        reply = text.decode(errors="replace")
        super().__init__(f"{code} {reply}" if code > 0 else f"not an SMTP reply: {reply}")
        self.code = code


class _Closed(Exception):
    """The server closed the connection instead of answering MAIL. `because` is the error or its reply."""

    def __init__(self, because: Exception) -> None:
        super().__init__(because)
        self.because = because


def _send_envelope(connection: SmtpConnection, message: MimeMessage) -> None:
    """Send everything before the text. Addresses are validated, so they need no quotes.

    Raises _Closed, _UnexpectedReply or an error in CONNECTION_ERRORS.
    """
    envelope = (
        (f"MAIL FROM:<{message.sender}>", {OK}),
        (f"RCPT TO:<{message.recipient}>", {OK, 251, 252}),
        ("DATA", {START_MAIL_INPUT}),
    )
    if connection.pipelines:
        _send_together(connection, envelope)
    else:
        for command, codes in envelope:
            _expect(codes, connection.docmd(command))


def _send_together(connection: SmtpConnection, envelope: Sequence[tuple[str, Container[int]]]) -> None:
    """Send the commands in one packet, then read the replies (RFC 2920)."""
    replies = [_first_reply(connection, "".join(f"{command}\r\n" for command, _ in envelope))]
    try:
        while len(replies) < len(envelope):
            replies.append(connection.getreply())
    except CONNECTION_ERRORS:
        if replies[-1][0] in envelope[len(replies) - 1][1]:
            raise  # else the refusal says more than the end of the connection
    for reply, (_, codes) in zip(replies, envelope, strict=False):
        if reply[0] not in codes:
            if replies[-1][0] == START_MAIL_INPUT:  # the server waits for a text; what follows would be part of it
                connection.close()
            raise _UnexpectedReply(*reply)


def _first_reply(connection: SmtpConnection, commands: str) -> tuple[int, bytes]:
    try:
        connection.send(commands)
        reply = connection.getreply()
    except CONNECTION_ERRORS as error:
        if isinstance(error.__context__ or error, TimeoutError):  # smtplib wraps it
            raise
        raise _Closed(error) from None
    if reply[0] == SERVICE_CLOSING:
        raise _Closed(_UnexpectedReply(*reply))
    return reply


def _expect(codes: Container[int], reply: tuple[int, bytes]) -> None:
    if reply[0] not in codes:
        raise _UnexpectedReply(*reply)


def _to_receipt(reply: _UnexpectedReply) -> Receipt:
    is_permanent = 500 <= reply.code < 600 and reply.code not in CONFIGURATION_CODES  # noqa: PLR2004
    return Permanent(str(reply)) if is_permanent else Transient(str(reply), is_outage=_is_outage(reply))


def _is_outage(reply: _UnexpectedReply) -> bool:
    """Return whether the reply is about the server and not about this message (RFC 3463: x.3.y, mail system)."""
    return reply.code in OUTAGE_CODES or reply.code < 0 or bool(_MAIL_SYSTEM.search(str(reply)))


def probe(server: MailServer) -> str | None:
    """Connect, greet and log in, without sending a message. Returns the error; None if the server answers."""
    try:
        connection = open_connection(server, time.monotonic() + server.timeout)
    except CONNECTION_ERRORS as error:
        return error_text(error)
    try:
        code, text = connection.noop()
    except CONNECTION_ERRORS as error:
        return error_text(error)
    finally:
        with suppress(*CONNECTION_ERRORS):
            connection.putcmd("QUIT")
        connection.close()
    return None if code == OK else f"{code} {text.decode(errors='replace')}"
