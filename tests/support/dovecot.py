"""Dovecot of the distribution with one account, in a folder of its own. Mail is delivered into its Maildir.

with Dovecot(folder) as server:
    server.deliver(b"Subject: ...")
    server.settings                        # the body of POST /api/mailboxes, with TLS
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

from app.ops.embedded import free_port, is_taken
from tests.support.processes import wait_until
from tests.support.smtp_conversation import TLS

ADDRESS, PASSWORD = "hello@clinic.example", "only-for-tests"
NOBODY = 65534  # user and group of the mails
CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = yes
ssl_cert = <{tls}/server.pem
ssl_key = <{tls}/server.pem
mail_location = maildir:{folder}/mail
mailbox_idle_check_interval = 1 s
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={nobody} gid={nobody} home={folder}/home
}}
service imap-login {{
  inet_listener imap {{
    port = {starttls_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


def missing() -> str | None:
    """Return why Dovecot cannot run here; None if it can."""
    if shutil.which("dovecot") is None:
        return "dovecot-imapd is not installed"
    return None if os.geteuid() == 0 else "Dovecot must be started as root"


@dataclass
class Dovecot:
    folder: Path
    port: int = field(default_factory=free_port)
    starttls_port: int = field(default_factory=free_port)
    _numbers: Any = field(default_factory=lambda: count(1))

    @property
    def settings(self) -> dict[str, Any]:
        login = {"username": ADDRESS, "password": PASSWORD}
        return {"name": "Desk", "host": "localhost", "port": self.port, "security": "tls", **login}

    def deliver(self, content: bytes) -> None:
        """Put a mail into the folder, as a delivery agent does."""
        name = f"{time.time():.6f}.{next(self._numbers)}.test"
        draft = self.folder / "mail" / "tmp" / name
        draft.write_bytes(content)
        os.chown(draft, NOBODY, NOBODY)
        draft.rename(self.folder / "mail" / "new" / name)

    def renumber(self) -> None:
        """Give all mails new numbers, as after the loss of an index."""
        for file in (self.folder / "mail").glob("dovecot*"):
            file.unlink()
        began = time.monotonic()  # Dovecot takes the new UIDVALIDITY from its clock, in seconds
        wait_until(lambda: time.monotonic() > began + 1, 60, "the next second")

    def __enter__(self) -> Self:
        for name in ("tmp", "new", "cur"):
            (self.folder / "mail" / name).mkdir(parents=True)
        (self.folder / "home").mkdir()
        for place in (self.folder / "mail", *(self.folder / "mail").iterdir(), self.folder / "home"):
            os.chown(place, NOBODY, NOBODY)
        for place in (self.folder, *self.folder.parents):
            if place.is_relative_to("/tmp") and place != Path("/tmp"):
                place.chmod(place.stat().st_mode | 0o011)  # Dovecot's own users pass through it
        text = CONFIGURATION.format(
            folder=self.folder,
            tls=TLS,
            password=PASSWORD,
            nobody=NOBODY,
            port=self.port,
            starttls_port=self.starttls_port,
        )
        file = self.folder / "dovecot.conf"
        file.write_text(text)
        with (self.folder / "start.log").open("w") as log:
            self._process = subprocess.Popen(["dovecot", "-F", "-c", file], stdout=log, stderr=log)
        wait_until(lambda: is_taken(self.port), 60, "Dovecot to listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
