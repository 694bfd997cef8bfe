"""Could this process serve a call right now?"""

from functools import lru_cache
from importlib.resources import files
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import engine, transaction
from app.security.key_verification import find_misfits

PATIENCE_MS: Final = 2000

log = structlog.get_logger()


def database_answers() -> bool:
    """Whether the database is there and migrated far enough; a pooled connection that died is replaced, not believed.

    A newer schema than this code knows is fine, for migrations expand before they contract; an older one is not.
    """
    return _asks() or _asks()


def keys_fit() -> bool:
    """Whether what this process seals and marks can be opened and found by the others, and the other way round."""
    try:
        with transaction() as session:
            misfits = find_misfits(session)
    except SQLAlchemyError:
        return False
    if misfits:
        log.error("keys.wrong", keys={misfit.name: misfit.fault for misfit in misfits})
    return not misfits


@lru_cache(maxsize=1)
def needed_revision() -> str:
    """Of the schema that this code was written for: migrations are named `NNNN_what`."""
    names = (script.name for script in (files("migrations") / "versions").iterdir() if script.name.endswith(".py"))
    return max(name.partition("_")[0] for name in names)


def _asks() -> bool:
    try:
        with engine().connect() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
            present = connection.scalar(text("SELECT version_num FROM alembic_version LIMIT 1"))
    except SQLAlchemyError:
        return False
    return present is not None and present >= needed_revision()
