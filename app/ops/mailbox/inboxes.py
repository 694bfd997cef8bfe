"""Inboxes of the development mailbox: mails that Relance reads by IMAP. One folder of numbered files per account."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from app import clock
from app.ops.embedded import CannotStart
from app.ops.stack.environment import read_private, write_private

FILE = re.compile(r"(\d{9})-(\d{8}T\d{6})\.eml")
STAMP = "%Y%m%dT%H%M%S"
ACCOUNTS = "accounts.json"  # the passwords by address


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail. Its number (UID) never changes."""

    uid: int
    received_at: datetime
    file: Path


@dataclass
class Inbox:
    """The mails of one account. `uidvalidity` changes when the mails get new numbers."""

    folder: Path
    seen: set[int] = field(default_factory=set)
    uidvalidity: int = 1
    _listeners: set[Callable[[], object]] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def mails(self) -> list[Mail]:
        """Return the mails in the order of their numbers."""
        found = ((FILE.fullmatch(file.name), file) for file in self.folder.glob("*.eml"))
        mails = [Mail(int(name[1]), _read_stamp(name[2]), file) for name, file in found if name]
        return sorted(mails, key=lambda mail: mail.uid)

    def deliver(self, content: bytes, *, at: datetime | None = None) -> int:
        """Store one mail atomically and notify the listeners. Returns its number."""
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            uid = max((mail.uid for mail in self.mails()), default=0) + 1
            name = f"{uid:09}-{(at or clock.now()).astimezone(UTC).strftime(STAMP)}"
            draft = self.folder / f"{name}.tmp"
            draft.write_bytes(content)
            draft.rename(self.folder / f"{name}.eml")
        for listener in list(self._listeners):
            listener()
        return uid

    @contextmanager
    def listening(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call `listener` after each delivery, from the thread that delivers."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)


@dataclass
class Inboxes:
    """The inboxes by account. `relance seed` and the demo create the accounts."""

    folder: Path
    _inboxes: dict[str, Inbox] = field(default_factory=dict)

    def sign_in(self, address: str, password: str) -> Inbox | None:
        """Return the account's inbox; None if the address or the password is wrong."""
        known = read_accounts(self.folder).get(address.lower())
        is_right = known is not None and secrets.compare_digest(known.encode(), password.encode())
        return self._inbox(address.lower()) if is_right else None

    def of_recipient(self, address: str) -> Inbox | None:
        """Return the inbox that gets mail for an address, also with a tag (`hello+tag@...`); None if there is none."""
        local, _, domain = address.lower().rpartition("@")
        account = f"{local.partition('+')[0]}@{domain}"
        return self._inbox(account) if account in read_accounts(self.folder) else None

    def _inbox(self, account: str) -> Inbox:
        return self._inboxes.setdefault(account, Inbox(self.folder / "inboxes" / re.sub(r"[^a-z0-9.@-]", "_", account)))


def read_accounts(folder: Path) -> Mapping[str, str]:
    """Return the passwords by address."""
    try:
        return read_private(folder / ACCOUNTS)
    except CannotStart:
        return {}


def add_account(folder: Path, address: str) -> str:
    """Create the account, if it does not exist. Returns its password."""
    accounts = dict(read_accounts(folder))
    password = accounts.setdefault(address.lower(), secrets.token_urlsafe(12))
    write_private(folder / ACCOUNTS, accounts)
    return password


def _read_stamp(text: str) -> datetime:
    return datetime.strptime(f"{text}+0000", f"{STAMP}%z")
