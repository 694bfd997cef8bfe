"""Thread that reads one mailbox: connects, receives what is new, and waits for more. After a failure it tries again."""

import random
from threading import Event, Thread
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import transaction
from app.messaging.mailboxes.imap_client import IMAP_ERRORS, ImapClient, SignInRefused, error_text, open_mailbox
from app.messaging.mailboxes.reading_state import (
    Claim,
    Folder,
    NotHeld,
    Place,
    load_place,
    record_failed,
    record_opened,
    record_seen,
)
from workers.error_text import describe_error
from workers.inbound.receive_new import receive_new

RENEWAL: Final = 300.0  # seconds of one IDLE; servers end it after 29 minutes (RFC 2177), and routers earlier
POLL_INTERVAL: Final = 20.0  # seconds between two reads of a server without IDLE
CHECK_INTERVAL: Final = 1.0  # seconds after which a waiting thread sees that it is to stop
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0  # seconds before the next attempt; it doubles each time
PAUSE_AFTER_REFUSAL: Final = 60.0  # servers lock accounts after many wrong passwords

log = structlog.get_logger()


class MailboxReader(Thread):
    """Reads a mailbox while this process holds it."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(name=f"mailbox-{claim.mailbox_id}", daemon=True)
        self._claim = claim
        self._stop_reading = Event()
        self._failures = 0

    def stop(self) -> None:
        """Ask the thread to end. A mail that it has begun is finished."""
        self._stop_reading.set()

    def run(self) -> None:
        """Read until the thread is to stop, or the mailbox is held by another process."""
        while not self._stop_reading.is_set():
            try:
                self._read()
            except NotHeld:
                return
            except SQLAlchemyError as error:  # no failure of the mailbox
                log.warning("mailbox.database_unavailable", because=describe_error(error))
                self._stop_reading.wait(FIRST_PAUSE)
            except IMAP_ERRORS as error:
                self._note_failure(error, error_text(error))
            except Exception as error:
                log.exception("mailbox.failed", mailbox=str(self._claim.mailbox_id))
                self._note_failure(error, f"internal error: {type(error).__name__}")

    def _read(self) -> None:
        with transaction() as session:
            place = load_place(session, self._claim)
        with open_mailbox(place.login) as client:
            folder = _open_folder(client, place)
            with transaction() as session:
                last_uid = record_opened(session, self._claim, folder)
            while not self._stop_reading.is_set():
                last_uid = receive_new(client, place, self._claim, last_uid, stop=self._stop_reading)
                with transaction() as session:
                    record_seen(session, self._claim)
                self._failures = 0
                self._wait(client, supports_idle=folder.supports_idle)

    def _wait(self, client: ImapClient, *, supports_idle: bool) -> None:
        """Wait for mail; at the longest RENEWAL, or POLL_INTERVAL without IDLE."""
        if not supports_idle:
            self._stop_reading.wait(POLL_INTERVAL)
            client.allow()
            client.noop()
            return
        if client.has_news:
            return  # reported while the mails were read
        client.start_idle()
        waited = 0.0
        while not (client.has_news or self._stop_reading.is_set() or waited >= RENEWAL):
            client.wait_in_idle(CHECK_INTERVAL)
            waited += CHECK_INTERVAL
        client.end_idle()

    def _note_failure(self, error: Exception, text: str) -> None:
        write = log.info if self._may_be_starting(error) else log.warning
        write("mailbox.unavailable", mailbox=str(self._claim.mailbox_id), because=type(error).__name__)
        try:
            with transaction() as session:
                record_failed(session, self._claim, text)
        except NotHeld:
            self._stop_reading.set()
        except SQLAlchemyError as failure:
            log.warning("mailbox.database_unavailable", because=describe_error(failure))
        self._stop_reading.wait(self._pause(error))

    def _may_be_starting(self, error: Exception) -> bool:
        """Return whether nothing listens at the first attempt: server and process may have started together."""
        return self._failures == 0 and isinstance(error, ConnectionRefusedError)

    def _pause(self, error: Exception) -> float:
        """Return the seconds until the next attempt, with jitter."""
        first = PAUSE_AFTER_REFUSAL if isinstance(error, SignInRefused) else FIRST_PAUSE
        self._failures += 1
        return min(LONGEST_PAUSE, first * 2.0 ** min(self._failures - 1, 10)) * random.uniform(0.8, 1.2)  # noqa: S311


def _open_folder(client: ImapClient, place: Place) -> Folder:
    client.allow()
    opened = client.select_folder(place.login.folder, readonly=not place.mark_seen)
    return Folder(opened[b"UIDVALIDITY"], opened[b"UIDNEXT"], client.has_capability("IDLE"))
