"""Mailboxes that the process `inbound` reads, on a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Protocol
from uuid import UUID

from app.core.db import new_id, transaction
from app.messaging.mailboxes import service
from app.messaging.mailboxes.models import Mailbox
from tests.support.practice import Practice, sql
from tests.support.processes import wait_until
from workers.inbound.process import InboundProcess

PATIENCE = 60  # seconds


class HasSettings(Protocol):
    """An account on an IMAP server."""

    @property
    def settings(self) -> dict[str, Any]: ...


@contextmanager
def reading() -> Iterator[UUID]:
    """Run the process on a thread."""
    stop, holder = Event(), new_id()
    thread = Thread(target=InboundProcess(holder).run, args=[stop])
    thread.start()
    try:
        yield holder
    finally:
        stop.set()
        thread.join()


def add_mailbox(practice: Practice, account: HasSettings, **more: Any) -> UUID:
    defaults = {"folder": "INBOX", "is_active": True, "mark_seen": False, "since": None}
    with transaction() as session:
        return service.create_mailbox(session, practice.clinic_id, {**defaults, **account.settings, **more}).id


def change(practice: Practice, mailbox_id: UUID, **data: Any) -> None:
    with transaction() as session:
        service.change_mailbox(session, practice.clinic_id, mailbox_id, data)


def received() -> list[str]:
    """Return the Message-IDs, in the order in which they were stored."""
    return [row.message_id for row in sql("SELECT message_id FROM inbound_emails ORDER BY id")]


def state(mailbox_id: UUID) -> Mailbox:
    with transaction() as session:
        return session.get_one(Mailbox, mailbox_id)


def ids(*numbers: int) -> list[str]:
    return [f"<{number}@people.example>" for number in numbers]


def wait_for_mails(*numbers: int) -> None:
    wait_until(lambda: len(received()) >= len(numbers), PATIENCE, f"{len(numbers)} mails, not {received()}")
    assert received() == ids(*numbers)


def wait_until_read(mailbox_id: UUID) -> None:
    """Wait until the folder was read to its end."""
    wait_until(lambda: state(mailbox_id).last_seen_at is not None, PATIENCE, "the mailbox to be read")
