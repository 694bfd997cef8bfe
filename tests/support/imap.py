"""An IMAP server for tests: that of the development mailbox, with one account.

with ImapAccount(folder) as account:
    account.inbox.deliver(b"Subject: ...")
    account.settings                       # the body of POST /api/mailboxes
    account.stop(); account.start()        # the restarted server has the same port
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from app.ops.mailbox.imap_server import ImapServer
from app.ops.mailbox.inboxes import Inbox, Inboxes, add_account

ADDRESS = "hello@clinic.example"


@dataclass
class ImapAccount:
    folder: Path
    has_idle: bool = True
    port: int = 0
    server: ImapServer = field(init=False)
    password: str = field(init=False)
    _running: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.inboxes = Inboxes(self.folder)
        self.password = add_account(self.folder, ADDRESS)

    @property
    def inbox(self) -> Inbox:
        found = self.inboxes.of_recipient(ADDRESS)
        assert found is not None
        return found

    @property
    def settings(self) -> dict[str, Any]:
        login = {"username": ADDRESS, "password": self.password}
        return {"name": "Desk", "host": "127.0.0.1", "port": self.port, "security": "none", **login}

    def start(self) -> Self:
        self.server = ImapServer(self.inboxes, "127.0.0.1", self.port, has_idle=self.has_idle)
        self._running.enter_context(self.server.running())
        self.port = self.server.port
        return self

    def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def mail(number: int, *, text: str = "Yes, Tuesday works.", **headers: str) -> bytes:
    """Return a mail with a Message-ID of its own."""
    given = {"From": "ana@people.example", "To": ADDRESS, "Subject": f"Mail {number}", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, f"Message-ID: <{number}@people.example>", "", text, ""]).encode()
