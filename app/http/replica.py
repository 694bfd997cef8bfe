"""Reads from a streaming replica of the database, where REPLICA_DATABASE_URL names one.

A read sees all changes that were committed before it: it waits until the replica has replayed the log of the primary
up to this moment. Where that takes too long, or the replica does not answer, the primary answers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.config import get_settings
from app.core.database.row_security import restrict_to_clinic
from app.core.db import replica_engine

PATIENCE: Final = 1.0  # seconds that a read waits for the replica
POLL_INTERVAL: Final = 0.01  # seconds
PAUSE: Final = 30.0  # seconds without reads from a replica that failed

_POSITION: Final = text(
    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)::text"
)
_HAS_REPLAYED: Final = text("SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn)")

T = TypeVar("T")
log = structlog.get_logger()


class ReplicaUnusable(Exception):
    """The replica did not answer, or has not replayed enough: read from the primary."""


@dataclass
class Pause:
    """Time (of the monotonic clock) until which this process asks no replica, because it failed."""

    until: float = 0.0


pause: Final = Pause()


def is_usable() -> bool:
    """Return whether there is a replica, and it has not failed within the last seconds."""
    return bool(get_settings().replica_database_url.get_secret_value()) and time.monotonic() >= pause.until


def primary_position(session: Session) -> str:
    """Return the position in the log of the primary behind everything that is committed now, such as `0/3000148`."""
    return str(session.scalar(_POSITION))


def read_at(position: str, clinic_id: UUID, read: Callable[[Session], T]) -> T:
    """Run a read on the replica once it has replayed the log up to a position. It sees the rows of one clinic.

    Raises:
        ReplicaUnusable: also if the replica ended the read, because replay removed rows that it needed.
    """
    try:
        with Session(replica_engine(), expire_on_commit=False) as session:
            restrict_to_clinic(session, clinic_id)
            _wait_until_replayed(session, position)
            found = read(session)
            session.commit()
            return found
    except (OperationalError, PoolTimeout, InternalError) as error:
        _pause(type(error.__cause__ or error).__name__)
        raise ReplicaUnusable from None


def _wait_until_replayed(session: Session, position: str) -> None:
    last = time.monotonic() + PATIENCE
    while not session.scalar(_HAS_REPLAYED, {"position": position}):
        if time.monotonic() > last:
            _pause("it has not replayed the log, or is no replica")
            raise ReplicaUnusable
        time.sleep(POLL_INTERVAL)


def _pause(reason: str) -> None:
    pause.until = time.monotonic() + PAUSE
    log.warning("replica_not_used", reason=reason, seconds=PAUSE)
