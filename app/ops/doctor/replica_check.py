"""Check of the replica that answers reports and exports."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.config import get_settings
from app.core.db import replica_engine
from app.ops.doctor.check import TIMEOUT, Check
from app.ops.stack.connectivity import database_problem, first_line

MAX_LAG: Final = 60.0  # seconds
PRIMARY_ANSWERS: Final = "until then the primary answers reports and exports"

_STATE: Final = text(
    "SELECT pg_is_in_recovery() AS is_replica, pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()"
    " AS is_behind, extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float AS seconds"
)


def check_replica() -> Iterator[Check]:
    """Ask the replica whether it follows the primary; no check without REPLICA_DATABASE_URL."""
    if url := get_settings().replica_database_url.get_secret_value():
        problem = database_problem(url, name="REPLICA_DATABASE_URL", timeout=TIMEOUT)
        yield Check("replica", problem, f"start it or correct the address; {PRIMARY_ANSWERS}") if problem else _state()


def _state() -> Check:
    try:
        with replica_engine().connect() as connection:
            found = connection.execute(_STATE).one()
    except SQLAlchemyError as error:
        return Check("replica", first_line(error), f"see the log of the replica; {PRIMARY_ANSWERS}")
    if not found.is_replica:
        return Check("replica", "is no replica", f"point REPLICA_DATABASE_URL to a standby; {PRIMARY_ANSWERS}")
    if found.is_behind and (found.seconds or 0) > MAX_LAG:
        return Check("replica", f"{found.seconds:.0f} seconds behind", f"see its load and log; {PRIMARY_ANSWERS}")
    return Check("replica", "follows the primary")
