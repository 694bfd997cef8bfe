"""The process: holds mailboxes by leases, starts a thread for each, and stops those that it no longer holds."""

import signal
from collections.abc import Sequence
from threading import Event
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import wiring
from app.config import get_settings
from app.core.database.session import require_safe_session
from app.core.db import engine, new_id, transaction
from app.core.telemetry import logs
from app.engine.statistics.metrics_store import Counts, add_counts
from app.engine.statistics.process_keys import own_keys
from app.engine.steps.publish import flush
from app.messaging.mailboxes.reading_state import Claim, claim_mailboxes, release_mailboxes
from app.security.key_verification import require_valid_keys
from workers.error_text import describe_error
from workers.inbound.reader import MailboxReader
from workers.watchdog import notify

INTERVAL: Final = 2.0  # seconds between two looks for new and changed mailboxes; also that of the heartbeats
STOP_WITHIN: Final = 20.0  # seconds for the threads to finish their mail

log = structlog.get_logger()


def main() -> None:
    """Read all active mailboxes until SIGTERM or SIGINT."""
    logs.configure()
    wiring.connect()
    require_safe_session(engine())
    require_valid_keys()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    InboundProcess(new_id()).run(stop)
    flush()


class InboundProcess:
    """All readers of this process. `holder` is its name in the leases."""

    def __init__(self, holder: UUID) -> None:
        self._holder = holder
        self._readers: dict[Claim, MailboxReader] = {}
        self._has_reported = False  # its keys

    def run(self, stop: Event) -> None:
        """Hold mailboxes and read them until `stop` is set."""
        log.info("inbound.started")
        while not stop.is_set():
            notify()
            self._update()
            stop.wait(INTERVAL)
        self._stop()

    def _update(self) -> None:
        try:
            with transaction() as session:
                held = claim_mailboxes(session, self._holder, most=get_settings().inbound_mailboxes)
                self._report_keys(session, is_running=True)
        except SQLAlchemyError as error:  # the readers check the lease with every mail
            log.warning("inbound.database_unavailable", because=describe_error(error))
            return
        self._has_reported = True
        self._end_readers(held)
        for claim in held:
            if claim not in self._readers:
                self._readers[claim] = reader = MailboxReader(claim)
                reader.start()

    def _end_readers(self, held: Sequence[Claim]) -> None:
        """Stop the readers of mailboxes that are no longer held at this version, and forget those that have ended."""
        for claim, reader in list(self._readers.items()):
            if claim not in held:
                reader.stop()
            if not reader.is_alive():
                del self._readers[claim]

    def _stop(self) -> None:
        for reader in self._readers.values():
            reader.stop()
        for reader in self._readers.values():
            notify()
            reader.join(STOP_WITHIN)
        try:
            with transaction() as session:
                release_mailboxes(session, self._holder)
                self._report_keys(session, is_running=False)
        except SQLAlchemyError as error:
            log.warning("inbound.not_released", because=describe_error(error))

    def _report_keys(self, session: Session, *, is_running: bool) -> None:
        add_counts(session, Counts({own_keys("inbound"): is_running - self._has_reported}))
