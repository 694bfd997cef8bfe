"""End transactions that are not committed, without losing the prepared statements of the connection."""

from contextlib import suppress
from typing import Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

_HAS_WRITTEN: Final = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"


def commit_if_nothing_is_written(session: Session) -> None:
    """Before a rollback: end the transaction of the connection with COMMIT if it has only read.

    Both commands have the same effect then. But after a ROLLBACK psycopg drops all prepared statements of the
    connection, and PostgreSQL parses and plans the queries of the next calls again. The rollback that follows finds no
    transaction and sends nothing; pending objects of the session are not written.
    """
    if session.is_active and session.in_transaction() and not session.in_nested_transaction():
        with suppress(psycopg.Error, SQLAlchemyError):  # the rollback itself deals with a broken connection
            _commit_if_nothing_is_written(session)


def _commit_if_nothing_is_written(session: Session) -> None:
    driver: psycopg.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    if driver.prepare_threshold is None or driver.info.transaction_status is not TransactionStatus.INTRANS:
        return
    if driver.execute(_HAS_WRITTEN).fetchone() == (False,):
        driver.commit()
