"""Could this process serve a call right now?"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.db import engine

PATIENCE_MS: Final = 2000


def database_answers() -> bool:
    """Whether the database is there and migrated; a pooled connection that died is replaced, not believed."""
    return _asks() or _asks()


def _asks() -> bool:
    try:
        with engine().connect() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
            connection.execute(text("SELECT FROM alembic_version LIMIT 1"))
    except SQLAlchemyError:
        return False
    return True
