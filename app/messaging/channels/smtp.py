"""One conversation with an SMTP server, which knows at each moment whether the server may have the message.

smtplib does the talking, but not the sending: its own `sendmail` does not tell a line that broke before the
final dot from one that broke after it. Before, the message was surely not taken and may be tried again;
after, nobody knows, and a second try might be a second message.
"""

import re
import threading
import time
from collections.abc import Container
from contextlib import suppress

from app.messaging.channels.base import Permanent, Receipt, Sent, Transient, Unknown
from app.messaging.channels.mail_server import MailServer
from app.messaging.channels.mime import Letter
from app.messaging.channels.smtp_connection import TROUBLE, Line, open_line, words

MOST_PER_LINE = 100  # messages over one connection; servers have limits of their own
LONGEST_IDLE = 30  # seconds after which a line is not trusted any more
OURS_TO_MEND = frozenset({530, 534, 535, 538})  # logins and encryption: it is not the message that is refused
PATIENCE = 2  # a delivery as a whole takes at most this many network waits: well below a task's time limit
GO_AHEAD, CLOSING = 354, 421


class SmtpLine:
    """A line to one server, kept open from one message to the next. Threads take turns."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._line: Line | None = None
        self._last_used = 0.0
        self._one_at_a_time = threading.Lock()

    def deliver(self, letter: Letter) -> Receipt:
        """Try once. What the server may have is never sent again."""
        with self._one_at_a_time:
            try:
                receipt = self._deliver(letter)
            except BaseException:  # a time limit, say: the next message must not read the answer to this one
                self._drop()
                raise
            self._last_used = time.monotonic()
            return receipt

    def close(self) -> None:
        """Say goodbye, without waiting for an answer."""
        if self._line is not None:
            with suppress(*TROUBLE):
                self._line.putcmd("QUIT")
        self._drop()

    def _deliver(self, letter: Letter) -> Receipt:
        try:
            line = self._ready_line()
            _offer(line, letter)
        except _Refused as refused:
            self._start_over(refused.code)
            return _refusal(refused)
        except TROUBLE as error:
            self._drop()
            return Transient(words(error))
        return self._hand_over(line)

    def _hand_over(self, line: Line) -> Receipt:
        """The final dot. From here on the server may have the message, whatever we hear of it."""
        line.patient = True
        try:
            line.send(b".\r\n")
            answer = _Refused(*line.getreply())
        except TROUBLE as error:
            self._drop()
            return Unknown(f"no answer after the message was handed over: {words(error)}")
        if 200 <= answer.code < 300:  # noqa: PLR2004  (RFC 5321, 4.2.1: the first digit decides)
            return Sent(str(answer))
        self._start_over(answer.code)
        return _refusal(answer) if 400 <= answer.code < 600 else Unknown(str(answer))  # noqa: PLR2004

    def _ready_line(self) -> Line:
        """The open line, if it still answers; else a new one. Nothing was said about a message yet."""
        deadline = time.monotonic() + PATIENCE * self._server.timeout
        if self._line is not None and not self._still_answers(self._line, deadline):
            self.close()
        if self._line is None:
            self._line = open_line(self._server, deadline)
        self._line.messages += 1
        return self._line

    def _still_answers(self, line: Line, deadline: float) -> bool:
        if line.messages >= MOST_PER_LINE or time.monotonic() - self._last_used > LONGEST_IDLE:
            return False
        line.deadline, line.patient = deadline, False
        with suppress(*TROUBLE):
            return line.noop()[0] == 250  # noqa: PLR2004  (RFC 5321, 4.1.1.9)
        return False

    def _start_over(self, code: int) -> None:
        """Forget the refused message, or the line itself when the server is closing it or makes no sense."""
        if self._line is None or code == CLOSING or code < 0:
            return self._drop()
        with suppress(*TROUBLE):
            if self._line.rset()[0] == 250:  # noqa: PLR2004
                return None
        return self._drop()

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with suppress(*TROUBLE):
                line.close()


class _Refused(Exception):
    """A reply, and not the one that was hoped for."""

    def __init__(self, code: int, text: bytes) -> None:
        said = text.decode(errors="replace")
        super().__init__(f"{code} {said}" if code > 0 else f"an answer that is no SMTP: {said}")
        self.code = code


def _offer(line: Line, letter: Letter) -> None:
    """Everything up to, and without, the final dot. A server that hears no dot takes no message."""
    _expect({250}, line.mail(letter.sender))
    _expect({250, 251, 252}, line.rcpt(letter.recipient))
    _expect({GO_AHEAD}, line.docmd("DATA"))
    line.send(re.sub(rb"(?m)^\.", b"..", letter.content))


def _expect(codes: Container[int], reply: tuple[int, bytes]) -> None:
    if reply[0] not in codes:
        raise _Refused(*reply)


def _refusal(refused: _Refused) -> Receipt:
    for_good = 500 <= refused.code < 600 and refused.code not in OURS_TO_MEND  # noqa: PLR2004
    return Permanent(str(refused)) if for_good else Transient(str(refused))
