"""One connection of the scripted SMTP server in tests/support/smtp.py."""

import base64
import socket
import ssl
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

TLS = Path(__file__).parent / "tls"


class Act(StrEnum):
    HANG = "hang"
    DROP = "drop"


HANG, DROP = Act.HANG, Act.DROP

USUAL = {
    "greeting": "220 localhost ready",
    "starttls": "220 2.0.0 Go ahead",
    "auth": "235 2.7.0 Welcome",
    "noop": "250 2.0.0 Still here",
    "rset": "250 2.0.0 Forgotten",
    "mail": "250 2.1.0 OK",
    "rcpt": "250 2.1.5 OK",
    "data": "354 End data with <CR><LF>.<CR><LF>",
    "dot": "250 2.0.0 Queued as 1",
}


@dataclass(frozen=True)
class Mail:
    """A message that arrived whole; `answered` tells whether the sender was told so, and how."""

    sender: str
    recipient: str
    raw: bytes
    answered: str

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]


class Script(Protocol):
    """How the server is to behave, and what it keeps."""

    starttls: bool
    tls: bool
    pipelining: bool
    login: tuple[str, str] | None
    received: list[Mail]
    commands: list[str]

    def act_at(self, stage: str, recipient: str | None) -> str | None: ...


class Over(Exception):
    """The server closes the connection."""


class Conversation:
    def __init__(self, server: Script, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.lines: BinaryIO = connection.makefile("rb")
        self.sender = self.recipient = ""
        self.takes_recipient = False
        self.logged_in = server.login is None
        if server.tls:
            self._encrypt()

    def go_on(self) -> None:
        self._answer("greeting")
        while line := self.lines.readline():
            self._obey(line.decode().rstrip("\r\n"))

    def _obey(self, line: str) -> None:
        self.server.commands.append(line)
        verb, _, rest = line.partition(" ")
        obey = getattr(self, f"_{verb.lower()}", None)
        if obey is None:
            self._say("500 5.5.2 What?")
        else:
            obey(rest)

    def _ehlo(self, _: str) -> None:
        offers = ["STARTTLS"] * (self.server.starttls and not isinstance(self.connection, ssl.SSLSocket))
        offers += ["PIPELINING"] * self.server.pipelining
        offers += ["AUTH PLAIN LOGIN XOAUTH2"] * (self.server.login is not None)
        self._answer("ehlo", "\r\n".join(["250-localhost", *(f"250-{offer}" for offer in offers), "250 HELP"]))

    def _starttls(self, _: str) -> None:
        self._answer("starttls")
        self._encrypt()

    def _auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        content = base64.b64decode(initial).decode()
        if mechanism == "XOAUTH2":  # the password is the token
            user, _, token = content.removeprefix("user=").rstrip("\x01").partition("\x01auth=Bearer ")
            given = [user, token]
            if tuple(given) != self.server.login:
                self._say("334 eyJzdGF0dXMiOiI0MDAifQ==")
                self.lines.readline()
        else:
            given = content.split("\0")[1:]
        self.logged_in = tuple(given) == self.server.login
        self._answer("auth", None if self.logged_in else "535 5.7.8 Bad user or password")

    def _noop(self, _: str) -> None:
        self._answer("noop")

    def _rset(self, _: str) -> None:
        self._answer("rset")

    def _mail(self, rest: str) -> None:
        self.recipient, self.takes_recipient = "", False
        self.sender = rest.partition("<")[2].partition(">")[0]
        self._answer("mail", None if self.logged_in else "530 5.7.0 Log in first")

    def _rcpt(self, rest: str) -> None:
        self.recipient = rest.partition("<")[2].partition(">")[0]
        self.takes_recipient = self._answer("rcpt").startswith("25")

    def _data(self, _: str) -> None:
        usual = None if self.takes_recipient else "554 5.5.1 No valid recipients"
        if not self._answer("data", usual).startswith("354"):
            return
        raw = b""
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise Over  # no dot, no message
            if not raw:
                self._misbehave("body")
            raw += line.removeprefix(b".") if line.startswith(b"..") else line
        self._take(raw)

    def _quit(self, _: str) -> None:
        raise Over

    def _take(self, raw: bytes) -> None:
        act = self.server.act_at("dot", self.recipient)
        answer = act or USUAL["dot"]
        self.server.received.append(Mail(self.sender, self.recipient, raw, answer))
        self._do(answer)

    def _answer(self, stage: str, usual: str | None = None) -> str:
        answer = self.server.act_at(stage, self.recipient or None) or usual or USUAL[stage]
        self._do(answer)
        return answer

    def _misbehave(self, stage: str) -> None:
        if act := self.server.act_at(stage, self.recipient):
            self._do(act)

    def _do(self, act: str) -> None:
        if act == DROP:
            raise Over
        if act == HANG:
            while self.lines.read(1):  # until the other side has had enough
                pass
            raise Over
        self._say(act)
        if act.startswith("421"):
            raise Over

    def _say(self, answer: str) -> None:
        self.connection.sendall(f"{answer}\r\n".encode())

    def _encrypt(self) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(TLS / "server.pem")
        # A copy of the descriptor: the server still has the first one to break the connection with.
        self.connection = context.wrap_socket(self.connection.dup(), server_side=True)
        self.lines = self.connection.makefile("rb")
