"""Readiness checks of this process: database, schema version, keys, and storage."""

from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import Row, text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session

from app import models as _models  # noqa: F401  (registers all tables)
from app.config import get_settings
from app.core.database.schema_revision import needed_revision
from app.core.database.session import session_problems
from app.core.database_roles import access_problems
from app.core.db import Base, sessions
from app.core.files.disk_space import full_disks
from app.engine.broker_health import broker_refuses_writes
from app.engine.steps.holds import current_hold
from app.http.problems import KeysWrong, StorageFull, Unavailable, WritesRefused, storage_was_full
from app.security.key_verification import describe_problems, find_key_problems

READY: Final = "ready"
HELD: Final = "held"  # calls are served, and no step runs
PATIENCE_MS: Final = 2000
_STATE: Final = text(
    "SELECT version_num, current_setting('transaction_read_only') = 'on' AS read_only FROM alembic_version LIMIT 1"
)

log = structlog.get_logger()


def require_ready() -> str:
    """Check everything that a call needs, over one connection. Returns READY, or HELD while the system is held.

    Raises:
        Unavailable: with a reason that reveals nothing confidential.
    """
    status = _check_database()
    if disks := full_disks(get_settings()):
        log.error("disk.full", disks=[str(disk) for disk in disks])
        raise StorageFull("The disk of the server is almost full.")
    if storage_was_full():
        raise StorageFull("The database has just refused a write because its disk is full.")
    if broker_refuses_writes():
        raise StorageFull("The broker refuses writes: its disk or memory is full, or it is read-only.")
    return status


def _check_database() -> str:
    """Check the database and return the status. A second attempt replaces a dead pooled connection."""
    for _ in range(2):
        with suppress(SQLAlchemyError), sessions()() as session:
            return _check_session(session)
    raise Unavailable


def _check_session(session: Session) -> str:
    session.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
    state = _read_state(session)
    _require_access(session)
    _require_schema(state)
    _require_safe_session(session)
    _require_keys(session)
    return HELD if current_hold(session) else READY


def _read_state(session: Session) -> Row[tuple[str, bool]] | None:
    """Return revision and read-only flag, or None if the table does not exist or the role may not read it."""
    try:
        return session.execute(_STATE).one_or_none()
    except ProgrammingError:
        session.rollback()
        return None


def _require_access(session: Session) -> None:
    if problems := access_problems(session.connection(), Base.metadata.tables.keys()):
        raise Unavailable(f"Access to the database is incomplete: {problems[0]}. Run `relance init`.")


def _require_schema(state: Row[tuple[str, bool]] | None) -> None:
    """Check that the schema is recent and the database accepts writes.

    A newer schema is accepted, because migrations expand before they contract. An older one is not.
    """
    if state is None or state.version_num < needed_revision():
        raise Unavailable("The database schema is older than the code: run `relance init`.")
    if state.read_only:
        raise WritesRefused


def _require_safe_session(session: Session) -> None:
    """Check role and settings of the session. A pooler or a changed login can lose them while the process runs."""
    if problems := session_problems(session.connection()):
        log.error("database.unsafe_session", problems=problems)
        raise Unavailable(f"Role or settings of the database session are wrong: {problems[0]}.")


def _require_keys(session: Session) -> None:
    """Check that this process has the same encryption and blind index keys as the others."""
    if problems := find_key_problems(session):
        log.error("keys.wrong", keys={problem.name: problem.fault for problem in problems})
        raise KeysWrong(f"This process cannot read the data: {describe_problems(problems)}.")
