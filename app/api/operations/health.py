"""Readiness checks of this process: database, schema version, keys, and storage."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from app import models as _models  # noqa: F401  (registers all tables)
from app.config import get_settings
from app.core.database.schema_revision import needed_revision
from app.core.database.session import session_problems
from app.core.database_roles import access_problems
from app.core.db import Base, engine, transaction
from app.core.disk_space import full_disks
from app.engine.broker_health import broker_refuses_writes
from app.engine.steps.holds import current_hold
from app.http.problems import StorageFull, Unavailable, WritesRefused, storage_was_full
from app.security.key_verification import find_key_problems

READY: Final = "ready"
HELD: Final = "held"  # calls are served, and no step runs
PATIENCE_MS: Final = 2000
_STATE: Final = text(
    "SELECT version_num, current_setting('transaction_read_only') = 'on' AS read_only FROM alembic_version LIMIT 1"
)

log = structlog.get_logger()


def require_ready() -> None:
    """Check everything that a call needs.

    Raises:
        Unavailable: with a reason that reveals nothing confidential.
    """
    _require_database()
    _require_access()
    _require_safe_session()
    if not are_keys_valid():
        raise Unavailable("An encryption key is wrong or missing. The log of this process names it.")
    if disks := full_disks(get_settings()):
        log.error("disk.full", disks=[str(disk) for disk in disks])
        raise StorageFull("The disk of the server is almost full.")
    if storage_was_full():
        raise StorageFull("The database has just refused a write because its disk is full.")
    if broker_refuses_writes():
        raise StorageFull("The broker refuses writes: its disk or memory is full, or it is read-only.")


def find_access_problems() -> Sequence[str]:
    """Return what the roles of the database lack, in words. Empty if the database does not answer.

    A second attempt replaces a dead pooled connection.
    """
    for _ in range(2):
        with suppress(SQLAlchemyError), transaction() as session:
            return access_problems(session.connection(), Base.metadata.tables.keys())
    return []


def are_keys_valid() -> bool:
    """Whether this process has the same encryption and blind index keys as the others."""
    try:
        with transaction() as session:
            problems = find_key_problems(session)
    except SQLAlchemyError:
        return False
    if problems:
        log.error("keys.wrong", keys={problem.name: problem.fault for problem in problems})
    return not problems


def serving_status() -> str:
    """Return READY, or HELD while the system is held. Needs a current schema."""
    with transaction() as session:
        return HELD if current_hold(session) else READY


def _require_database() -> None:
    """Check that the database answers, accepts writes, and has a recent schema.

    A newer schema is accepted, because migrations expand before they contract. An older one is not.
    """
    state = _state()
    if state is None or state.version_num < needed_revision():
        raise Unavailable("The database schema is older than the code: run `relance init`.")
    if state.read_only:
        raise WritesRefused


def _require_access() -> None:
    if problems := find_access_problems():
        raise Unavailable(f"Access to the database is incomplete: {problems[0]}. Run `relance init`.")


def _require_safe_session() -> None:
    """Check role and settings of the session. A pooler or a changed login can lose them while the process runs."""
    with engine().connect() as connection:
        problems = session_problems(connection)
    if problems:
        log.error("database.unsafe_session", problems=problems)
        raise Unavailable(f"Role or settings of the database session are wrong: {problems[0]}.")


def _state() -> Row[tuple[str, bool]] | None:
    """Return revision and read-only flag, or None without tables. A second attempt replaces a dead connection."""
    try:
        return _read_state()
    except ProgrammingError:  # the table does not exist, or the role may not read it
        _require_access()
        return None
    except DBAPIError:
        pass
    try:
        return _read_state()
    except SQLAlchemyError:
        raise Unavailable from None


def _read_state() -> Row[tuple[str, bool]] | None:
    with engine().connect() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
        return connection.execute(_STATE).one_or_none()
