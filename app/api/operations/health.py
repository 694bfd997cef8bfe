"""Readiness checks of this process: database, schema version and keys."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.resources import files
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import models as _models  # noqa: F401  (registers all tables)
from app.core.database_roles import access_problems
from app.core.db import Base, engine, transaction
from app.engine.holds import current_hold
from app.security.key_verification import find_key_problems

READY: Final = "ready"
HELD: Final = "held"  # calls are served, and no step runs
PATIENCE_MS: Final = 2000

log = structlog.get_logger()


def is_database_ready() -> bool:
    """Whether the database answers and its schema is recent enough. A second attempt replaces a dead pooled connection.

    A newer schema is accepted, because migrations expand before they contract. An older one is not.
    """
    return _schema_is_current() or _schema_is_current()


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


@lru_cache(maxsize=1)
def needed_revision() -> str:
    """Return the schema revision that this code needs: the number of the last migration (`NNNN_name`)."""
    names = (script.name for script in (files("migrations") / "versions").iterdir() if script.name.endswith(".py"))
    return max(name.partition("_")[0] for name in names)


def _schema_is_current() -> bool:
    try:
        with engine().connect() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
            present = connection.scalar(text("SELECT version_num FROM alembic_version LIMIT 1"))
    except SQLAlchemyError:
        return False
    return present is not None and present >= needed_revision()
