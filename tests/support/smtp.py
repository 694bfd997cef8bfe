"""A real SMTP server on a thread, with scripted failures.

with SmtpServer() as server:
    server.url, server.port
    server.received                                     # every message whose final dot arrived, in order
    server.on("rcpt", "550 5.1.1 No such user", to="bob@example.org")
    server.on("dot", DROP, times=1)                     # accepts the message, closes without an answer, once
    server.on("greeting", HANG)                         # sends nothing more on this connection
    server.stop(); server.start()                       # the restarted server has the same port
    server.connections, server.commands                 # number of connections, and all received commands

Stages: greeting, ehlo, starttls, auth, noop, rset, mail, rcpt, data, body (in the middle of it), dot.
`SmtpServer(starttls=True)`, `SmtpServer(tls=True)`: with the certificate of tests/support/tls, for localhost;
`SmtpServer(login=("user", "password"))`: refuses mail without it. `SmtpServer(pipelining=True)`: offers PIPELINING.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from tests.support.smtp_conversation import DROP, HANG, TLS, Conversation, Mail, Over

__all__ = ["AUTHORITY", "DROP", "HANG", "Mail", "SmtpServer"]

AUTHORITY = TLS / "ca.pem"  # for SSL_CERT_FILE


@dataclass
class _Rule:
    stage: str
    act: str
    to: str | None
    times: int | None


@dataclass
class SmtpServer:
    starttls: bool = False
    tls: bool = False
    pipelining: bool = False
    login: tuple[str, str] | None = None
    received: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _rules: list[_Rule] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)
    _listener: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        user = "{}:{}@".format(*self.login) if self.login else ""
        query = "" if self.tls else f"?starttls={str(self.starttls).lower()}"
        return f"smtp{'s' * self.tls}://{user}localhost:{self.port}{query}"

    @property
    def accepted(self) -> list[Mail]:
        """Messages that the server accepted with 250."""
        return [mail for mail in self.received if mail.answered.startswith("250")]

    def on(self, stage: str, act: str, *, to: str | None = None, times: int | None = None) -> None:
        """Answer `act` at that stage, or HANG or DROP. `to` limits it to one recipient, `times` to a number of uses."""
        with self._lock:
            self._rules.append(_Rule(stage, act, to, times))

    def behave(self) -> None:
        """Remove all scripted answers."""
        with self._lock:
            self._rules.clear()

    def start(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, args=[self._listener], daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Break the open connections, as a server does with those that are idle for long."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def act_at(self, stage: str, recipient: str | None) -> str | None:
        """Return the scripted answer at this stage, if any."""
        with self._lock:
            for rule in reversed(self._rules):
                if rule.stage == stage and rule.to in {None, recipient} and rule.times != 0:
                    rule.times = rule.times and rule.times - 1
                    return rule.act
        return None

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
        with self._kept(connection), contextlib.suppress(OSError, Over):
            Conversation(self, connection).go_on()

    @contextlib.contextmanager
    def _kept(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
