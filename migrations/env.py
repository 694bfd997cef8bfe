"""Alembic entry point. Migrations run as the owner of the tables; the application never does."""

import time
from typing import Final

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event, pool
from sqlalchemy.exc import OperationalError

from app.config import get_settings
from app.models import Base

# A migration that waits for a lock holds up all that want the table. It gives up before PostgreSQL looks for deadlocks
# (`deadlock_timeout`, 1 s), so that no call of a running process fails, and begins again after a pause.
LOCK_WAIT: Final = "500ms"
PAUSE: Final = 0.5  # seconds
PATIENCE: Final = 120.0  # seconds
BUSY: Final = frozenset({"55P03", "40P01"})  # lock not available, deadlock


def run() -> None:
    """Run each migration in a transaction of its own, on a separate connection.

    Raises CommandError if other transactions hold the locks for longer than PATIENCE after the first refusal. The migrations before stay.
    """
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool, connect_args={"prepare_threshold": None})
    refused_since: float | None = None
    while True:
        try:
            with engine.connect() as connection:
                return _run(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in BUSY:
                raise
            refused_since = refused_since or time.monotonic()
            if time.monotonic() > refused_since + PATIENCE:
                raise CommandError(f"other transactions hold locks that a migration needs: {error.orig}") from error
        time.sleep(PAUSE)


def _run(connection: Connection) -> None:
    event.listen(connection, "begin", _limit_lock_waits)
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def _limit_lock_waits(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")


run()
